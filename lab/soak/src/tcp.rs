//! TCP segments as they should be, and as they should not (RFC 9293): every field can be set to anything.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::frames::checksum;

/// TCP (RFC 9293).
pub const TCP: u8 = 6;

/// The flags (RFC 9293 3.1).
pub const FIN: u8 = 0x01;
/// Synchronize.
pub const SYN: u8 = 0x02;
/// Reset.
pub const RST: u8 = 0x04;
/// Push.
pub const PSH: u8 = 0x08;
/// The acknowledgment number counts.
pub const ACK: u8 = 0x10;
/// The urgent pointer counts.
pub const URG: u8 = 0x20;

/// The length of a header without options, in bytes.
const HEADER: usize = 20;
/// The length of a header of IPv4 without options, in bytes.
const IPV4: usize = 20;

/// A segment without its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Who sends it.
    pub source: SocketAddrV4,
    /// Whom it is for.
    pub destination: SocketAddrV4,
    /// The number of its first byte.
    pub sequence: u32,
    /// The number of the next byte that is expected.
    pub acknowledgment: u32,
    /// The length of the header in words of four bytes; none: what is right.
    pub data_offset: Option<u8>,
    /// The flags.
    pub flags: u8,
    /// The window, as it is in the header: not scaled.
    pub window: u16,
    /// What is added to the right checksum.
    pub checksum_error: u16,
    /// The urgent pointer.
    pub urgent: u16,
    /// Options, filled up to a multiple of 4 bytes when it is sent.
    pub options: Vec<u8>,
}

impl Segment {
    /// A segment with these flags, a window of 65,535 bytes and nothing else.
    pub fn new(source: SocketAddrV4, destination: SocketAddrV4, flags: u8) -> Self {
        Self {
            source,
            destination,
            sequence: 0,
            acknowledgment: 0,
            data_offset: None,
            flags,
            window: u16::MAX,
            checksum_error: 0,
            urgent: 0,
            options: Vec::new(),
        }
    }

    /// The segment as the payload of a packet.
    pub fn bytes(&self, payload: &[u8]) -> Vec<u8> {
        let mut options = self.options.clone();
        options.resize(options.len().next_multiple_of(4), 0);
        let right = ((HEADER + options.len()) / 4) as u8;
        let mut segment = Vec::from(self.source.port().to_be_bytes());
        segment.extend(self.destination.port().to_be_bytes());
        segment.extend(self.sequence.to_be_bytes());
        segment.extend(self.acknowledgment.to_be_bytes());
        segment.extend([self.data_offset.unwrap_or(right) << 4, self.flags]);
        segment.extend(self.window.to_be_bytes());
        segment.extend([0, 0]);
        segment.extend(self.urgent.to_be_bytes());
        segment.extend(options);
        segment.extend(payload);
        let sum = self.sum(&segment).wrapping_add(self.checksum_error);
        segment[16..18].copy_from_slice(&sum.to_be_bytes());
        segment
    }

    /// The checksum over the pseudo header and these bytes.
    fn sum(&self, segment: &[u8]) -> u16 {
        let length = (segment.len() as u16).to_be_bytes();
        let (source, destination) = (self.source.ip().octets(), self.destination.ip().octets());
        checksum(&[&source[..], &destination, &[0, TCP], &length, segment].concat())
    }

    /// The segment in a packet of IPv4 that is whole, and its payload; none if there is no segment in it, or one with a
    /// wrong checksum.
    pub fn read(packet: &[u8]) -> Option<(Self, &[u8])> {
        let length = usize::from(u16::from_be_bytes(*packet.get(2..)?.first_chunk()?));
        let packet = packet.get(..length)?;
        let header = usize::from(packet.first()? & 0xf) * 4;
        if packet[0] >> 4 != 4 || header < IPV4 || packet.get(9) != Some(&TCP) {
            return None;
        }
        let address = |at: usize| -> Option<Ipv4Addr> {
            Some(Ipv4Addr::from(*packet.get(at..)?.first_chunk::<4>()?))
        };
        let bytes = packet.get(header..)?;
        let short = |at: usize| -> Option<u16> {
            Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
        };
        let long = |at: usize| -> Option<u32> {
            Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
        };
        let data_offset = bytes.get(12)? >> 4;
        let payload = usize::from(data_offset) * 4;
        let segment = Self {
            source: SocketAddrV4::new(address(12)?, short(0)?),
            destination: SocketAddrV4::new(address(16)?, short(2)?),
            sequence: long(4)?,
            acknowledgment: long(8)?,
            data_offset: None,
            flags: bytes[13],
            window: short(14)?,
            checksum_error: 0,
            urgent: short(18)?,
            options: bytes.get(HEADER..payload)?.to_vec(),
        };
        (segment.sum(bytes) == 0).then(|| (segment, &bytes[payload..]))
    }

