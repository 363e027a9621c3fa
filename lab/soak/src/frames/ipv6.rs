//! Packets of IPv6 and ICMPv6 (RFC 8200, RFC 4443, RFC 4861), in which every field can be set to anything.

use std::net::Ipv6Addr;

use super::{Mac, UDP, checksum};

/// The EtherType of IPv6 (RFC 2464 3).
pub const ETHERTYPE: u16 = 0x86dd;
/// The length of the header, in bytes.
pub const HEADER: usize = 40;
/// Hop-by-Hop Options (RFC 8200 4.3).
pub const HOP_BY_HOP: u8 = 0;
/// A routing header (RFC 8200 4.4).
pub const ROUTING: u8 = 43;
/// A Fragment header (RFC 8200 4.5).
pub const FRAGMENT: u8 = 44;
/// ICMPv6 (RFC 4443).
pub const ICMPV6: u8 = 58;
/// No next header (RFC 8200 4.7).
pub const NO_NEXT: u8 = 59;
/// Destination Options (RFC 8200 4.6).
pub const DESTINATION: u8 = 60;
/// The hop limit of Neighbour Discovery (RFC 4861 3.1).
pub const LINK_HOPS: u8 = 255;
/// The option source link-layer address (RFC 4861 4.6.1).
pub const SOURCE_MAC: u8 = 1;
/// The option target link-layer address.
pub const TARGET_MAC: u8 = 2;
/// All nodes of the link (RFC 4291 2.7.1).
pub const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// The header of an IPv6 packet.
#[derive(Clone, Debug)]
pub struct Ipv6 {
    /// Version, traffic class and flow label.
    pub first: u32,
    /// The payload length; none: what is right.
    pub payload_length: Option<u16>,
    /// What follows the header.
    pub next_header: u8,
    /// The hop limit.
    pub hop_limit: u8,
    /// Who sends it.
    pub source: Ipv6Addr,
    /// Whom it is for.
    pub destination: Ipv6Addr,
}

impl Ipv6 {
    /// The header of a packet that is right.
    pub fn new(source: Ipv6Addr, destination: Ipv6Addr, next_header: u8) -> Self {
        let (first, payload_length) = (6 << 28, None);
        Self { first, payload_length, next_header, hop_limit: 64, source, destination }
    }

    /// The packet.
    pub fn packet(&self, payload: &[u8]) -> Vec<u8> {
        let length = self.payload_length.unwrap_or(payload.len() as u16);
        let mut packet = Vec::from(self.first.to_be_bytes());
        packet.extend(length.to_be_bytes());
        packet.extend([self.next_header, self.hop_limit]);
        packet.extend(self.source.octets());
        packet.extend(self.destination.octets());
        packet.extend(payload);
        packet
    }

    /// The packets that carry `payload`, which is of `next`, in pieces of `step` bytes, a multiple of 8.
    pub fn fragments(&self, next: u8, number: u32, payload: &[u8], step: usize) -> Vec<Vec<u8>> {
        let piece = |(at, bytes): (usize, &[u8])| {
            let offset = at * step;
            let more = offset + bytes.len() < payload.len();
            self.fragment(next, number, (offset, more), bytes)
        };
        payload.chunks(step).enumerate().map(piece).collect()
    }

    /// The fragment with `bytes` at this offset, of which more follow or not.
    pub fn fragment(&self, next: u8, number: u32, at: (usize, bool), bytes: &[u8]) -> Vec<u8> {
        let header = Self { next_header: FRAGMENT, ..self.clone() };
        header.packet(&[&fragment_header(next, number, at), bytes].concat())
    }
}

/// A Fragment header: what it carries, its number, the offset in bytes, and whether more follow.
pub fn fragment_header(next: u8, number: u32, (offset, more): (usize, bool)) -> Vec<u8> {
    let place = (offset as u16 & !7) | u16::from(more);
    [&[next, 0][..], &place.to_be_bytes(), &number.to_be_bytes()].concat()
}

/// A header with options, which it fills up with padding.
pub fn options(next: u8, options: &[u8]) -> Vec<u8> {
    let mut header = [&[next, 0], options].concat();
    match 8 - header.len() % 8 {
        8 => {}
        1 => header.push(0),
        gap => header.extend([&[1, gap as u8 - 2][..], &vec![0; gap - 2]].concat()),
    }
    header[1] = (header.len() / 8 - 1) as u8;
    header
}

/// A routing header with `data`, 4 bytes more than a multiple of 8.
pub fn routing(next: u8, kind: u8, segments_left: u8, data: &[u8]) -> Vec<u8> {
    let units = (4 + data.len()) / 8 - 1;
    [&[next, units as u8, kind, segments_left], data].concat()
}

/// The checksum of an upper layer's bytes, in which its place is 0.
pub fn transport_sum(source: Ipv6Addr, destination: Ipv6Addr, next: u8, bytes: &[u8]) -> u16 {
    let length = (bytes.len() as u32).to_be_bytes();
    let pseudo = [&source.octets()[..], &destination.octets(), &length, &[0, 0, 0, next]].concat();
    checksum(&[&pseudo, bytes].concat())
}

