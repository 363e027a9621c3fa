//! What a hostile network sends to a service over IPv6, as a table.

mod discovery;
mod fragments;
mod headers;
mod messages;

use std::net::Ipv6Addr;

use ::testkit::Random;

use super::{
    super::frames::{
        Mac, ethernet,
        ipv6::{ETHERTYPE, Ipv6, discovery as discovery_packet, group_mac},
    },
    Moved,
};

/// Who is attacked, and from where.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The hardware address of the service.
    pub mac: Mac,
    /// Its address, of a network with a prefix of 64 bits.
    pub address: Ipv6Addr,
    /// The UDP port of a service that replies to all that it is sent.
    pub port: u16,
    /// The hardware address of the host that the good client runs on.
    pub host_mac: Mac,
    /// Its address.
    pub host: Ipv6Addr,
}

/// An attack.
#[derive(Clone, Copy, Debug)]
pub struct Attack {
    /// Its name.
    pub name: &'static str,
    /// Its frames, the same for the same seed.
    pub frames: fn(&Target, &mut Random) -> Vec<Vec<u8>>,
    /// What the service counts then, provided that all frames arrive.
    pub counters: &'static [(&'static str, Moved)],
}

impl Attack {
    const fn new(
        name: &'static str,
        frames: fn(&Target, &mut Random) -> Vec<Vec<u8>>,
        counters: &'static [(&'static str, Moved)],
    ) -> Self {
        Self { name, frames, counters }
    }
}

/// All attacks, from the lowest layer to the highest.
pub fn all() -> Vec<Attack> {
    [discovery::ATTACKS, headers::ATTACKS, fragments::ATTACKS, messages::ATTACKS].concat()
}

impl Target {
    /// The hardware address of an attacker.
    pub fn evil(&self) -> Mac {
        [2, 0xbd, 0, 0, 0, 1]
    }

    /// An address of the network where nobody is; there are 2^32.
    pub fn stranger(&self, number: u32) -> Ipv6Addr {
        let [a, b, c, d, ..] = self.address.segments();
        let [.., high, low] = Ipv6Addr::from(u128::from(number)).segments();
        Ipv6Addr::new(a, b, c, d, 0xbad, 0, high, low)
    }

    /// An address of the link where nobody is.
    pub fn link_local(&self, number: u32) -> Ipv6Addr {
        let [.., high, low] = Ipv6Addr::from(u128::from(number)).segments();
        Ipv6Addr::new(0xfe80, 0, 0, 0, 0xbad, 0, high, low)
    }

    /// The hardware address of that nobody.
    pub fn stranger_mac(&self, number: u32) -> Mac {
        let [_, b, c, d] = number.to_be_bytes();
        [2, 0xbd, 1, b, c, d]
    }

    /// A frame of this station with a packet for the service, or for a group.
    pub fn frame(&self, from: Mac, packet: &[u8]) -> Vec<u8> {
        let group: Option<[u8; 16]> = packet.get(24..40).and_then(|bytes| bytes.try_into().ok());
        let group = group.map(Ipv6Addr::from).filter(Ipv6Addr::is_multicast);
        ethernet(group.map_or(self.mac, group_mac), from, ETHERTYPE, packet)
    }

    /// The header of a packet from the host.
    pub fn header(&self, next: u8) -> Ipv6 {
        Ipv6::new(self.host, self.address, next)
    }

    /// A frame of the attacker's station with a message of Neighbour Discovery.
    fn message(&self, source: Ipv6Addr, to: Ipv6Addr, kind: u8, rest: &[u8]) -> Vec<u8> {
        self.frame(self.evil(), &discovery_packet(source, to, kind, rest))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const TARGET: Target = Target {
        mac: [2, 0, 0, 0, 0, 2],
        address: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2),
        port: 8080,
        host_mac: [2, 0, 0, 0, 0, 1],
        host: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1),
    };

    #[test]
    fn attacks_can_be_told_apart_repeated_and_sent() {
        let names: BTreeSet<_> = all().iter().map(|attack| attack.name).collect();
        assert_eq!(names.len(), all().len(), "two attacks have one name");
        for Attack { name, frames, counters } in all() {
            let one = frames(&TARGET, &mut Random::new(1));
            assert_eq!(one, frames(&TARGET, &mut Random::new(1)), "{name} is not the same twice");
            assert!((1..=5000).contains(&one.len()), "{name}: {} frames", one.len());
            assert!(one.iter().all(|frame| (54..=1514).contains(&frame.len())), "{name}");
            let shown = counters.iter().any(|(_, moved)| *moved != Moved::Not);
            assert!(shown, "{name}: nothing tells that it happened");
        }
    }

    #[test]
    fn strangers_are_many_and_nobody() {
        let strangers: BTreeSet<_> = (0..70_000).map(|number| TARGET.stranger(number)).collect();
        assert_eq!(strangers.len(), 70_000);
        assert!(!strangers.contains(&TARGET.host) && !strangers.contains(&TARGET.address));
        assert_ne!(TARGET.stranger_mac(1), TARGET.stranger_mac(2));
    }
}
