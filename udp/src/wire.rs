//! The header of a datagram (RFC 768).

use core::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use layer::{Payload, payload_of_bytes};
use network::{Checksum, Packet, Protocol};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, network_endian::U16};

/// The length of the header in bytes.
pub const HEADER_LEN: usize = size_of::<UdpHeader>();

/// The header of a datagram.
///
/// ```text
///  0      7 8     15 16    23 24    31
/// +--------+--------+--------+--------+
/// |     Source      |   Destination   |
/// |      Port       |      Port       |
/// +--------+--------+--------+--------+
/// |     Length      |    Checksum     |
/// +--------+--------+--------+--------+
/// |          payload ...
/// +---------------- ...
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct UdpHeader {
    /// The port to answer to, or 0 if there is none.
    pub source_port: U16,
    /// The port of the service.
    pub destination_port: U16,
    /// The length of header and payload in bytes.
    pub length: U16,
    /// The Internet checksum of pseudo header, header and payload, or 0 if there is none.
    pub checksum: U16,
}

const _: () = assert!(HEADER_LEN == 8);

payload_of_bytes!(UdpHeader);

impl UdpHeader {
    /// The header of a datagram, with its checksum.
    ///
    /// The payload has 65,527 bytes at most; the length of a longer one would be wrong.
    pub fn new(source: SocketAddr, destination: SocketAddr, payload: &impl Payload) -> Self {
        let addresses = [source.ip(), destination.ip()];
        Self::with_checksum(addresses, [source.port(), destination.port()], payload)
    }

    /// The header of a datagram with a payload of `length` bytes, at most 65,527, whose checksum is completed by a
    /// layer below. The checksum field holds the sum of the pseudo header; see [`layer::PartialChecksum::UDP`].
    pub fn partial(source: SocketAddr, destination: SocketAddr, length: usize) -> Self {
        let addresses = [source.ip(), destination.ip()];
        Self::with_partial(addresses, [source.port(), destination.port()], length)
    }

    /// The header of a datagram with its checksum, as [`new`](Self::new) makes it. The source is the first address and
    /// port.
    #[inline(always)]
    pub(crate) fn with_checksum(
        addresses: [IpAddr; 2],
        ports: [u16; 2],
        payload: &impl Payload,
    ) -> Self {
        let mut header = Self::without_checksum(ports, payload.len());
        let sum = pseudo_header(addresses, HEADER_LEN + payload.len())
            .add(header.as_bytes())
            .add_payload(payload);
        header.checksum = match sum.finish() {
            // 0 means that there is no checksum. This value is the equal sum (RFC 768).
            0 => U16::MAX_VALUE,
            checksum => U16::new(checksum),
        };
        header
    }

    /// The header of a datagram with a partial checksum, as [`partial`](Self::partial) makes it. The source is the
    /// first address and port.
    #[inline]
    pub(crate) fn with_partial(addresses: [IpAddr; 2], ports: [u16; 2], length: usize) -> Self {
        let sum = !pseudo_header(addresses, HEADER_LEN + length).finish();
        Self { checksum: U16::new(sum), ..Self::without_checksum(ports, length) }
    }

    /// The header of a datagram with a payload of `length` bytes, at most 65,527, without a checksum.
    #[inline]
    fn without_checksum([source, destination]: [u16; 2], length: usize) -> Self {
        Self {
            source_port: U16::new(source),
            destination_port: U16::new(destination),
            length: U16::new((HEADER_LEN + length) as u16),
            checksum: U16::ZERO,
        }
    }

