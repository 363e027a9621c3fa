//! The header of a segment (RFC 9293 3.1).

mod options;

use core::{fmt, net::IpAddr};

use layer::{Payload, payload_of_bytes};
use network::{Checksum, Packet, Protocol};
use zerocopy::{
    FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned,
    network_endian::{U16, U32},
};

pub use self::options::MAX_OPTIONS_LEN;
use crate::{Flags, Options, Segment, Seq};

/// The length in bytes of a header without options.
pub const HEADER_LEN: usize = size_of::<TcpHeader>();

/// The length in bytes of the longest header.
pub const MAX_HEADER_LEN: usize = HEADER_LEN + MAX_OPTIONS_LEN;

/// The header of a segment, without its options.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |          Source Port          |       Destination Port        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                        Sequence Number                        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                    Acknowledgment Number                      |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |  Data |       |C|E|U|A|P|R|S|F|                               |
/// | Offset| Rsrvd |W|C|R|C|S|S|Y|I|            Window             |
/// |       |       |R|E|G|K|H|T|N|N|                               |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |           Checksum            |         Urgent Pointer        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                           [Options]                           |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct TcpHeader {
    /// The port of the sender.
    pub source_port: U16,
    /// The port of the receiver.
    pub destination_port: U16,
    /// The sequence number of the first byte, or of the SYN.
    pub sequence: U32,
    /// The next sequence number that the sender expects, if the flag ACK is set.
    pub acknowledgment: U32,
    /// The length of the header in words of 4 bytes, times 16. The lower 4 bits are reserved.
    pub data_offset: u8,
    /// The control bits.
    pub flags: u8,
    /// How many bytes the sender accepts from `acknowledgment` on, not shifted.
    pub window: U16,
    /// The Internet checksum of pseudo header, header, options and payload.
    pub checksum: U16,
    /// Where urgent data ends, in bytes from `sequence` on, if the flag URG is set.
    pub urgent_pointer: U16,
}

const _: () = assert!(HEADER_LEN == 20);

payload_of_bytes!(TcpHeader);

impl TcpHeader {
    /// The length of the header in bytes, options included, as its data offset says: 0 to 60.
    #[inline]
    pub const fn header_len(&self) -> usize {
        (self.data_offset >> 4) as usize * 4
    }
}

/// Writes the header like `5000 > 80, SYN, seq 1, ack 0, win 65535`.
impl fmt::Display for TcpHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source_port, destination_port, sequence, acknowledgment, window, .. } = self;
        let flags = Flags(self.flags);
        write!(
            f,
            "{source_port} > {destination_port}, {flags}, seq {sequence}, ack {acknowledgment}, win {window}"
        )
    }
}

/// Reads the segment in `packet`.
///
/// # Errors
/// The segment is malformed. The checksum is only checked if the packet says so. Malformed options are no error: they
/// end the options (RFC 9293 3.2, MUST-7).
#[inline]
pub fn parse<'r>(packet: &Packet<'r>) -> Result<Segment<'r>, ParseError> {
    let bytes = packet.payload;
    let (header, rest) = TcpHeader::ref_from_prefix(bytes).map_err(|_| ParseError::Short)?;
    let options_len = header.header_len().checked_sub(HEADER_LEN).ok_or(ParseError::DataOffset)?;
    let (options, payload) = rest.split_at_checked(options_len).ok_or(ParseError::DataOffset)?;
    if packet.verify_checksum {
        let addresses = [packet.source, packet.destination];
        if !pseudo_header(addresses, bytes.len()).add(bytes).is_valid() {
            return Err(ParseError::Checksum);
        }
    }
    let flags = Flags(header.flags);
    let urgent = if flags.contains(Flags::URG) { header.urgent_pointer.get() } else { 0 };
    Ok(Segment {
        ports: [header.source_port.get(), header.destination_port.get()],
        seq: Seq(header.sequence.get()),
        ack: Seq(header.acknowledgment.get()),
        flags,
        window: header.window.get(),
        urgent,
        options: Options::parse(options, flags.contains(Flags::SYN)),
        payload,
        joined: packet.segment_size.map_or(1, |size| joined(payload.len(), size.get())),
    })
}

