//! The hosts, and packets of IPv6 read byte by byte.

use std::net::Ipv6Addr;

use lab::soak::frames::{
    Mac, ethernet,
    ipv6::{DESTINATION, ETHERTYPE, FRAGMENT, HEADER, HOP_BY_HOP, ICMPV6, ROUTING, transport_sum},
};

use crate::differential_linux::frames::{IP, OUR_MAC, PEER_MAC, ethertype};

/// The two hosts that are compared.
pub(crate) const US: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);
/// Who sends: a neighbour that both know.
pub(crate) const PEER: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
/// The gateway of both, which is the same station as the peer.
pub(crate) const GATEWAY: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
/// A neighbour that neither knows.
pub(crate) const STRANGER: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7);
/// A host behind the gateway.
pub(crate) const FAR: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 9);
/// A group that nobody is in.
pub(crate) const GROUP: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x99);

/// A frame from the peer's station to the hosts, or to the stations of the packet's group.
pub(crate) fn to_us(packet: &[u8]) -> Vec<u8> {
    from(PEER_MAC, packet)
}

/// A frame from a station.
pub(crate) fn from(mac: Mac, packet: &[u8]) -> Vec<u8> {
    let to = match packet.get(24..HEADER) {
        Some(&[0xff, .., a, b, c, d]) => [0x33, 0x33, a, b, c, d],
        _ => OUR_MAC,
    };
    ethernet(to, mac, ETHERTYPE, packet)
}

/// An IPv6 packet, as far as it can be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet<'a>(pub(crate) &'a [u8]);

impl<'a> Packet<'a> {
    pub(crate) fn of(frame: &'a [u8]) -> Option<Self> {
        (ethertype(frame)? == ETHERTYPE).then(|| Self::parse(&frame[IP..]))?
    }

    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        (bytes.len() >= HEADER && bytes[0] >> 4 == 6).then_some(Self(bytes))
    }

    fn address(&self, at: usize) -> Ipv6Addr {
        Ipv6Addr::from(<[u8; 16]>::try_from(&self.0[at..at + 16]).expect("16 bytes"))
    }

    pub(crate) fn source(&self) -> Ipv6Addr {
        self.address(8)
    }

    pub(crate) fn destination(&self) -> Ipv6Addr {
        self.address(24)
    }

    /// Where the packet ends, by its length.
    pub(crate) fn end(&self) -> usize {
        let length = usize::from(u16::from_be_bytes([self.0[4], self.0[5]]));
        (HEADER + length).min(self.0.len())
    }

    /// The headers after the first, up to one that is no extension header or a Fragment header of a later
    /// fragment: their numbers, and where they begin.
    pub(crate) fn chain(&self) -> Vec<(u8, usize)> {
        let (mut next, mut at, mut chain) = (self.0[6], HEADER, Vec::new());
        while at <= self.end() {
            chain.push((next, at));
            let (HOP_BY_HOP | DESTINATION | ROUTING | FRAGMENT, Some(&[following, length])) =
                (next, self.0.get(at..at + 2))
            else {
                break;
            };
            if next == FRAGMENT && self.0.get(at + 2..at + 4).is_none_or(|b| b[0] > 0 || b[1] > 7) {
                break;
            }
            at += if next == FRAGMENT { 8 } else { 8 * (usize::from(length) + 1) };
            next = following;
        }
        chain
    }

    /// Where the Fragment header is.
    pub(crate) fn fragment(&self) -> Option<usize> {
        let at = |&(number, at): &(u8, usize)| {
            (number == FRAGMENT && self.0.len() >= at + 8).then_some(at)
        };
        self.chain().iter().find_map(at)
    }

    /// The protocol after the headers, and where it begins. It is that of the whole, or of a first fragment.
    pub(crate) fn upper(&self) -> (u8, usize) {
        self.chain().last().copied().unwrap_or((self.0[6], HEADER))
    }

    /// The type of the ICMPv6 message.
    pub(crate) fn message(&self) -> Option<u8> {
        let (protocol, at) = self.upper();
        (protocol == ICMPV6).then(|| self.0.get(at).copied())?
    }

    /// Whether the checksum is right of a message that is here as a whole.
    pub(crate) fn sum_is_right(&self, at: usize) -> bool {
        let message = self.0.get(at..self.end()).unwrap_or_default();
        transport_sum(self.source(), self.destination(), ICMPV6, message) == 0
    }
}
