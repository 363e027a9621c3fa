//! Whom a service answers: what keeps two services from answering each other for ever.

use super::Udp;

/// Below this, ports are those of services (RFC 6335 6, the system ports), and no client has one of them.
const SYSTEM_PORTS: u16 = 1024;

/// From here on Linux and RFC 6335 choose the ports of clients, so that none of [`RESPONDERS`] is there.
const EPHEMERAL_PORTS: u16 = 32_768;

/// The ports from 1024 on at which many hosts have something that answers whatever comes, by their names in
/// IANA's registry; in order.
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

/// What a service answers beyond the usual.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answers {
    /// Requests from a port that is likely to be a service's.
    pub(crate) any_port: bool,
    /// Broadcasts and multicasts.
    pub(crate) broadcasts: bool,
}

/// A service that was just bound to a port, to be told what it answers beyond the usual: see
/// [`Udp::bind`].
#[derive(Debug, PartialEq, Eq)]
pub struct Bound<'a>(pub(super) &'a mut Answers);

impl Bound<'_> {
    /// The service answers whatever port a request comes from: for protocols whose clients have a fixed port, and
    /// for replies to what was sent from here.
    ///
    /// Otherwise requests are dropped that come from a port below 1024, from one that this host itself
    /// serves, or from one at which many hosts have a service (SIP, SSDP, mDNS, ...): what is sent
    /// there may be answered, and so on for ever. Even so, two hosts with this stack come to an end, since each
    /// reply has a smaller time to live than its request.
    pub fn answer_any_port(&mut self) -> &mut Self {
        self.0.any_port = true;
        self
    }

    /// The service answers broadcasts and multicasts, too, as every host on the link with the same service then
    /// does at once. Otherwise they are dropped.
    pub fn answer_broadcasts(&mut self) -> &mut Self {
        self.0.broadcasts = true;
        self
    }
}

impl<I> Udp<'_, I> {
    /// Whether a service is bound to `port`, or the counters are.
    #[inline]
    pub(super) fn is_bound(&self, port: u16) -> bool {
        self.ports.is_bound(port) || self.listing.is_at(port)
    }

    /// Whether a port is likely to be that of a service. Port 0 is none: nothing can be sent there (RFC 768).
    #[inline]
    pub(super) fn is_of_service(&self, port: u16) -> bool {
        match port {
            0 => false,
            1..SYSTEM_PORTS => true,
            SYSTEM_PORTS..EPHEMERAL_PORTS if RESPONDERS.contains(&port) => true,
            _ => self.is_bound(port),
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
