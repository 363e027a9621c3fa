//! Our host: the tower of `echo` over an interface in memory.

use std::time::Duration;

use arp::Arp;
use cores::Core;
use ethernet::Link;
use icmp::Icmp;
use ipv4::Ipv4;
use netif::MacAddr;
use rt_regions::Region;

use super::{
    frames::{PEER, PEER_MAC, US},
    team::{Machine, Manner, Stack, with_echo},
};

/// How many pages a host has, or each of its cores. It is made for each conversation.
const PAGES: usize = 256;

/// A host with our stack.
pub(crate) struct Tower<'a>(&'a mut dyn Machine);

impl Tower<'_> {
    /// Lets a frame arrive; gives what the host sent then.
    pub(crate) fn hears(&mut self, frame: &[u8]) -> Vec<Vec<u8>> {
        self.0.hear(frame);
        self.0.drain()
    }

    /// Lets time pass; gives what the host sent then.
    pub(crate) fn passes(&mut self, time: Duration) -> Vec<Vec<u8>> {
        self.0.pass(time);
        self.0.drain()
    }
}

/// Calls `test` with a host that was just started and has announced its address.
pub(crate) fn with_tower<T>(manner: Manner, test: impl FnOnce(&mut Tower<'_>) -> T) -> T {
    with_echo::<OverIpv4, _>(manner, PAGES, |machine| {
        let mut tower = Tower(machine);
        // Two announcements, two seconds apart.
        for _ in 0..2 {
            assert_eq!(tower.passes(Duration::from_secs(2)).len(), 1);
        }
        test(&mut tower)
    })
}

/// The layers of IPv4.
pub(crate) enum OverIpv4 {}

impl Stack for OverIpv4 {
    type Over<'g, L: Link> = Icmp<Ipv4<'g, Arp<'g, L>>>;

    fn over<'g, L: Link>(link: L, core: Core, memory: &'g Region<'_>) -> Self::Over<'g, L> {
        let cidr = format!("{US}/24").parse().expect("an address and its prefix");
        let mut arp = Arp::new(link, cidr, 7, memory).expect("there is room");
        arp.insert_static(PEER, MacAddr(PEER_MAC)).expect("it is a neighbour");
        let ipv4 = Ipv4::new(arp, 1 + core.index() as u128, memory).expect("there is room");
        // Linux was told to limit none either.
        Icmp::new(ipv4.with_gateway(Some(PEER)), 7).with_error_rate(1 << 20, 1 << 20)
    }
}
