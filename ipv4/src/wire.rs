//! The IPv4 header (RFC 791 3.1).

use core::{fmt, net::Ipv4Addr};

use layer::payload_of_bytes;
use network::{Checksum, Protocol};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, network_endian::U16};

/// The length of the header without options, in bytes.
pub const HEADER_LEN: usize = size_of::<Ipv4Header>();

/// The length of the longest header, in bytes: 15 words.
pub const MAX_HEADER_LEN: usize = 60;

/// The length of the longest packet, header included, in bytes.
pub const MAX_PACKET_LEN: usize = 65_535;

/// Flag: routers and hosts must not fragment this packet.
const DONT_FRAGMENT: u16 = 0x4000;
/// Flag: this is not the last fragment.
const MORE_FRAGMENTS: u16 = 0x2000;

/// The header, without options.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |Version|  IHL  |Type of Service|          Total Length         |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |         Identification        |Flags|      Fragment Offset    |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |  Time to Live |    Protocol   |         Header Checksum       |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                       Source Address                          |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                    Destination Address                        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                    Options                    |    Padding    |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct Ipv4Header {
    /// Version, and IHL: the length of the header in words of 32 bits.
    pub version_ihl: u8,
    /// Type of service; today the differentiated services field and ECN (RFC 2474, RFC 3168).
    pub tos: u8,
    /// The length of header and payload in bytes.
    pub total_length: U16,
    /// The number that the fragments of one datagram share.
    pub identification: U16,
    /// Flags, and the offset of the fragment in units of 8 bytes.
    pub flags_offset: U16,
    /// Time to live: how many more routers may forward the packet.
    pub ttl: u8,
    /// The protocol of the payload.
    pub protocol: u8,
    /// The Internet checksum of the header.
    pub checksum: U16,
    /// The source address.
    pub source: [u8; 4],
    /// The destination address.
    pub destination: [u8; 4],
}

const _: () = assert!(HEADER_LEN == 20);

payload_of_bytes!(Ipv4Header);

/// The header fields of a packet to be sent. The others follow from these and from the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fields {
    /// The source address.
    pub source: Ipv4Addr,
    /// The destination address.
    pub destination: Ipv4Addr,
    /// The protocol of the payload.
    pub protocol: Protocol,
    /// Time to live.
    pub ttl: u8,
    /// Type of service.
    pub tos: u8,
    /// Identification.
    pub identification: u16,
    /// Whether it must not be fragmented.
    pub dont_fragment: bool,
}

/// A packet whose header was parsed and checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parsed<'r> {
    /// The header without options.
    pub header: &'r Ipv4Header,
    /// The header with its options, as received.
    pub header_bytes: &'r [u8],
    /// The payload, without the padding that the link added after the packet.
    pub payload: &'r [u8],
}

impl Ipv4Header {
    /// The header, with its checksum, of a fragment with `length` bytes of payload at `offset`, a multiple of 8 in
    /// bytes.
    #[inline]
    pub fn new(fields: &Fields, offset: usize, length: usize, more_fragments: bool) -> Self {
        let flags = if fields.dont_fragment { DONT_FRAGMENT } else { 0 }
            | if more_fragments { MORE_FRAGMENTS } else { 0 };
        let mut header = Self {
            version_ihl: 0x45,
            tos: fields.tos,
            total_length: U16::new((HEADER_LEN + length) as u16),
            identification: U16::new(fields.identification),
            flags_offset: U16::new(flags | (offset / 8) as u16),
            ttl: fields.ttl,
            protocol: fields.protocol.0,
            checksum: U16::ZERO,
            source: fields.source.octets(),
            destination: fields.destination.octets(),
        };
        header.checksum = U16::new(Checksum::new().add(header.as_bytes()).finish());
        header
    }

