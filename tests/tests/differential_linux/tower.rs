//! Our host: the tower of `echo` over an interface in memory.

use std::time::Duration;

use arp::Arp;
use ethernet::Ethernet;
use icmp::Icmp;
use ipv4::Ipv4;
use layer::Instant;
use netif::MacAddr;
use rt_regions::Region;
use testkit::{Clock, Host, Wire, with_pool};
use udp::Udp;

use super::frames::{OUR_MAC, PEER, PEER_MAC, PORT, US};

/// How many pages a host has: as much as `echo` by default, by far.
const PAGES: usize = 1024;

/// A host with our stack.
pub(crate) struct Tower<'a> {
    wire: Wire,
    hear: &'a mut dyn FnMut(Duration),
}

impl Tower<'_> {
    /// Lets a frame arrive; gives what the host sent then.
    pub(crate) fn hears(&mut self, frame: &[u8]) -> Vec<Vec<u8>> {
        self.wire.push(frame);
        self.passes(Duration::ZERO)
    }

    /// Lets time pass; gives what the host sent then.
    pub(crate) fn passes(&mut self, time: Duration) -> Vec<Vec<u8>> {
        (self.hear)(time);
        self.wire.drain()
    }
}

/// Calls `test` with a host that was just started and has announced its address.
pub(crate) fn with_tower<T>(test: impl FnOnce(&mut Tower<'_>) -> T) -> T {
    with_pool(PAGES, |pool| {
        let memory = Region::new(pool, "memory");
        let (wire, end) = Wire::new(MacAddr(OUR_MAC));
        let cidr = format!("{US}/24").parse().expect("an address and its prefix");
        let mut arp = Arp::new(Ethernet::new(end), cidr, 7, &memory).expect("there is room");
        arp.insert_static(PEER, MacAddr(PEER_MAC)).expect("it is a neighbour");
        let ipv4 = Ipv4::new(arp, 1, &memory).expect("there is room");
        // Linux was told to limit none either.
        let icmp = Icmp::new(ipv4.with_gateway(Some(PEER)), 7).with_error_rate(1 << 20, 1 << 20);
        let mut udp = Udp::new(icmp, 7, &memory).expect("there is room");
        udp.bind(PORT, |request, _region| Ok(request)).expect("nobody has the port");
        let mut host = Host::new(udp, Clock::starting_at(Instant::from_millis(1)), pool);
        let mut hear = |time| {
            host.clock().advance(time);
            host.turn();
        };
        let mut tower = Tower { wire, hear: &mut hear };
        // Two announcements, two seconds apart.
        for _ in 0..2 {
            assert_eq!(tower.passes(Duration::from_secs(2)).len(), 1);
        }
        test(&mut tower)
    })
}