/// How many segments of `size` bytes were joined to one of `length` bytes; at least 1.
fn joined(length: usize, size: u16) -> u16 {
    length.div_ceil(size.into()).clamp(1, u16::MAX.into()) as u16
}

/// What the header of a segment says, which is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Header {
    /// Our port and that of the peer.
    pub ports: [u16; 2],
    /// The sequence number of the first byte, or of the SYN.
    pub seq: Seq,
    /// The next number that we expect, if the flag ACK is set.
    pub ack: Seq,
    /// The control bits.
    pub flags: Flags,
    /// The window as it is in the header, shifted already.
    pub window: u16,
    /// The urgent pointer, if the flag URG is set.
    pub urgent: u16,
    /// The options. Blocks of SACK that do not fit beside the others are left out.
    pub options: Options,
}

impl Header {
    /// The bytes of the header before `payload`, with the checksum of both. Our address comes first.
    #[inline]
    pub fn with_checksum(&self, addresses: [IpAddr; 2], payload: &impl Payload) -> HeaderBytes {
        let mut header = self.without_checksum();
        let sum = pseudo_header(addresses, header.len() + payload.len())
            .add(header.as_bytes())
            .add_payload(payload);
        header.fixed.checksum = U16::new(sum.finish());
        header
    }

    /// The bytes of the header before a payload of `length` bytes, whose checksum is completed by a layer below. The
    /// checksum field holds the sum of the pseudo header; see [`layer::PartialChecksum::TCP`].
    #[inline]
    pub fn with_partial(&self, addresses: [IpAddr; 2], length: usize) -> HeaderBytes {
        let mut header = self.without_checksum();
        let sum = pseudo_header(addresses, header.len() + length);
        header.fixed.checksum = U16::new(!sum.finish());
        header
    }

    #[inline]
    fn without_checksum(&self) -> HeaderBytes {
        let mut options = [0; MAX_OPTIONS_LEN];
        let options_len = self.options.emit(&mut options);
        let [source, destination] = self.ports;
        let fixed = TcpHeader {
            source_port: U16::new(source),
            destination_port: U16::new(destination),
            sequence: U32::new(self.seq.0),
            acknowledgment: U32::new(self.ack.0),
            data_offset: ((HEADER_LEN + options_len) as u8 / 4) << 4,
            flags: self.flags.0,
            window: U16::new(self.window),
            checksum: U16::ZERO,
            urgent_pointer: U16::new(self.urgent),
        };
        HeaderBytes { fixed, options }
    }
}

/// The bytes of a header, options included: the first part of a packet's payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoBytes, Immutable, Unaligned)]
#[repr(C)]
pub struct HeaderBytes {
    fixed: TcpHeader,
    options: [u8; MAX_OPTIONS_LEN],
}

impl HeaderBytes {
    /// The bytes: 20 to 60, a multiple of 4.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &IntoBytes::as_bytes(self)[..self.fixed.header_len()]
    }

    /// The header without its options.
    pub const fn fixed(&self) -> &TcpHeader {
        &self.fixed
    }
}

impl Payload for HeaderBytes {
    #[inline]
    fn len(&self) -> usize {
        self.fixed.header_len()
    }

    #[inline]
    fn copy_to(&self, offset: usize, out: &mut [u8]) {
        self.as_bytes().copy_to(offset, out);
    }

    #[inline]
    fn visit(&self, offset: usize, length: usize, visit: &mut dyn FnMut(&[u8])) {
        self.as_bytes().visit(offset, length, visit);
    }
}

#[inline]
fn pseudo_header([source, destination]: [IpAddr; 2], length: usize) -> Checksum {
    Checksum::pseudo_header(source, destination, Protocol::TCP, length)
}

/// Why a segment could not be parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// The segment is shorter than a header.
    Short,
    /// The data offset is below 5 words, or goes beyond the segment.
    DataOffset,
    /// The checksum is wrong.
    Checksum,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Short => "the segment is shorter than a TCP header, 20 bytes",
            Self::DataOffset => "the data offset of the segment is wrong",
            Self::Checksum => "the checksum of the segment is wrong",
        })
    }
}

impl core::error::Error for ParseError {}

#[cfg(test)]
mod tests;