    /// Parses a packet. Version, lengths and header checksum are checked, options are skipped, and bytes after the
    /// total length are cut off.
    ///
    /// # Errors
    /// The first check that failed.
    #[inline]
    pub fn parse(packet: &[u8]) -> Result<Parsed<'_>, ParseError> {
        let (header, _) = Self::ref_from_prefix(packet).map_err(|_| ParseError::TooShort)?;
        if header.version_ihl >> 4 != 4 {
            return Err(ParseError::Version);
        }
        let header_length = usize::from(header.version_ihl & 0xf) * 4;
        let total_length = usize::from(header.total_length.get());
        if header_length < HEADER_LEN || total_length < header_length {
            return Err(ParseError::HeaderLength);
        }
        let packet = packet.get(..total_length).ok_or(ParseError::TooShort)?;
        let (header_bytes, payload) = packet.split_at(header_length);
        if !Checksum::new().add(header_bytes).is_valid() {
            return Err(ParseError::Checksum);
        }
        Ok(Parsed { header, header_bytes, payload })
    }

    /// The source address.
    pub fn source(&self) -> Ipv4Addr {
        Ipv4Addr::from(self.source)
    }

    /// The destination address.
    pub fn destination(&self) -> Ipv4Addr {
        Ipv4Addr::from(self.destination)
    }

    /// The position of the payload in the datagram, in bytes.
    pub fn offset(&self) -> usize {
        usize::from(self.flags_offset.get() & 0x1fff) * 8
    }

    /// Whether fragments with higher offsets follow.
    pub fn more_fragments(&self) -> bool {
        self.flags_offset.get() & MORE_FRAGMENTS != 0
    }

    /// Whether nobody may fragment the packet.
    pub fn dont_fragment(&self) -> bool {
        self.flags_offset.get() & DONT_FRAGMENT != 0
    }

    /// Whether the packet is only a part of a datagram.
    pub fn is_fragment(&self) -> bool {
        self.more_fragments() || self.offset() > 0
    }
}

/// Writes `10.0.0.1 > 10.0.0.2 udp, 28 bytes, ttl 64, id 0x1234 df`, and `offset 1480 more` for a fragment.
impl fmt::Display for Ipv4Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (source, destination) = (self.source(), self.destination());
        let (length, id) = (self.total_length.get(), self.identification.get());
        let protocol = Protocol(self.protocol);
        write!(f, "{source} > {destination} {protocol}, {length} bytes, ttl {}", self.ttl)?;
        write!(f, ", id {id:#06x}")?;
        if self.dont_fragment() {
            f.write_str(" df")?;
        }
        if self.is_fragment() {
            write!(f, " offset {}", self.offset())?;
        }
        if self.more_fragments() {
            f.write_str(" more")?;
        }
        Ok(())
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Ipv4Header {
    fn format(&self, f: defmt::Formatter<'_>) {
        let ([a, b, c, d], [e, g, h, i]) = (self.source, self.destination);
        defmt::write!(
            f,
            "{=u8}.{=u8}.{=u8}.{=u8} > {=u8}.{=u8}.{=u8}.{=u8}",
            a,
            b,
            c,
            d,
            e,
            g,
            h,
            i
        );
        let (length, id) = (self.total_length.get(), self.identification.get());
        defmt::write!(
            f,
            " {}, {=u16} bytes, ttl {=u8}, id {=u16:#06x}",
            Protocol(self.protocol),
            length,
            self.ttl,
            id
        );
        if self.is_fragment() {
            defmt::write!(f, " offset {=usize} more {=bool}", self.offset(), self.more_fragments());
        }
    }
}

/// Why a packet could not be parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// The packet is shorter than a header, or than its total length says.
    TooShort,
    /// The version is not 4.
    Version,
    /// The IHL is below 5, or the total length is shorter than the header.
    HeaderLength,
    /// The checksum of the header is wrong.
    Checksum,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooShort => "the packet is shorter than its header or its total length says",
            Self::Version => "the version is not 4",
            Self::HeaderLength => "the header is shorter than 5 words or longer than the packet",
            Self::Checksum => "the checksum of the header is wrong",
        })
    }
}

impl core::error::Error for ParseError {}

#[cfg(test)]
mod tests {
    use std::{string::ToString, vec::Vec};

    use super::*;

    /// A datagram with four bytes, as Linux sends it.
    const PACKET: [u8; 24] = [
        0x45, 0x00, 0x00, 0x18, 0x12, 0x34, 0x40, 0x00, 0x40, 0x11, 0x14, 0x9f, 10, 0, 0, 1, 10, 0,
        0, 2, 1, 2, 3, 4,
    ];

