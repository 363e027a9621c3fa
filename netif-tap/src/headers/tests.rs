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

/// The header of an IPv6 packet from `fd00::2` to `fd00::1` in a frame.
fn ipv6(next: Protocol, length: usize) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x86, 0xdd, 0x60, 1, 2, 3];
    frame.extend((length as u16).to_be_bytes());
    frame.extend([next.0, 64]);
    for last in [2, 1] {
        frame.extend([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    }
    frame
}

/// A datagram from port 8080 of `fd00::2` to port 5000 of `fd00::1`, in one piece, without a checksum.
pub(crate) fn frame_ipv6(payload: &[u8]) -> Vec<u8> {
    let mut frame = ipv6(Protocol::UDP, 0);
    frame.extend([0x1f, 0x90, 0x13, 0x88, 0, 0, 0, 0]);
    set_length(&mut frame, payload.len(), 0);
    frame.extend(payload);
    frame
}

/// A TCP segment with 12 bytes of options from port 8080 of `fd00::2` to port 5000 of `fd00::1`, whose checksum is partial.
pub(crate) fn segment_ipv6(data: &[u8]) -> Vec<u8> {
    let mut frame = ipv6(Protocol::TCP, 32 + data.len());
    frame.extend([0x1f, 0x90, 0x13, 0x88, 0, 0, 0, 1, 0, 0, 0, 2, 0x80, 0x18, 1, 0]);
    let (ours, theirs) = addresses(&frame);
    let sum = !Checksum::pseudo_header(ours, theirs, Protocol::TCP, 32 + data.len()).finish();
    frame.extend(sum.to_be_bytes());
    frame.extend([0, 0, 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]);
    frame.extend(data);
    frame
}

/// The frame with extension headers of 8 bytes each before that of the transport.
fn extended(frame: &[u8], extensions: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    for &extension in extensions.iter().rev() {
        frame.splice(54..54, [frame[20], 0, 1, 4, 0, 0, 0, 0]);
        frame[20] = extension;
        let length = word_at(&frame, 18) + 8;
        NetworkEndian::write_u16(&mut frame[18..20], length);
    }
    frame
}

#[test]
fn over_ipv6_they_are_found_behind_extension_headers_too() {
    let (datagram, segment) = (frame_ipv6(b"hello"), segment_ipv6(b"hello"));
    assert_eq!(Datagram::find(&datagram), Some(Datagram { transport: 54, end: 67 }));
    let family = Family::Ipv6;
    assert_eq!(Segment::find(&segment), Some(Segment { family, data: 86, end: 91 }));
    assert_eq!((Datagram::find(&segment), Segment::find(&datagram)), (None, None));
    assert!(Datagram::find(&datagram).unwrap().is_plain(&datagram));
    for (extensions, length) in [(&[0][..], 8), (&[43, 60], 16), (&[0, 60, 43, 60], 32)] {
        let found = Datagram::find(&extended(&datagram, extensions)).unwrap();
        assert_eq!(found, Datagram { transport: 54 + length, end: 67 + length });
        assert!(!found.is_plain(&extended(&datagram, extensions)));
        let found = Segment::find(&extended(&segment, extensions));
        assert_eq!(found, Some(Segment { family, data: 86 + length, end: 91 + length }));
        assert!(!is_fragment(&extended(&segment, extensions)));
    }
    // A fragment is neither, nor is what is encrypted, or behind a header that nobody knows.
    for extensions in [&[44][..], &[0, 44], &[60, 44, 60], &[50], &[51], &[135], &[60, 0]] {
        assert_eq!(Datagram::find(&extended(&datagram, extensions)), None, "{extensions:?}");
        assert_eq!(Segment::find(&extended(&segment, extensions)), None, "{extensions:?}");
        let is_one = extensions.contains(&44);
        assert_eq!(is_fragment(&extended(&datagram, extensions)), is_one, "{extensions:?}");
    }
}

#[test]
fn what_is_no_whole_packet_of_ipv6_is_not_found() {
    let datagram = extended(&frame_ipv6(b"hello"), &[0, 60]);
    let segment = extended(&segment_ipv6(b"hello"), &[0, 60]);
    for length in 0..segment.len() {
        assert_eq!(Segment::find(&segment[..length]), None, "{length}");
        let cut = &datagram[..length.min(datagram.len() - 1)];
        assert_eq!(Datagram::find(cut), None, "{length}");
        assert!(!is_fragment(&segment[..length]));
    }
    for (at, value) in [
        (12, 8),    // another EtherType
        (14, 0x40), // another version
        (18, 0x80), // a packet longer than the frame
        (19, 28),   // lengths that do not agree
        (20, 59),   // nothing behind the fixed header
        (55, 9),    // an extension header that ends outside
        (55, 255),
        (62, 6),  // another protocol
        (75, 12), // shorter or longer than UDP says
    ] {
        let mut bad = datagram.clone();
        bad[at] = value;
        assert_eq!(Datagram::find(&bad), None, "byte {at}");
    }
}

#[test]
fn the_length_of_a_datagram_over_ipv6_is_set_without_a_checksum_of_its_header() {
    let mut long = extended(&frame_ipv6(b"hello"), &[60]);
    let before = long.clone();
    set_length(&mut long[..70], 1000, 0xffff);
    let changed: Vec<_> = (0..long.len()).filter(|at| long[*at] != before[*at]).collect();
    assert_eq!(changed, [18, 19, 66, 67]);
    assert_eq!((word_at(&long, 18), word_at(&long, 66)), (1016, 1008));
}

#[test]
fn a_segment_is_found() {
    let mut hello = segment(b"hello");
    assert_eq!(Segment::find(&hello), Some(Segment { family: Family::Ipv4, data: 66, end: 71 }));
    assert_eq!(
        Segment::find(&segment(b"")),
        Some(Segment { family: Family::Ipv4, data: 66, end: 66 })
    );
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
    assert_eq!(Segment::find(&with), Some(Segment { family: Family::Ipv4, data: 70, end: 75 }));
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

#[test]
fn a_partial_checksum_over_ipv6_is_that_of_its_pseudo_header() {
    let mut frame = frame_ipv6(b"hello!!");
    set_partial_checksum(&mut frame, 54, 15);
    let completed = Checksum::new().add(&frame[54..]).finish();
    NetworkEndian::write_u16(&mut frame[60..62], completed);
    let (ours, theirs) =
        ([0xfd00, 0, 0, 0, 0, 0, 0, 2].into(), [0xfd00, 0, 0, 0, 0, 0, 0, 1].into());
    let sum = Checksum::pseudo_header(ours, theirs, Protocol::UDP, 15).add(&frame[54..]);
    assert!(sum.is_valid());
}