/// A UDP datagram with its checksum.
pub fn udp(source: (Ipv6Addr, u16), destination: (Ipv6Addr, u16), payload: &[u8]) -> Vec<u8> {
    let mut datagram = Vec::from(source.1.to_be_bytes());
    datagram.extend(destination.1.to_be_bytes());
    datagram.extend(((8 + payload.len()) as u16).to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend(payload);
    // 0 would say that there is none (RFC 8200 8.1).
    let sum = match transport_sum(source.0, destination.0, UDP, &datagram) {
        0 => u16::MAX,
        sum => sum,
    };
    datagram[6..8].copy_from_slice(&sum.to_be_bytes());
    datagram
}

/// An ICMPv6 message with its checksum; `rest` is what follows the first 4 bytes.
pub fn icmpv6(
    source: Ipv6Addr,
    destination: Ipv6Addr,
    (kind, code): (u8, u8),
    rest: &[u8],
) -> Vec<u8> {
    let mut message = [&[kind, code, 0, 0], rest].concat();
    let sum = transport_sum(source, destination, ICMPV6, &message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    message
}

/// A packet of Neighbour Discovery.
pub fn discovery(source: Ipv6Addr, destination: Ipv6Addr, kind: u8, rest: &[u8]) -> Vec<u8> {
    let header = Ipv6 { hop_limit: LINK_HOPS, ..Ipv6::new(source, destination, ICMPV6) };
    header.packet(&icmpv6(source, destination, (kind, 0), rest))
}

/// The option with a link-layer address.
pub fn mac_option(kind: u8, mac: Mac) -> Vec<u8> {
    [&[kind, 1][..], &mac].concat()
}

/// What follows the first 4 bytes of a solicitation (RFC 4861 4.3), or, with flags, of an advertisement (4.4).
pub fn targeted(flags: u8, target: Ipv6Addr, options: &[u8]) -> Vec<u8> {
    [&[flags, 0, 0, 0][..], &target.octets(), options].concat()
}

/// What follows the first 4 bytes of a router's advertisement (RFC 4861 4.2).
pub fn router(hop_limit: u8, flags: u8, lifetime: u16, options: &[u8]) -> Vec<u8> {
    [&[hop_limit, flags][..], &lifetime.to_be_bytes(), &[0; 8], options].concat()
}

/// The option with a prefix: its length and flags, and how long it is valid and preferred, in seconds (RFC 4861 4.6.2).
pub fn prefix_option(
    prefix: Ipv6Addr,
    (length, flags): (u8, u8),
    (valid, preferred): (u32, u32),
) -> Vec<u8> {
    let times = [valid.to_be_bytes(), preferred.to_be_bytes(), [0; 4]].concat();
    [&[3, 4, length, flags][..], &times, &prefix.octets()].concat()
}

/// A packet of Multicast Listener Discovery, with Router Alert (RFC 9777 5).
pub fn listener(source: Ipv6Addr, destination: Ipv6Addr, kind: u8, rest: &[u8]) -> Vec<u8> {
    let header = Ipv6 { hop_limit: 1, ..Ipv6::new(source, destination, HOP_BY_HOP) };
    let alert = options(ICMPV6, &[5, 2, 0, 0]);
    header.packet(&[alert, icmpv6(source, destination, (kind, 0), rest)].concat())
}

/// The group of those who may have this address (RFC 4291 2.7.1).
pub fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., high, low] = address.segments();
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | high & 0xff, low)
}

/// The stations of a group (RFC 2464 7).
pub fn group_mac(group: Ipv6Addr) -> Mac {
    let [.., a, b, c, d] = group.octets();
    [0x33, 0x33, a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    const TWO: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);

    /// The checksum was computed by hand.
    #[test]
    fn a_ping_has_its_checksum() {
        let message = icmpv6(ONE, TWO, (128, 0), &[0x12, 0x34, 0, 1, 0xab, 0xcd]);
        assert_eq!(message[..4], [128, 0, 0x66, 0x43]);
        let packet = Ipv6::new(ONE, TWO, ICMPV6).packet(&message);
        assert_eq!(packet[..8], [0x60, 0, 0, 0, 0, 10, 58, 64]);
        assert_eq!(packet.len(), HEADER + 10);
    }

    #[test]
    fn headers_are_multiples_of_8_bytes() {
        for length in 0..20 {
            let bytes = [&[0x1e, length as u8][..], &vec![0; length]].concat();
            let header = options(ICMPV6, &bytes);
            assert_eq!(header.len(), (usize::from(header[1]) + 1) * 8);
        }
        assert_eq!(routing(59, 0, 1, &[0; 20]).len(), 24);
    }

    #[test]
    fn fragments_are_the_whole() {
        let payload: Vec<u8> = (0..100).collect();
        let fragments = Ipv6::new(ONE, TWO, 0).fragments(17, 7, &payload, 48);
        let parts: Vec<_> = fragments.iter().map(|f| (f[43], &f[48..])).collect();
        assert_eq!(parts, [(1, &payload[..48]), (49, &payload[48..96]), (96, &payload[96..])]);
    }

    #[test]
    fn groups_are_those_of_the_rfcs() {
        assert_eq!(solicited_node(TWO).to_string(), "ff02::1:ff00:2");
        assert_eq!(group_mac(ALL_NODES), [0x33, 0x33, 0, 0, 0, 1]);
    }
}