    fn fields() -> Fields {
        Fields {
            source: Ipv4Addr::new(10, 0, 0, 1),
            destination: Ipv4Addr::new(10, 0, 0, 2),
            protocol: Protocol::UDP,
            ttl: 64,
            tos: 0,
            identification: 0x1234,
            dont_fragment: true,
        }
    }

    /// The packet with bytes changed and the checksum made right again.
    fn changed(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut packet = PACKET.to_vec();
        change(&mut packet);
        packet[10..12].fill(0);
        let header = (usize::from(packet[0] & 0xf) * 4).min(packet.len());
        let checksum = Checksum::new().add(&packet[..header]).finish();
        packet[10..12].copy_from_slice(&checksum.to_be_bytes());
        packet
    }

    #[test]
    fn parse() {
        let Parsed { header, header_bytes, payload } = Ipv4Header::parse(&PACKET).unwrap();
        assert_eq!(header.source(), Ipv4Addr::new(10, 0, 0, 1));
        assert_eq!(header.destination(), Ipv4Addr::new(10, 0, 0, 2));
        assert_eq!((header.ttl, header.protocol), (64, 17));
        assert!(header.dont_fragment() && !header.is_fragment());
        assert_eq!((header_bytes.len(), payload), (20, &[1, 2, 3, 4][..]));
    }

    #[test]
    fn emit() {
        let header = Ipv4Header::new(&fields(), 0, 4, false);
        assert_eq!(header.as_bytes(), &PACKET[..20]);
        let text = "10.0.0.1 > 10.0.0.2 udp, 24 bytes, ttl 64, id 0x1234 df";
        assert_eq!(header.to_string(), text);
    }

    #[test]
    fn emit_a_fragment() {
        let fields = Fields { dont_fragment: false, ..fields() };
        let header = Ipv4Header::new(&fields, 1480, 1000, true);
        assert_eq!((header.offset(), header.more_fragments()), (1480, true));
        assert!(Checksum::new().add(header.as_bytes()).is_valid());
        assert!(header.to_string().ends_with("id 0x1234 offset 1480 more"));
        let last = Ipv4Header::new(&fields, 65_512, 3, false);
        assert_eq!((last.offset(), last.is_fragment()), (65_512, true));
    }

    #[test]
    fn what_follows_the_total_length_is_cut_off() {
        let padded = [&PACKET[..], &[0xee; 22]].concat();
        assert_eq!(Ipv4Header::parse(&padded).unwrap().payload, [1, 2, 3, 4]);
    }

    #[test]
    fn options_are_skipped_by_ihl() {
        let packet = changed(|packet| {
            packet[0] = 0x46;
            packet[3] = 28;
            packet.splice(20..20, [0x94, 4, 0, 0]); // router alert (RFC 2113)
        });
        let parsed = Ipv4Header::parse(&packet).unwrap();
        assert_eq!((parsed.header_bytes.len(), parsed.payload), (24, &[1, 2, 3, 4][..]));
    }

    #[test]
    fn impossible_lengths_are_refused() {
        for length in 0..PACKET.len() {
            assert_eq!(Ipv4Header::parse(&PACKET[..length]), Err(ParseError::TooShort), "{length}");
        }
        for ihl in 0..5 {
            let packet = changed(|packet| packet[0] = 0x40 | ihl);
            assert_eq!(Ipv4Header::parse(&packet), Err(ParseError::HeaderLength), "IHL {ihl}");
        }
        let options_beyond_the_end = changed(|packet| packet[0] = 0x4f);
        assert_eq!(Ipv4Header::parse(&options_beyond_the_end), Err(ParseError::HeaderLength));
        let total_below_header = changed(|packet| packet[3] = 19);
        assert_eq!(Ipv4Header::parse(&total_below_header), Err(ParseError::HeaderLength));
    }

    #[test]
    fn other_versions_are_refused() {
        for version in (0..16).filter(|&version| version != 4) {
            let packet = changed(|packet| packet[0] = version << 4 | 5);
            assert_eq!(Ipv4Header::parse(&packet), Err(ParseError::Version));
        }
    }

    #[test]
    fn every_damaged_bit_of_the_header_is_noticed() {
        for bit in 0..20 * 8 {
            let mut packet = PACKET;
            packet[bit / 8] ^= 1 << (bit % 8);
            assert!(Ipv4Header::parse(&packet).is_err(), "bit {bit}");
        }
    }
}