    /// Separates the header of the datagram in `packet` from its payload. The payload ends where the length field says,
    /// whatever follows.
    ///
    /// # Errors
    /// The datagram is malformed. The checksum is only checked if the packet says so. A checksum of 0 means none, which
    /// is valid on IPv4 (RFC 768) but not on IPv6 (RFC 8200 8.1).
    #[inline]
    pub fn parse<'r>(packet: &Packet<'r>) -> Result<(&'r Self, &'r [u8]), ParseError> {
        let (header, _) = Self::ref_from_prefix(packet.payload).map_err(|_| ParseError::Short)?;
        let length = usize::from(header.length.get());
        let datagram = packet.payload.get(..length).ok_or(ParseError::Length)?;
        let payload = datagram.get(HEADER_LEN..).ok_or(ParseError::Length)?;
        if packet.verify_checksum && !(header.checksum == U16::ZERO && packet.source.is_ipv4()) {
            let sum = pseudo_header([packet.source, packet.destination], length).add(datagram);
            if header.checksum == U16::ZERO || !sum.is_valid() {
                return Err(ParseError::Checksum);
            }
        }
        Ok((header, payload))
    }
}

#[inline]
fn pseudo_header([source, destination]: [IpAddr; 2], length: usize) -> Checksum {
    Checksum::pseudo_header(source, destination, Protocol::UDP, length)
}

/// Writes the header like `5000 > 8080, length 12`.
impl fmt::Display for UdpHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source_port, destination_port, length, .. } = self;
        write!(f, "{source_port} > {destination_port}, length {length}")
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for UdpHeader {
    fn format(&self, f: defmt::Formatter<'_>) {
        let [source, destination, length] =
            [self.source_port, self.destination_port, self.length].map(U16::get);
        defmt::write!(f, "{} > {}, length {}", source, destination, length);
    }
}

/// Why a datagram could not be parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// The datagram is shorter than its header.
    Short,
    /// The length field is below 8, or more than the packet carries.
    Length,
    /// The checksum is wrong.
    Checksum,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Short => "the datagram is shorter than a UDP header, 8 bytes",
            Self::Length => "the length field of the datagram is wrong",
            Self::Checksum => "the checksum of the datagram is wrong",
        })
    }
}

impl core::error::Error for ParseError {}

#[cfg(test)]
mod tests {
    use std::{string::ToString, vec::Vec};

    use super::*;
    use crate::samples::{OURS, PEER, REQUEST, packet};

    const FROM: SocketAddr = SocketAddr::new(PEER, 5000);
    const TO: SocketAddr = SocketAddr::new(OURS, 8080);

    fn parse(bytes: &[u8]) -> Result<(&UdpHeader, &[u8]), ParseError> {
        UdpHeader::parse(&packet(bytes))
    }

    fn with(at: usize, value: [u8; 2]) -> Vec<u8> {
        let mut bytes = REQUEST.to_vec();
        bytes[at..at + 2].copy_from_slice(&value);
        bytes
    }

    #[test]
    fn test_parse() {
        let (header, payload) = parse(&REQUEST).unwrap();
        assert_eq!(header.to_string(), "5000 > 8080, length 13");
        assert_eq!(payload, b"hello");
    }

    /// RFC 768: 0 says that there is none. RFC 8200 8.1: there has to be one.
    #[test]
    fn a_checksum_may_be_missing_on_ipv4_only() {
        let none = with(6, [0, 0]);
        assert!(parse(&none).is_ok());
        let [source, destination] = ["fe80::1", "fe80::2"].map(|text| text.parse().unwrap());
        let over_6 = |payload| UdpHeader::parse(&Packet { source, destination, ..packet(payload) });
        assert_eq!(over_6(&none), Err(ParseError::Checksum));
        let header = UdpHeader::new(
            SocketAddr::new(source, 5000),
            SocketAddr::new(destination, 8080),
            b"hello",
        );
        let summed = [header.as_bytes(), b"hello"].concat();
        let packet_6 = Packet { source, destination, ..packet(&summed) };
        assert!(UdpHeader::parse(&packet_6).is_ok());
        // The device says that it is blank because the datagram never left this host.
        let verified = Packet { verify_checksum: false, payload: &none, ..packet_6 };
        assert!(UdpHeader::parse(&verified).is_ok());
    }

