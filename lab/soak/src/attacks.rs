//! What a hostile network sends, as a table: each attack with its frames and with what the service
//! counts then.

mod arp;
mod fragments;
mod headers;
pub mod ipv6;
mod messages;
pub mod tcp;

use std::net::Ipv4Addr;

use ::testkit::Random;

use super::frames::{Ipv4, Mac, UDP, ethernet, udp};

/// Who is attacked, and from where.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The hardware address of the service.
    pub mac: Mac,
    /// Its address.
    pub address: Ipv4Addr,
    /// The length of the prefix of its network, 16 at most.
    pub prefix: u8,
    /// The UDP port of a service that replies to all that it is sent.
    pub port: u16,
    /// The hardware address of the host that the good client runs on.
    pub host_mac: Mac,
    /// Its address.
    pub host: Ipv4Addr,
}

/// By how much a counter has to move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// By one for each frame.
    Each,
    /// By one for so many frames.
    Per(u64),
    /// By so much or more.
    AtLeast(u64),
    /// By so much or less.
    AtMost(u64),
    /// Not at all.
    Not,
}

impl Moved {
    /// Whether so many frames moved a counter as they should.
    pub fn holds(self, frames: u64, by: u64) -> bool {
        match self {
            Self::Each => by == frames,
            Self::Per(number) => by == frames / number,
            Self::AtLeast(least) => by >= least,
            Self::AtMost(most) => by <= most,
            Self::Not => by == 0,
        }
    }
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
    /// Whether the frames come as fast as they can, and some do not arrive: more than its queue holds.
    pub burst: bool,
}

impl Attack {
    const fn new(
        name: &'static str,
        frames: fn(&Target, &mut Random) -> Vec<Vec<u8>>,
        counters: &'static [(&'static str, Moved)],
    ) -> Self {
        Self { name, frames, counters, burst: false }
    }
}

/// All attacks, from the lowest layer to the highest.
pub fn all() -> Vec<Attack> {
    [
        headers::ETHERNET,
        arp::ATTACKS,
        headers::IPV4,
        fragments::ATTACKS,
        messages::ICMP,
        messages::UDP,
    ]
    .concat()
}

impl Target {
    /// The hardware address of an attacker.
    pub fn evil(&self) -> Mac {
        [2, 0xbd, 0, 0, 0, 1]
    }

    /// An address of the network where nobody is; there are 60,000.
    pub fn stranger(&self, number: usize) -> Ipv4Addr {
        let [a, b, ..] = self.address.octets();
        Ipv4Addr::new(a, b, 1 + (number / 240 % 250) as u8, 1 + (number % 240) as u8)
    }

    /// The hardware address of that nobody.
    pub fn stranger_mac(&self, number: usize) -> Mac {
        let [_, _, c, d] = (number as u32).to_be_bytes();
        [2, 0xbd, 1, 0, c, d]
    }

    /// The broadcast address of the network.
    pub fn broadcast(&self) -> Ipv4Addr {
        let host_bits = u32::MAX.checked_shr(u32::from(self.prefix)).unwrap_or(0);
        Ipv4Addr::from(self.address.to_bits() | host_bits)
    }

    /// A frame of the host's with an IPv4 packet for the service.
    pub fn frame(&self, packet: &[u8]) -> Vec<u8> {
        ethernet(self.mac, self.host_mac, 0x0800, packet)
    }

    /// The header of a packet from the host.
    pub fn ipv4(&self, protocol: u8) -> Ipv4 {
        Ipv4::new(self.host, self.address, protocol)
    }

    /// A request from port 0, which is served and has no reply.
    pub fn silent_request(&self, payload: &[u8]) -> Vec<u8> {
        udp((self.host, 0), (self.address, self.port), payload)
    }

    /// The frame with the ARP reply of a stranger, which lets go what waits for it.
    pub fn answer_of_stranger(&self, number: usize) -> Vec<u8> {
        let stranger = (self.stranger_mac(number), self.stranger(number));
        let reply = super::frames::arp(2, stranger, (self.mac, self.address));
        ethernet(self.mac, stranger.0, 0x0806, &reply)
    }

    /// The first fragment of a datagram that is never finished, of `length` bytes.
    pub fn first_fragment(&self, source: Ipv4Addr, identification: u16, length: usize) -> Vec<u8> {
        let header = Ipv4 {
            identification,
            flags_offset: super::frames::MORE,
            ..Ipv4::new(source, self.address, UDP)
        };
        self.frame(&header.packet(&vec![0; length]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Target = Target {
        mac: [2, 0, 0, 0, 0, 2],
        address: Ipv4Addr::new(10, 0, 0, 2),
        prefix: 16,
        port: 8080,
        host_mac: [2, 0, 0, 0, 0, 1],
        host: Ipv4Addr::new(10, 0, 0, 1),
    };

    #[test]
    fn attacks_can_be_told_apart_repeated_and_sent() {
        let mut names: Vec<_> = all().iter().map(|attack| attack.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all().len(), "two attacks have one name");
        for Attack { name, frames, counters, .. } in all() {
            let one = frames(&TARGET, &mut Random::new(1));
            assert_eq!(one, frames(&TARGET, &mut Random::new(1)), "{name} is not the same twice");
            assert!((1..=5000).contains(&one.len()), "{name}: {} frames", one.len());
            assert!(one.iter().all(|frame| (14..=1514).contains(&frame.len())), "{name}");
            let shown = counters.iter().any(|(_, moved)| *moved != Moved::Not);
            assert!(shown, "{name}: nothing tells that it happened");
        }
    }

    #[test]
    fn strangers_are_many_and_nobody() {
        let strangers: std::collections::BTreeSet<_> =
            (0..60_000).map(|number| TARGET.stranger(number)).collect();
        assert_eq!(strangers.len(), 60_000);
        assert!(!strangers.contains(&TARGET.host) && !strangers.contains(&TARGET.address));
        assert_eq!(TARGET.broadcast(), Ipv4Addr::new(10, 0, 255, 255));
    }

    #[test]
    fn counters_move_as_they_should() {
        assert!(Moved::Each.holds(7, 7) && !Moved::Each.holds(7, 6));
        assert!(Moved::Per(2).holds(8, 4) && !Moved::Per(2).holds(8, 8));
        assert!(Moved::AtMost(2).holds(8, 2) && !Moved::AtMost(2).holds(8, 3));
        assert!(Moved::AtLeast(2).holds(8, 3) && !Moved::AtLeast(2).holds(8, 1));
        assert!(Moved::Not.holds(8, 0) && !Moved::Not.holds(8, 1));
    }
}
