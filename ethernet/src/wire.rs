//! The header of an Ethernet II frame, and that of IEEE 802 frames (RFC 894, RFC 1042).

use core::fmt;

use layer::payload_of_bytes;
use netif::MacAddr;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, network_endian::U16};

/// The length of the header in bytes.
pub const HEADER_LEN: usize = size_of::<EthernetHeader>();

/// The shortest payload of a frame in bytes: a shorter one is padded (RFC 894).
pub const MIN_PAYLOAD: usize = 46;

/// The smallest value of the type field that is a type; below it is a length (RFC 894, RFC 1042).
const MIN_ETHERTYPE: u16 = 0x0600;

/// The largest value of the type field that is a length (IEEE 802.3, 3.2.6). The values between are neither.
const MAX_LENGTH: u16 = 1500;

/// The shortest header of logical link control in bytes: two addresses and a control field (IEEE 802.2).
const MIN_LLC: usize = 3;

/// Logical link control of RFC 1042: SNAP, unnumbered information, organisation code 0.
const LLC_SNAP: [u8; 6] = [0xaa, 0xaa, 3, 0, 0, 0];

/// What a frame carries (IANA's registry of EtherTypes).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EtherType(pub u16);

impl EtherType {
    /// Internet Protocol version 4 (RFC 894).
    pub const IPV4: Self = Self(0x0800);
    /// Address Resolution Protocol (RFC 826).
    pub const ARP: Self = Self(0x0806);
    /// Internet Protocol version 6 (RFC 2464).
    pub const IPV6: Self = Self(0x86dd);
}

/// `ipv4`, or the number: `0x88cc`.
impl fmt::Display for EtherType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::IPV4 => f.write_str("ipv4"),
            Self::ARP => f.write_str("arp"),
            Self::IPV6 => f.write_str("ipv6"),
            Self(number) => write!(f, "{number:#06x}"),
        }
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for EtherType {
    fn format(&self, f: defmt::Formatter<'_>) {
        match *self {
            Self::IPV4 => defmt::write!(f, "ipv4"),
            Self::ARP => defmt::write!(f, "arp"),
            Self::IPV6 => defmt::write!(f, "ipv6"),
            Self(number) => defmt::write!(f, "{=u16:#06x}", number),
        }
    }
}

/// The header of a frame.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                          Destination                          |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |          Destination          |            Source             |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                            Source                             |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |             Type              |           payload ...
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct EthernetHeader {
    /// The destination of the frame.
    pub destination: MacAddr,
    /// Who sent it.
    pub source: MacAddr,
    /// An [`EtherType`], or a length in bytes.
    pub ethertype: U16,
}

const _: () = assert!(HEADER_LEN == 14);

payload_of_bytes!(EthernetHeader);

impl EthernetHeader {
    /// The header of a frame.
    pub fn new(destination: MacAddr, source: MacAddr, ethertype: EtherType) -> Self {
        Self { destination, source, ethertype: U16::new(ethertype.0) }
    }

    /// Removes the header of a frame: returns the EtherType, and the payload with its padding.
    ///
    /// # Errors
    /// What is wrong with the frame.
    pub fn parse(frame: &[u8]) -> Result<(&Self, EtherType, &[u8]), ParseError> {
        let (header, payload) = Self::ref_from_prefix(frame).map_err(|_| ParseError::Runt)?;
        let field = header.ethertype.get();
        if field >= MIN_ETHERTYPE {
            return Ok((header, EtherType(field), payload));
        }
        // IEEE 802.3: the field is the length of what follows, without padding.
        let payload = payload.get(..usize::from(field)).ok_or(ParseError::Length)?;
        if field > MAX_LENGTH || payload.len() < MIN_LLC {
            return Err(ParseError::Length);
        }
        let (llc, payload) = payload.split_first_chunk().ok_or(ParseError::Llc)?;
        let (ethertype, payload) = payload.split_first_chunk().ok_or(ParseError::Llc)?;
        if *llc != LLC_SNAP {
            return Err(ParseError::Llc);
        }
        Ok((header, EtherType(u16::from_be_bytes(*ethertype)), payload))
    }
}

/// `02:00:0a:00:00:01 > 02:00:0a:00:00:02 arp`
impl fmt::Display for EthernetHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ethertype = EtherType(self.ethertype.get());
        write!(f, "{} > {} {ethertype}", self.source, self.destination)
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for EthernetHeader {
    fn format(&self, f: defmt::Formatter<'_>) {
        let ethertype = EtherType(self.ethertype.get());
        defmt::write!(f, "{} > {} {}", self.source, self.destination, ethertype);
    }
}

