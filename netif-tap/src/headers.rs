//! The headers of a frame, as far as a network card knows them: where a UDP datagram or a TCP segment over IPv4 is, and
//! which fields of a datagram's headers change when it is cut or joined.

use core::net::Ipv4Addr;

use byteorder::{ByteOrder, NetworkEndian};
use network::{Checksum, Protocol};

/// The length of an Ethernet header in bytes.
pub(crate) const ETHERNET: usize = 14;
/// The length of a UDP header in bytes.
pub(crate) const UDP: usize = 8;
/// The length of a TCP header without options in bytes.
const TCP: usize = 20;
/// The length of all headers of a datagram in bytes, if IPv4 has no options.
pub(crate) const ALL: usize = ETHERNET + 20 + UDP;
/// The longest IPv4 packet in bytes.
pub(crate) const LONGEST_PACKET: usize = 65_535;

/// A UDP datagram over IPv4 in a frame, no fragment, with lengths that agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Datagram {
    /// Where its UDP header begins: 34 without options, 74 at most.
    pub(crate) transport: usize,
    /// Where it ends; the rest of the frame is padding.
    pub(crate) end: usize,
}

impl Datagram {
    /// The datagram in `frame`, if there is one.
    #[inline]
    pub(crate) fn find(frame: &[u8]) -> Option<Self> {
        let (transport, end) = packet(frame, Protocol::UDP)?;
        let length = usize::from(NetworkEndian::read_u16(frame.get(transport + 4..transport + 6)?));
        (length >= UDP && transport + length == end).then_some(Self { transport, end })
    }

    /// The length of its payload in bytes.
    pub(crate) fn payload(&self) -> usize {
        self.end - self.transport - UDP
    }
}

/// A TCP segment over IPv4 in a frame, no fragment, with lengths that agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Where its data begin: 54 without options, 134 at most.
    pub(crate) data: usize,
    /// Where they end; the rest of the frame is padding.
    pub(crate) end: usize,
}

impl Segment {
    /// The segment in `frame`, if there is one.
    pub(crate) fn find(frame: &[u8]) -> Option<Self> {
        let (transport, end) = packet(frame, Protocol::TCP)?;
        let data = data_at(frame, transport)?;
        (data >= transport + TCP && data <= end).then_some(Self { data, end })
    }
}

/// Where the data of a TCP segment begin whose header is at `transport`, as that header says (RFC 9293 3.1).
pub(crate) fn data_at(frame: &[u8], transport: usize) -> Option<usize> {
    Some(transport + 4 * usize::from(frame.get(transport + 12)? >> 4))
}

/// Where the payload of an IPv4 packet in `frame` begins and ends, if the packet is whole and carries `protocol`.
#[inline]
fn packet(frame: &[u8], protocol: Protocol) -> Option<(usize, usize)> {
    let headers = frame.first_chunk::<{ ETHERNET + 20 }>()?;
    let (version, fragment) = (headers[ETHERNET], word_at(headers, 20) & 0x3fff);
    if word_at(headers, 12) != 0x0800 || version >> 4 != 4 || headers[23] != protocol.0 {
        return None;
    }
    let transport = ETHERNET + 4 * usize::from(version & 15);
    let end = ETHERNET + usize::from(word_at(headers, 16));
    (transport >= ETHERNET + 20 && end <= frame.len() && fragment == 0).then_some((transport, end))
}

/// Whether the frame has a fragment of an IPv4 datagram (RFC 791 3.1: an offset, or more to come).
#[inline]
pub(crate) fn is_fragment(frame: &[u8]) -> bool {
    frame
        .first_chunk::<ALL>()
        .is_some_and(|headers| word_at(headers, 12) == 0x0800 && word_at(headers, 20) & 0x3fff != 0)
}

/// The two bytes at `at` of a frame that has them, as a number.
#[inline]
pub(crate) fn word_at(frame: &[u8], at: usize) -> u16 {
    NetworkEndian::read_u16(&frame[at..at + 2])
}

/// Writes the lengths of a datagram into its headers, which are all of `headers`: `payload` bytes follow; and
/// the identification, and the checksum of IPv4.
pub(crate) fn set_length(headers: &mut [u8], payload: usize, identification: u16) {
    let header_len = headers.len() - ETHERNET - UDP;
    let (header, udp) = headers[ETHERNET..].split_at_mut(header_len);
    let total = (header.len() + UDP + payload) as u16;
    NetworkEndian::write_u16(&mut header[2..4], total);
    NetworkEndian::write_u16(&mut header[4..6], identification);
    header[10..12].fill(0);
    let checksum = Checksum::new().add(header).finish();
    NetworkEndian::write_u16(&mut header[10..12], checksum);
    NetworkEndian::write_u16(&mut udp[4..6], (UDP + payload) as u16);
}

/// Sets the checksum of the datagram to its partial value, the sum of the pseudo header.
#[inline]
pub(crate) fn set_partial_checksum(frame: &mut [u8], transport: usize, length: usize) {
    let address = |at: usize| -> Ipv4Addr {
        let bytes: [u8; 4] = [frame[at], frame[at + 1], frame[at + 2], frame[at + 3]];
        bytes.into()
    };
    let (source, destination) = (address(26).into(), address(30).into());
    let sum = !Checksum::pseudo_header(source, destination, Protocol::UDP, length).finish();
    NetworkEndian::write_u16(&mut frame[transport + 6..transport + 8], sum);
}

