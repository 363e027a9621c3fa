//! Frames as they should be, and as they should not: every field can be set to anything.
//!
//! Made byte by byte and not with the crates of the tower, so that an error there is not made here too.

pub mod ipv6;

use std::net::Ipv4Addr;

/// ICMP (RFC 792).
pub const ICMP: u8 = 1;
/// UDP (RFC 768).
pub const UDP: u8 = 17;

/// A hardware address.
pub type Mac = [u8; 6];

/// All stations.
pub const BROADCAST: Mac = [0xff; 6];
/// "More fragments" among the flags of IPv4 (RFC 791 3.1).
pub const MORE: u16 = 0x2000;
/// "Don't fragment" among them.
pub const DONT_FRAGMENT: u16 = 0x4000;

/// An Ethernet II frame.
pub fn ethernet(destination: Mac, source: Mac, ethertype: u16, payload: &[u8]) -> Vec<u8> {
    [&destination[..], &source, &ethertype.to_be_bytes(), payload].concat()
}

/// An ARP packet for IPv4 on Ethernet (RFC 826).
pub fn arp(
    operation: u16,
    (mac, sender): (Mac, Ipv4Addr),
    (target_mac, target): (Mac, Ipv4Addr),
) -> Vec<u8> {
    let fixed = [0, 1, 8, 0, 6, 4];
    let (sender, target) = (sender.octets(), target.octets());
    [&fixed[..], &operation.to_be_bytes(), &mac, &sender, &target_mac, &target].concat()
}

/// The header of an IPv4 packet.
#[derive(Clone, Debug)]
pub struct Ipv4 {
    /// Version and IHL; none: what is right.
    pub version_ihl: Option<u8>,
    /// The total length; none: what is right.
    pub total_length: Option<u16>,
    /// The number of the datagram.
    pub identification: u16,
    /// Flags, and the offset in units of 8 bytes.
    pub flags_offset: u16,
    /// The protocol.
    pub protocol: u8,
    /// What is added to the right checksum.
    pub checksum_error: u16,
    /// Who sends it.
    pub source: Ipv4Addr,
    /// Whom it is for.
    pub destination: Ipv4Addr,
    /// Options, a multiple of 4 bytes.
    pub options: Vec<u8>,
}

impl Ipv4 {
    /// The header of a packet that is right and whole.
    pub fn new(source: Ipv4Addr, destination: Ipv4Addr, protocol: u8) -> Self {
        Self {
            version_ihl: None,
            total_length: None,
            identification: 0,
            flags_offset: 0,
            protocol,
            checksum_error: 0,
            source,
            destination,
            options: Vec::new(),
        }
    }

    /// The packet.
    pub fn packet(&self, payload: &[u8]) -> Vec<u8> {
        let header = 20 + self.options.len();
        let right = 0x40 | (header / 4) as u8;
        let length = self.total_length.unwrap_or((header + payload.len()) as u16);
        let mut packet = vec![self.version_ihl.unwrap_or(right), 0];
        packet.extend(length.to_be_bytes());
        packet.extend(self.identification.to_be_bytes());
        packet.extend(self.flags_offset.to_be_bytes());
        packet.extend([64, self.protocol, 0, 0]);
        packet.extend(self.source.octets());
        packet.extend(self.destination.octets());
        packet.extend(&self.options);
        let sum = checksum(&packet).wrapping_add(self.checksum_error);
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
        packet.extend(payload);
        packet
    }

    /// The packets that carry `payload` in pieces of `step` bytes, a multiple of 8.
    pub fn fragments(&self, payload: &[u8], step: usize) -> Vec<Vec<u8>> {
        let piece = |(number, bytes): (usize, &[u8])| {
            let offset = number * step;
            let more = if offset + bytes.len() < payload.len() { MORE } else { 0 };
            Self { flags_offset: more | (offset / 8) as u16, ..self.clone() }.packet(bytes)
        };
        payload.chunks(step).enumerate().map(piece).collect()
    }
}

/// A UDP datagram with its checksum.
pub fn udp(source: (Ipv4Addr, u16), destination: (Ipv4Addr, u16), payload: &[u8]) -> Vec<u8> {
    let length = (8 + payload.len()) as u16;
    let mut datagram = Vec::from(source.1.to_be_bytes());
    datagram.extend(destination.1.to_be_bytes());
    datagram.extend(length.to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend(payload);
    let pseudo =
        [&source.0.octets()[..], &destination.0.octets(), &[0, UDP], &length.to_be_bytes()];
    // 0 says that there is none (RFC 768).
    let sum = match checksum(&[&pseudo.concat()[..], &datagram].concat()) {
        0 => u16::MAX,
        sum => sum,
    };
    datagram[6..8].copy_from_slice(&sum.to_be_bytes());
    datagram
}

/// An ICMP message with its checksum; `rest` is the second word of the header and what follows.
pub fn icmp(message_type: u8, code: u8, rest: &[u8]) -> Vec<u8> {
    let mut message = [&[message_type, code, 0, 0], rest].concat();
    let sum = checksum(&message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    message
}

/// The Internet checksum (RFC 1071).
pub fn checksum(bytes: &[u8]) -> u16 {
    let words =
        bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
    const TWO: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

    /// What Linux sends for four bytes from 10.0.0.1:5000 to 10.0.0.2:8080.
    #[test]
    fn a_datagram_is_what_linux_sends() {
        let datagram = udp((ONE, 5000), (TWO, 8080), &[1, 2, 3, 4]);
        assert_eq!(
            checksum(&[&[10, 0, 0, 1, 10, 0, 0, 2, 0, 17, 0, 12][..], &datagram].concat()),
            0
        );
        let header =
            Ipv4 { identification: 0x1234, flags_offset: 0x4000, ..Ipv4::new(ONE, TWO, UDP) };
        let packet = header.packet(&[1, 2, 3, 4]);
        let linux = [
            0x45, 0x00, 0x00, 0x18, 0x12, 0x34, 0x40, 0x00, 0x40, 0x11, 0x14, 0x9f, 10, 0, 0, 1,
            10, 0, 0, 2, 1, 2, 3, 4,
        ];
        assert_eq!(packet, linux);
    }

    #[test]
    fn fragments_are_the_whole() {
        let payload: Vec<u8> = (0..100).collect();
        let fragments = Ipv4::new(ONE, TWO, UDP).fragments(&payload, 48);
        let parts: Vec<_> = fragments.iter().map(|f| (f[6], f[7], &f[20..])).collect();
        assert_eq!(
            parts,
            [(0x20, 0, &payload[..48]), (0x20, 6, &payload[48..96]), (0, 12, &payload[96..])]
        );
    }
}