    /// The value of its option of this kind, without kind and length.
    pub fn option(&self, kind: u8) -> Option<&[u8]> {
        let mut options = &self.options[..];
        loop {
            match options {
                [1, rest @ ..] => options = rest,
                [found, length, ..] if *found != 0 => {
                    let length = usize::from(*length);
                    let value = options.get(2..length)?;
                    if *found == kind {
                        return Some(value);
                    }
                    options = &options[length..];
                }
                _ => return None,
            }
        }
    }

    /// The number of the byte behind the last of `payload` bytes of it: SYN and FIN count as one each.
    pub fn end(&self, payload: usize) -> u32 {
        let marks = u32::from(self.flags & SYN != 0) + u32::from(self.flags & FIN != 0);
        self.sequence.wrapping_add(payload as u32).wrapping_add(marks)
    }
}

/// Kinds of options: the largest segment (RFC 9293 3.7.1).
pub const MSS: u8 = 2;
/// The window scale (RFC 7323 2).
pub const WINDOW_SCALE: u8 = 3;
/// Selective acknowledgments are understood (RFC 2018 2).
pub const SACK_PERMITTED: u8 = 4;
/// Selective acknowledgments (RFC 2018 3).
pub const SACK: u8 = 5;
/// Timestamps (RFC 7323 3).
pub const TIMESTAMPS: u8 = 8;

/// An option with this value.
pub fn option(kind: u8, value: &[u8]) -> Vec<u8> {
    [&[kind, value.len() as u8 + 2], value].concat()
}

/// Selective acknowledgments of these blocks: of each the first byte and the one behind the last.
pub fn sack(blocks: &[(u32, u32)]) -> Vec<u8> {
    let words = blocks.iter().flat_map(|(left, right)| [left.to_be_bytes(), right.to_be_bytes()]);
    option(SACK, &words.flatten().collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::{super::frames::Ipv4, *};

    const CLIENT: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 40_000);
    const SERVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 2), 8080);

    fn syn() -> Segment {
        let options = [
            option(MSS, &1460_u16.to_be_bytes()),
            option(SACK_PERMITTED, &[]),
            option(TIMESTAMPS, &[0, 0, 0, 1, 0, 0, 0, 0]),
            vec![1],
            option(WINDOW_SCALE, &[7]),
        ];
        Segment { sequence: 7, options: options.concat(), ..Segment::new(CLIENT, SERVER, SYN) }
    }

    #[test]
    fn what_is_written_is_read() {
        let packet = Ipv4::new(*CLIENT.ip(), *SERVER.ip(), TCP).packet(&syn().bytes(b"early"));
        let (segment, payload) = Segment::read(&packet).unwrap();
        assert_eq!((&segment, payload), (&syn(), &b"early"[..]));
        assert_eq!(segment.end(payload.len()), 13);
        assert_eq!(segment.option(MSS), Some(&[5, 180][..]));
        assert_eq!(segment.option(WINDOW_SCALE), Some(&[7][..]));
        assert_eq!(segment.option(SACK_PERMITTED), Some(&[][..]));
        assert_eq!(segment.option(SACK), None);
        // Padding is no segment.
        let padded = [&packet[..], &[0; 6]].concat();
        assert_eq!(Segment::read(&padded).unwrap().1, b"early");
    }

    /// RFC 9293, figure 1.
    #[test]
    fn the_header_is_that_of_the_standard() {
        let segment = Segment { sequence: 0x0102_0304, ..Segment::new(CLIENT, SERVER, SYN) };
        let bytes = segment.bytes(&[]);
        assert_eq!(bytes[..4], [0x9c, 0x40, 0x1f, 0x90]);
        assert_eq!(bytes[4..16], [1, 2, 3, 4, 0, 0, 0, 0, 0x50, 2, 0xff, 0xff]);
        let wrong = Segment { checksum_error: 1, ..segment.clone() }.bytes(&[]);
        let packet = Ipv4::new(*CLIENT.ip(), *SERVER.ip(), TCP);
        assert!(Segment::read(&packet.packet(&bytes)).is_some());
        assert!(Segment::read(&packet.packet(&wrong)).is_none());
        let offset = Segment { data_offset: Some(15), ..segment }.bytes(&[]);
        assert_eq!(offset[12], 0xf0);
        assert!(Segment::read(&packet.packet(&offset)).is_none());
    }

    #[test]
    fn what_is_cut_off_or_odd_is_nothing() {
        let packet = Ipv4::new(*CLIENT.ip(), *SERVER.ip(), TCP).packet(&syn().bytes(b"x"));
        for length in 0..packet.len() {
            assert!(Segment::read(&packet[..length]).is_none(), "{length} bytes");
        }
        for options in [&[2][..], &[2, 0], &[2, 1, 3], &[8, 99], &[5]] {
            let segment = Segment { options: options.to_vec(), ..syn() };
            assert_eq!(segment.option(MSS), None, "{options:?}");
        }
    }

    #[test]
    fn blocks_are_pairs_of_numbers() {
        assert_eq!(
            sack(&[(1, 2), (3, 4)]),
            [5, 18, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4]
        );
    }
}
