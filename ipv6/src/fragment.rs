//! The Fragment header (RFC 8200 4.5).

use layer::payload_of_bytes;
use network::Protocol;
use zerocopy::{
    FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned,
    network_endian::{U16, U32},
};

/// The number by which a header names a Fragment header that follows.
pub(crate) const FRAGMENT: Protocol = Protocol(44);

/// The length of the Fragment header, in bytes.
pub const FRAGMENT_HEADER_LEN: usize = size_of::<FragmentHeader>();

/// The header of a fragment.
///
/// ```text
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |  Next Header  |   Reserved    |      Fragment Offset    |Res|M|
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                         Identification                        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct FragmentHeader {
    /// What the fragmented part of the packet begins with: a protocol, or an extension header.
    pub next_header: u8,
    /// Sent as 0, ignored when received.
    pub reserved: u8,
    /// The offset in units of 8 bytes (13 bits), 2 reserved bits, and the bit that says that others follow.
    pub offset_more: U16,
    /// The number that the sender gave the packet.
    pub identification: U32,
}

const _: () = assert!(FRAGMENT_HEADER_LEN == 8);

payload_of_bytes!(FragmentHeader);

impl FragmentHeader {
    /// The header of the fragment that begins `offset` bytes, a multiple of 8, after the beginning of the fragmented part.
    #[must_use]
    pub fn new(next_header: Protocol, identification: u32, offset: usize, more: bool) -> Self {
        Self {
            next_header: next_header.0,
            reserved: 0,
            offset_more: U16::new(offset as u16 & !7 | u16::from(more)),
            identification: U32::new(identification),
        }
    }

    /// Where the fragment begins in the fragmented part, in bytes.
    #[must_use]
    pub fn offset(&self) -> usize {
        usize::from(self.offset_more.get() & !7)
    }

    /// Whether other fragments follow this one.
    #[must_use]
    pub fn more_fragments(&self) -> bool {
        self.offset_more.get() & 1 != 0
    }

    /// Whether this is the whole packet in one fragment (RFC 6946).
    #[must_use]
    pub fn is_atomic(&self) -> bool {
        self.offset() == 0 && !self.more_fragments()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emit_and_parse() {
        let header = FragmentHeader::new(Protocol::UDP, 0x1234_5678, 1448, true);
        let bytes = [17, 0, 0x05, 0xa9, 0x12, 0x34, 0x56, 0x78];
        assert_eq!(header.as_bytes(), bytes);
        assert_eq!(
            (header.offset(), header.more_fragments(), header.is_atomic()),
            (1448, true, false)
        );
        let last = FragmentHeader::new(Protocol::UDP, 7, 65_528, false);
        assert_eq!(
            (last.offset(), last.more_fragments(), last.is_atomic()),
            (65_528, false, false)
        );
    }

    /// RFC 8200 4.5: the reserved fields are ignored.
    #[test]
    fn reserved_bits_are_ignored() {
        let header = FragmentHeader::read_from_bytes(&[58, 0xff, 0, 6, 0, 0, 0, 1]).unwrap();
        assert_eq!(
            (header.offset(), header.more_fragments(), header.is_atomic()),
            (0, false, true)
        );
    }
}
