//! Rules for which requests a service answers. They keep two services from answering each other for ever.

use super::Udp;
use crate::SocketSupport;

/// The first port that a client can have. The ports below are those of services (RFC 6335 6, the system ports).
const SYSTEM_PORTS: u16 = 1024;

/// The port from which on Linux and RFC 6335 choose the ports of clients. All of [`RESPONDERS`] are below it.
const EPHEMERAL_PORTS: u16 = 32_768;

/// The ports from 1024 on at which many hosts answer any datagram, in ascending order, with their names in IANA's
/// registry.
const RESPONDERS: [u16; 20] = [
    1434,   // ms-sql-m
    1701,   // l2tp
    1812,   // radius
    1813,   // radius-acct
    1900,   // ssdp
    2049,   // nfs
    3283,   // net-assistant
    3478,   // stun
    3702,   // ws-discovery
    4500,   // ipsec-nat-t
    5060,   // sip
    5061,   // sips
    5351,   // nat-pmp
    5353,   // mdns
    5355,   // llmnr
    5683,   // coap
    11_211, // memcache
    26_000, // quake
    27_015, // not registered: game servers on Source
    27_960, // not registered: game servers on Quake III
];

/// The requests that a service answers in addition to the usual ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answers {
    /// Requests from a port that is likely to be a service's.
    pub(crate) any_port: bool,
    /// Broadcasts and multicasts.
    pub(crate) broadcasts: bool,
}

/// A service that was just bound to a port. Its methods choose what it answers in addition to the usual requests; see
/// [`Udp::bind`].
#[derive(Debug, PartialEq, Eq)]
pub struct Bound<'a>(pub(super) &'a mut Answers);

impl Bound<'_> {
    /// Lets the service answer requests from any port: for protocols whose clients have a fixed port, and for replies
    /// to datagrams that were sent from here.
    ///
    /// Otherwise requests are dropped if they come from a port below 1024, from a port that this host itself serves, or
    /// from a port at which many hosts have a service (SIP, SSDP, mDNS, ...). Such a service may answer the reply, and
    /// so on for ever. Even so, an exchange between two hosts with this stack ends, because each reply has a lower time
    /// to live than its request.
    pub fn answer_any_port(&mut self) -> &mut Self {
        self.0.any_port = true;
        self
    }

    /// Lets the service answer broadcasts and multicasts. Every host on the link with such a service then answers at
    /// once. Otherwise they are dropped.
    pub fn answer_broadcasts(&mut self) -> &mut Self {
        self.0.broadcasts = true;
        self
    }
}

/// Whether many hosts have a service at `port`, which may not be a client's then.
#[inline]
pub(crate) fn is_responder(port: u16) -> bool {
    RESPONDERS.contains(&port)
}

impl<I, T: SocketSupport> Udp<'_, I, T> {
    /// Whether a service, a socket or the listing of counters is bound to `port`.
    #[inline]
    pub(super) fn is_bound(&self, port: u16) -> bool {
        self.ports.is_bound(port) || self.listing.is_at(port) || self.sockets.has_port(port)
    }

    /// Whether a port is likely to be a service's. Port 0 is not, because nothing can be sent to it (RFC 768).
    #[inline]
    pub(super) fn is_of_service(&self, port: u16) -> bool {
        match port {
            0 => false,
            1..SYSTEM_PORTS => true,
            SYSTEM_PORTS..EPHEMERAL_PORTS if is_responder(port) => true,
            _ => self.is_bound(port) && !self.sockets.is_of_question(port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_responders_are_in_order_and_where_they_are_looked_for() {
        assert!(RESPONDERS.is_sorted());
        assert!(RESPONDERS.iter().all(|port| (SYSTEM_PORTS..EPHEMERAL_PORTS).contains(port)));
    }
}
