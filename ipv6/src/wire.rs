//! The IPv6 header (RFC 8200 3).

use core::{fmt, net::Ipv6Addr};

use layer::payload_of_bytes;
use network::Protocol;
use zerocopy::{
    FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned,
    network_endian::{U16, U32},
};

/// The length of the header, in bytes. Extension headers are not part of it.
pub const HEADER_LEN: usize = size_of::<Ipv6Header>();

/// The length of the longest payload, extension headers included, in bytes. There are no jumbograms (RFC 2675).
pub const MAX_PAYLOAD_LEN: usize = 65_535;

/// The header.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |Version| Traffic Class |           Flow Label                  |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |         Payload Length        |  Next Header  |   Hop Limit   |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                                                               |
/// +                         Source Address                        +
/// |                         (128 bits)                            |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                                                               |
/// +                      Destination Address                      +
/// |                         (128 bits)                            |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct Ipv6Header {
    /// Version (4 bits), traffic class (8 bits) and flow label (20 bits, RFC 6437).
    pub version_class_label: U32,
    /// The length of what follows the header, extension headers included, in bytes.
    pub payload_length: U16,
    /// What follows the header: a protocol, or an extension header.
    pub next_header: u8,
    /// How many more routers may forward the packet.
    pub hop_limit: u8,
    /// The source address.
    pub source: [u8; 16],
    /// The destination address.
    pub destination: [u8; 16],
}

const _: () = assert!(HEADER_LEN == 40);

payload_of_bytes!(Ipv6Header);

/// The header fields of a packet to be sent. The others follow from these and from the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fields {
    /// The source address.
    pub source: Ipv6Addr,
    /// The destination address.
    pub destination: Ipv6Addr,
    /// What follows the header.
    pub next_header: Protocol,
    /// The hop limit.
    pub hop_limit: u8,
    /// The traffic class.
    pub traffic_class: u8,
    /// The flow label, 20 bits (RFC 6437). 0 is none.
    pub flow_label: u32,
}

/// A packet whose header was parsed and checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parsed<'r> {
    /// The header.
    pub header: &'r Ipv6Header,
    /// What follows it, without the padding that the link added after the packet.
    pub payload: &'r [u8],
}

impl Ipv6Header {
    /// The header of a packet with `length` bytes behind the header.
    #[inline]
    pub fn new(fields: &Fields, length: usize) -> Self {
        let word = 6 << 28 | u32::from(fields.traffic_class) << 20 | fields.flow_label & 0xf_ffff;
        Self {
            version_class_label: U32::new(word),
            payload_length: U16::new(length as u16),
            next_header: fields.next_header.0,
            hop_limit: fields.hop_limit,
            source: fields.source.octets(),
            destination: fields.destination.octets(),
        }
    }

    /// Parses a packet. Version and length are checked, and bytes after the payload length are cut off. Extension headers
    /// are part of the payload.
    ///
    /// # Errors
    /// The first check that failed.
    #[inline]
    pub fn parse(packet: &[u8]) -> Result<Parsed<'_>, ParseError> {
        let (header, rest) = Self::ref_from_prefix(packet).map_err(|_| ParseError::TooShort)?;
        if header.version_class_label.get() >> 28 != 6 {
            return Err(ParseError::Version);
        }
        let length = usize::from(header.payload_length.get());
        let payload = rest.get(..length).ok_or(ParseError::TooShort)?;
        Ok(Parsed { header, payload })
    }

    /// The source address.
    #[inline]
    pub fn source(&self) -> Ipv6Addr {
        Ipv6Addr::from(self.source)
    }

    /// The destination address.
    #[inline]
    pub fn destination(&self) -> Ipv6Addr {
        Ipv6Addr::from(self.destination)
    }

    /// The traffic class: the differentiated services field and ECN (RFC 2474, RFC 3168).
    #[inline]
    pub fn traffic_class(&self) -> u8 {
        (self.version_class_label.get() >> 20) as u8
    }

    /// The flow label (RFC 6437).
    pub fn flow_label(&self) -> u32 {
        self.version_class_label.get() & 0xf_ffff
    }
}