/// Why a frame could not be parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// Shorter than its header.
    Runt,
    /// Shorter than its length field says; or the field is neither a length nor a type, or too small for the
    /// header of an IEEE 802 frame.
    Length,
    /// An IEEE 802 frame without an EtherType (RFC 1042), such as that of a spanning tree: well-formed, but
    /// for others.
    Llc,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Runt => "the frame is shorter than an Ethernet header, 14 bytes",
            Self::Length => "the length field of the frame is wrong",
            Self::Llc => "an IEEE 802 frame without the LLC and SNAP headers of RFC 1042",
        })
    }
}

impl core::error::Error for ParseError {}

#[cfg(test)]
mod tests {
    use std::{format, string::ToString, vec};

    use super::*;

    const FRAME: [u8; 18] = [2, 0, 10, 0, 0, 2, 2, 0, 10, 0, 0, 1, 0x08, 0x00, 0x45, 1, 2, 3];

    #[test]
    fn parse() {
        let (header, ethertype, payload) = EthernetHeader::parse(&FRAME).unwrap();
        assert_eq!(header.destination, MacAddr([2, 0, 10, 0, 0, 2]));
        assert_eq!(header.source, MacAddr([2, 0, 10, 0, 0, 1]));
        assert_eq!((ethertype, payload), (EtherType::IPV4, &[0x45, 1, 2, 3][..]));
    }

    #[test]
    fn emit() {
        let destination = MacAddr([2, 0, 10, 0, 0, 2]);
        let header =
            EthernetHeader::new(destination, MacAddr([2, 0, 10, 0, 0, 1]), EtherType::IPV4);
        assert_eq!(header.as_bytes(), &FRAME[..14]);
        assert_eq!(header.to_string(), "02:00:0a:00:00:01 > 02:00:0a:00:00:02 ipv4");
    }

    #[test]
    fn every_runt_is_refused() {
        for length in 0..HEADER_LEN {
            assert_eq!(EthernetHeader::parse(&FRAME[..length]), Err(ParseError::Runt));
        }
        assert!(EthernetHeader::parse(&FRAME[..HEADER_LEN]).is_ok_and(|(.., p)| p.is_empty()));
    }

    /// RFC 1042: 802.3 length, LLC AA AA 03, SNAP 00 00 00 and the EtherType.
    #[test]
    fn snap_frames_are_parsed_and_trimmed() {
        let mut frame = FRAME[..12].to_vec();
        frame.extend([0, 10, 0xaa, 0xaa, 3, 0, 0, 0, 0x08, 0x06, 7, 8]);
        frame.extend([0; 36]);
        let (_, ethertype, payload) = EthernetHeader::parse(&frame).unwrap();
        assert_eq!((ethertype, payload), (EtherType::ARP, &[7, 8][..]));
        for length in 14..24 {
            assert_eq!(EthernetHeader::parse(&frame[..length]), Err(ParseError::Length));
        }
    }

    #[test]
    fn other_802_frames_are_refused() {
        let mut spanning_tree = FRAME[..12].to_vec();
        spanning_tree.extend([0, 38, 0x42, 0x42, 3]);
        spanning_tree.extend(vec![0; 43]);
        assert_eq!(EthernetHeader::parse(&spanning_tree), Err(ParseError::Llc));
        // SNAP of another organisation (Cisco's discovery protocol), and the shortest LLC.
        let mut cisco = FRAME[..12].to_vec();
        cisco.extend([0, 8, 0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0]);
        assert_eq!(EthernetHeader::parse(&cisco), Err(ParseError::Llc));
        let mut shortest = FRAME[..12].to_vec();
        shortest.extend([0, 3, 0xe0, 0xe0, 3]);
        assert_eq!(EthernetHeader::parse(&shortest), Err(ParseError::Llc));
    }

    #[test]
    fn impossible_lengths_are_refused() {
        let mut frame = FRAME[..12].to_vec();
        frame.extend(vec![0x42; 2000]);
        let mut parse = |field: u16| {
            frame[12..14].copy_from_slice(&field.to_be_bytes());
            EthernetHeader::parse(&frame).map(|_| ())
        };
        for field in [0, 1, 2, 1501, 0x05ff] {
            assert_eq!(parse(field), Err(ParseError::Length), "{field}");
        }
        assert_eq!((parse(3), parse(1500)), (Err(ParseError::Llc), Err(ParseError::Llc)));
        assert_eq!(parse(0x0600), Ok(()));
    }

    #[test]
    fn ethertypes_are_named() {
        let all = [EtherType::IPV4, EtherType::ARP, EtherType::IPV6, EtherType(0x88cc)];
        assert_eq!(all.map(|e| e.to_string()).join(" "), "ipv4 arp ipv6 0x88cc");
        assert_eq!(format!("{}", ParseError::Runt).split(' ').next_back(), Some("bytes"));
    }
}