#[cfg(test)]
pub(crate) mod tests {
    use std::{vec, vec::Vec};

    use super::*;

    /// A datagram from 10.0.0.2:8080 to 10.0.0.1:5000, in one piece, without a checksum.
    pub(crate) fn frame(payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
        frame.extend([0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1]);
        frame.extend([0x1f, 0x90, 0x13, 0x88, 0, 0, 0, 0]);
        set_length(&mut frame, payload.len(), 0);
        frame.extend(payload);
        frame
    }

    /// A TCP segment with 12 bytes of options from 10.0.0.2:8080 to 10.0.0.1:5000, whose checksum is partial.
    pub(crate) fn segment(data: &[u8]) -> Vec<u8> {
        let mut segment = frame(b"")[..34].to_vec();
        segment[23] = Protocol::TCP.0;
        NetworkEndian::write_u16(&mut segment[16..18], (52 + data.len()) as u16);
        let checksum = Checksum::new().add(&segment[14..24]).add(&segment[26..34]).finish();
        NetworkEndian::write_u16(&mut segment[24..26], checksum);
        segment.extend([0x1f, 0x90, 0x13, 0x88, 0, 0, 0, 1, 0, 0, 0, 2, 0x80, 0x18, 1, 0]);
        let (ours, theirs) = ([10, 0, 0, 2].into(), [10, 0, 0, 1].into());
        let length = 32 + data.len();
        let sum = !Checksum::pseudo_header(ours, theirs, Protocol::TCP, length).finish();
        segment.extend(sum.to_be_bytes());
        segment.extend([0, 0, 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]);
        segment.extend(data);
        segment
    }

    #[test]
    fn a_segment_is_found() {
        let mut hello = segment(b"hello");
        assert_eq!(Segment::find(&hello), Some(Segment { data: 66, end: 71 }));
        assert_eq!(Segment::find(&segment(b"")), Some(Segment { data: 66, end: 66 }));
        assert_eq!((Datagram::find(&hello), Segment::find(&frame(b"hello"))), (None, None));
        // The data may begin anywhere between the header without options and the end.
        for words in 0..16 {
            hello[46] = words << 4;
            let found = Segment::find(&hello).map(|found| found.data);
            let data = 34 + 4 * usize::from(words);
            assert_eq!(found, (5..=9).contains(&words).then_some(data), "{words}");
        }
        // With options of IPv4 too.
        let mut with = segment(b"hello");
        with.splice(34..34, [1, 1, 1, 1]);
        with[14] = 0x46;
        with[17] += 4;
        assert_eq!(Segment::find(&with), Some(Segment { data: 70, end: 75 }));
    }

    #[test]
    fn a_datagram_is_found() {
        let hello = frame(b"hello");
        assert_eq!(
            hello[14..34],
            [0x45, 0, 0, 33, 0, 0, 0x40, 0, 64, 17, 0x26, 0xca, 10, 0, 0, 2, 10, 0, 0, 1]
        );
        let found = Datagram::find(&hello).unwrap();
        assert_eq!((found.transport, found.end, found.payload()), (34, 47, 5));
        let padded = [&hello[..], &[0; 13]].concat();
        assert_eq!(Datagram::find(&padded), Some(found));
        let empty = frame(b"");
        assert_eq!(Datagram::find(&empty).unwrap().payload(), 0);
    }

    #[test]
    fn options_are_skipped() {
        let mut with = frame(b"hello");
        with.splice(34..34, [1, 1, 1, 1]);
        with[14] = 0x46;
        with[17] += 4;
        assert_eq!(Datagram::find(&with), Some(Datagram { transport: 38, end: 51 }));
        for words in 0..16_u8 {
            with[14] = 0x40 | words;
            assert_eq!(Datagram::find(&with).is_some(), words == 6, "{words}");
        }
    }

    #[test]
    fn what_is_no_whole_datagram_is_not_found() {
        let good = frame(b"hello");
        for length in 0..good.len() {
            assert_eq!(Datagram::find(&good[..length]), None, "{length}");
        }
        for (at, value) in [
            (12, 0x86), // another EtherType
            (14, 0x65), // another version
            (14, 0x44), // a header that is too short
            (16, 0x80), // a packet longer than the frame
            (17, 32),   // lengths that do not agree
            (20, 0x20), // more fragments
            (21, 1),    // a later fragment
            (23, 6),    // another protocol
            (39, 7),    // shorter than a UDP header
        ] {
            let mut bad = good.clone();
            bad[at] = value;
            assert_eq!(Datagram::find(&bad), None, "byte {at}");
        }
    }

    #[test]
    fn a_partial_checksum_completed_by_the_sum_of_all_is_the_checksum() {
        let mut frame = frame(b"hello!!");
        set_partial_checksum(&mut frame, 34, 15);
        // What whoever completes it does (virtio 1.2, 5.1.6.2).
        let completed = Checksum::new().add(&frame[34..]).finish();
        NetworkEndian::write_u16(&mut frame[40..42], completed);
        let (ours, theirs) = ([10, 0, 0, 2].into(), [10, 0, 0, 1].into());
        let sum = Checksum::pseudo_header(ours, theirs, Protocol::UDP, 15).add(&frame[34..]);
        assert!(sum.is_valid());
    }
}