/// Writes `fe80::1 > ff02::1 icmpv6, 64 bytes, hop limit 255`, where the length includes the header.
impl fmt::Display for Ipv6Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (source, destination) = (self.source(), self.destination());
        let length = HEADER_LEN + usize::from(self.payload_length.get());
        let next = Protocol(self.next_header);
        write!(f, "{source} > {destination} {next}, {length} bytes, hop limit {}", self.hop_limit)
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Ipv6Header {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(
            f,
            "{} > {} {}, {=usize} bytes, hop limit {=u8}",
            defmt::Display2Format(&self.source()),
            defmt::Display2Format(&self.destination()),
            Protocol(self.next_header),
            HEADER_LEN + usize::from(self.payload_length.get()),
            self.hop_limit
        );
    }
}

/// Why a packet could not be parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// The packet is shorter than a header, or than its payload length says.
    TooShort,
    /// The version is not 6.
    Version,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooShort => "the packet is shorter than its header or its payload length says",
            Self::Version => "the version is not 6",
        })
    }
}

impl core::error::Error for ParseError {}

#[cfg(test)]
mod tests {
    use std::{string::ToString, vec::Vec};

    use super::*;

    /// A message of ICMP of four bytes, as Linux sends it.
    fn packet() -> Vec<u8> {
        let mut bytes = vec![0x6b, 0x81, 0x23, 0x45, 0, 4, 58, 255];
        bytes.extend("fe80::1".parse::<Ipv6Addr>().unwrap().octets());
        bytes.extend("ff02::2".parse::<Ipv6Addr>().unwrap().octets());
        bytes.extend([133, 0, 1, 2]);
        bytes
    }

    fn fields() -> Fields {
        Fields {
            source: "fe80::1".parse().unwrap(),
            destination: "ff02::2".parse().unwrap(),
            next_header: Protocol::ICMPV6,
            hop_limit: 255,
            traffic_class: 0xb8,
            flow_label: 0x1_2345,
        }
    }

    #[test]
    fn parse() {
        let packet = packet();
        let Parsed { header, payload } = Ipv6Header::parse(&packet).unwrap();
        assert_eq!(
            (header.source(), header.destination()),
            (fields().source, fields().destination)
        );
        assert_eq!((header.traffic_class(), header.flow_label()), (0xb8, 0x1_2345));
        assert_eq!((header.next_header, header.hop_limit, payload), (58, 255, &[133, 0, 1, 2][..]));
        assert_eq!(header.to_string(), "fe80::1 > ff02::2 icmpv6, 44 bytes, hop limit 255");
    }

    #[test]
    fn emit() {
        assert_eq!(Ipv6Header::new(&fields(), 4).as_bytes(), &packet()[..40]);
    }

    #[test]
    fn a_label_of_more_than_20_bits_does_not_reach_the_traffic_class() {
        let header = Ipv6Header::new(&Fields { flow_label: u32::MAX, ..fields() }, 4);
        assert_eq!((header.traffic_class(), header.flow_label()), (0xb8, 0xf_ffff));
    }

    #[test]
    fn what_follows_the_payload_length_is_cut_off() {
        let padded = [&packet()[..], &[0xee; 22]].concat();
        assert_eq!(Ipv6Header::parse(&padded).unwrap().payload, [133, 0, 1, 2]);
    }

    #[test]
    fn what_is_too_short_is_refused() {
        let packet = packet();
        for length in 0..packet.len() {
            assert_eq!(Ipv6Header::parse(&packet[..length]), Err(ParseError::TooShort), "{length}");
        }
    }

    #[test]
    fn other_versions_are_refused() {
        let mut packet = packet();
        for version in (0..16).filter(|&version| version != 6) {
            packet[0] = version << 4;
            assert_eq!(Ipv6Header::parse(&packet), Err(ParseError::Version));
        }
    }
}
