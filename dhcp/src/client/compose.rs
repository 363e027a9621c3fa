//! What is in each message (RFC 2131 table 5).

use core::net::Ipv4Addr;

use super::{Client, State};
use crate::{
    options,
    request::Request,
    wire::{BROADCAST_FLAG, Header, MessageType},
};

impl Client {
    /// The message that is due in this state.
    pub(super) fn compose(&self) -> Request {
        let kind = match self.state {
            State::Selecting | State::Init => MessageType::DISCOVER,
            State::Declining => MessageType::DECLINE,
            State::Releasing | State::Released => MessageType::RELEASE,
            _ => MessageType::REQUEST,
        };
        let mut header = Header::request(self.mac, self.xid);
        let ours = self.lease.map(|lease| lease.address.address());
        match (self.state, ours) {
            (State::Renewing | State::Rebinding, Some(ours)) => {
                header.secs = self.secs.into();
                header.ciaddr = ours.octets();
            }
            (State::Releasing, Some(ours)) => header.ciaddr = ours.octets(),
            (State::Declining, _) => {}
            _ => {
                header.secs = self.secs.into();
                // Without an address we receive broadcasts alone (RFC 2131 4.1).
                header.flags = BROADCAST_FLAG.into();
            }
        }
        let request = Request::new(kind, header, &self.id);
        let wanted = self.wanted.unwrap_or(Ipv4Addr::UNSPECIFIED);
        let (server, everybody) = (self.server, Ipv4Addr::BROADCAST);
        match (self.state, ours) {
            (State::Requesting, _) => request
                .with(options::REQUESTED_ADDRESS, wanted)
                .with(options::SERVER_ID, server)
                .with_parameters(),
            (State::Renewing, Some(ours)) => request.between(ours, server).with_parameters(),
            (State::Rebinding, Some(ours)) => request.between(ours, everybody).with_parameters(),
            (State::Declining, _) => {
                request.with(options::REQUESTED_ADDRESS, wanted).with(options::SERVER_ID, server)
            }
            (State::Releasing, Some(ours)) => {
                request.between(ours, server).with(options::SERVER_ID, server)
            }
            _ => match self.wanted {
                Some(wanted) => request.with(options::REQUESTED_ADDRESS, wanted).with_parameters(),
                None => request.with_parameters(),
            },
        }
        .ended()
    }
}
