//! What the client makes of a message.

use core::{error::Error, fmt, net::Ipv4Addr, time::Duration};

use layer::Instant;

use super::{Client, NEVER, News, State, Timers};
use crate::{
    lease::{self, Changes, Lease, LeaseError},
    options,
    wire::{BOOT_REPLY, Message, MessageType, ParseError},
};

/// The part of T1, and of the time from T1 to T2, by which these are earlier at random, so that clients that were started
/// together do not renew together (RFC 2131 4.4.5).
const FUZZ: u32 = 32;

impl Client {
    /// Handles the payload of a datagram to port 68. Returns what the message did. Afterwards something may be
    /// [`due`](Self::due).
    ///
    /// # Errors
    /// The message was ignored, and why.
    pub fn input(&mut self, now: Instant, bytes: &[u8]) -> Result<MessageType, Ignored> {
        let message = Message::parse(bytes).map_err(Ignored::Malformed)?;
        self.check_recipient(&message)?;
        // Before the first message of a state, there is nothing to answer.
        let is_asking = self.tries > 0;
        match (message.kind, self.state) {
            (kind, _) if !is_asking => return Err(Ignored::Unexpected(kind)),
            (MessageType::OFFER, State::Selecting) => self.take_offer(now, &message)?,
            (
                MessageType::ACK,
                State::Requesting | State::Rebooting | State::Renewing | State::Rebinding,
            ) => self.take_ack(now, &message)?,
            (
                MessageType::NAK,
                State::Requesting | State::Rebooting | State::Renewing | State::Rebinding,
            ) => self.take_nak(now, &message)?,
            (kind, _) => return Err(Ignored::Unexpected(kind)),
        }
        Ok(message.kind)
    }

    /// Whether the message answers what we asked last.
    fn check_recipient(&self, message: &Message<'_>) -> Result<(), Ignored> {
        let header = message.header;
        if header.op != BOOT_REPLY {
            return Err(Ignored::NotAReply);
        }
        if header.xid.get() != self.xid || !header.is_of(self.mac) {
            return Err(Ignored::NotForUs);
        }
        // A server that sends the name of the client back must send the right one (RFC 6842 3).
        match message.options.get(options::CLIENT_ID) {
            Some(id) if !id.is(self.id.bytes()) => Err(Ignored::NotForUs),
            _ => Ok(()),
        }
    }

    /// Chooses the server of the first offer that can be accepted (RFC 2131 4.4.1).
    fn take_offer(&mut self, now: Instant, message: &Message<'_>) -> Result<(), Ignored> {
        let lease = Lease::read(message).map_err(Ignored::Refused)?;
        (self.wanted, self.server) = (Some(lease.address.address()), lease.server);
        self.enter(State::Requesting, now);
        Ok(())
    }

    /// A server grants the address.
    fn take_ack(&mut self, now: Instant, message: &Message<'_>) -> Result<(), Ignored> {
        let lease = Lease::read(message).map_err(Ignored::Refused)?;
        self.check_server(lease.server)?;
        let asked_for = match (self.state, self.lease) {
            (State::Renewing | State::Rebinding, Some(held)) => Some(held.address.address()),
            _ => self.wanted,
        };
        let granted = lease.address.address();
        if asked_for != Some(granted) {
            return Err(Ignored::OtherAddress(granted));
        }
        let timers = self.timers(&lease);
        if timers.end <= now {
            return Err(Ignored::Expired);
        }
        let changes = Changes::between(self.lease.as_ref(), &lease);
        (self.lease, self.timers, self.server) = (Some(lease), timers, lease.server);
        if changes.any() {
            self.news = Some(News::Configure(changes));
        }
        if changes.address {
            self.enter(State::Checking, NEVER);
        } else {
            self.enter(State::Bound, self.timers.renewal);
        }
        Ok(())
    }

    /// A server denies the address: it is not ours any more, and the client begins again (RFC 2131 3.1.5, 3.2.3, 4.4.5).
    fn take_nak(&mut self, now: Instant, message: &Message<'_>) -> Result<(), Ignored> {
        let server = lease::server(message).map_err(Ignored::Refused)?;
        self.check_server(server)?;
        self.lose();
        self.wanted = None;
        self.begin_again(now);
        Ok(())
    }

    /// Whether `server` may answer: the one that was asked, or any if all were.
    fn check_server(&self, server: Ipv4Addr) -> Result<(), Ignored> {
        match self.state {
            State::Requesting | State::Renewing if server != self.server => {
                Err(Ignored::OtherServer(server))
            }
            _ => Ok(()),
        }
    }

    /// The moments of the lease, from the sending of the request on, which is earlier than the server's (RFC 2131 4.4.5).
    fn timers(&mut self, lease: &Lease) -> Timers {
        let times = lease.times;
        let (Some(length), Some(renewal), Some(rebinding)) =
            (times.lease, times.renewal, times.rebinding)
        else {
            return Timers::NONE;
        };
        let renewal = renewal - self.random.below(renewal / FUZZ);
        let rebinding = rebinding - self.random.below((rebinding - renewal) / FUZZ);
        let at = |time: Duration| self.asked + time;
        Timers { renewal: at(renewal), rebinding: at(rebinding), end: at(length) }
    }
}

/// Why a message changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// It is malformed.
    Malformed(ParseError),
    /// It is a message to servers.
    NotAReply,
    /// It is for another client, or answers another transaction.
    NotForUs,
    /// A message of this type is not expected now.
    Unexpected(MessageType),
    /// It is from this server, which was not asked.
    OtherServer(Ipv4Addr),
    /// It grants this address, which was not asked for.
    OtherAddress(Ipv4Addr),
    /// It is an offer or a grant that cannot be accepted, or a denial that does not say whose.
    Refused(LeaseError),
    /// It grants a lease that has already ended.
    Expired,
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(error) => error.fmt(f),
            Self::NotAReply => f.write_str("it is a message to servers"),
            Self::NotForUs => f.write_str("it is for another client, or another transaction"),
            Self::Unexpected(kind) => write!(f, "a {kind} is not expected now"),
            Self::OtherServer(server) => write!(f, "the server {server} was not asked"),
            Self::OtherAddress(address) => write!(f, "{address} was not asked for"),
            Self::Refused(error) => error.fmt(f),
            Self::Expired => f.write_str("the lease has already ended"),
        }
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Ignored {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{}", defmt::Display2Format(self));
    }
}

impl Error for Ignored {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Malformed(error) => Some(error),
            Self::Refused(error) => Some(error),
            _ => None,
        }
    }
}