    #[test]
    fn test_emit() {
        let header = UdpHeader::new(FROM, TO, b"hello");
        assert_eq!(header.as_bytes(), &REQUEST[..8]);
        // The pieces that a payload comes in make no difference.
        assert_eq!(UdpHeader::new(FROM, TO, &(b"h", (b"el", b"lo"))), header);
    }

    #[test]
    fn test_short() {
        for length in 0..HEADER_LEN {
            assert_eq!(parse(&REQUEST[..length]), Err(ParseError::Short), "{length}");
        }
    }

    #[test]
    fn test_impossible_length() {
        for length in (0..8).chain(14..20).chain([255, 256, 0x7fff, 0xffff]) {
            let bytes = with(4, u16::to_be_bytes(length));
            assert_eq!(parse(&bytes), Err(ParseError::Length), "{length}");
        }
        for cut in 8..13 {
            assert_eq!(parse(&REQUEST[..cut]), Err(ParseError::Length), "{cut}");
        }
    }

    #[test]
    fn test_trailing_bytes_are_cut_off() {
        let mut padded = REQUEST.to_vec();
        padded.extend([0xaa; 33]);
        assert_eq!(parse(&padded).unwrap().1, b"hello");
    }

    #[test]
    fn test_empty() {
        let header = UdpHeader::new(FROM, TO, b"");
        assert_eq!(header.as_bytes(), [0x13, 0x88, 0x1f, 0x90, 0, 8, 0xb8, 0xc3]);
        assert_eq!(parse(header.as_bytes()).unwrap().1, b"");
    }

    /// The case "correct UDP IPV4 checksums are recognized" of mirage-tcpip, and its opposite.
    #[test]
    fn udp_ipv4_correct_positive_and_negative() {
        assert!(parse(&REQUEST).is_ok());
        for bit in (0..REQUEST.len() * 8).filter(|bit| !(32..48).contains(bit)) {
            let mut damaged = REQUEST;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(parse(&damaged), Err(ParseError::Checksum), "{bit}");
        }
        let moved = Packet { destination: PEER, source: PEER, ..packet(&REQUEST) };
        assert_eq!(UdpHeader::parse(&moved), Err(ParseError::Checksum));
    }

    /// The case "0x00 UDP checksum is valid" of mirage-tcpip.
    #[test]
    fn udp_ipv4_allows_zero() {
        assert!(parse(&with(6, [0, 0])).is_ok());
        let mut changed = with(6, [0, 0]);
        changed[12] ^= 0xff;
        assert!(parse(&changed).is_ok());
    }

    #[test]
    fn a_computed_zero_is_sent_as_ffff() {
        let header = UdpHeader::new(FROM, TO, &[0xb8, 0xbf]);
        assert_eq!(header.as_bytes(), [0x13, 0x88, 0x1f, 0x90, 0, 10, 0xff, 0xff]);
        let bytes = [header.as_bytes(), &[0xb8, 0xbf]].concat();
        assert_eq!(parse(&bytes).unwrap().1, [0xb8, 0xbf]);
        // No payload makes a header without a checksum.
        for word in 0..=u16::MAX {
            assert_ne!(UdpHeader::new(FROM, TO, &word.to_be_bytes()).checksum, U16::ZERO);
        }
    }

    #[test]
    fn a_checksum_that_needs_no_verifying_is_not_looked_at() {
        let bytes = with(6, [0x12, 0x34]);
        assert_eq!(parse(&bytes), Err(ParseError::Checksum));
        let verified = Packet { verify_checksum: false, ..packet(&bytes) };
        assert!(UdpHeader::parse(&verified).is_ok());
    }

    #[test]
    fn test_longest() {
        let payload = std::vec![0xff; 65_507];
        let header = UdpHeader::new(FROM, TO, &&payload[..]);
        let bytes = [header.as_bytes(), &payload].concat();
        let (parsed, data) = parse(&bytes).unwrap();
        assert_eq!((parsed.length.get(), data.len()), (65_515, 65_507));
    }
}
