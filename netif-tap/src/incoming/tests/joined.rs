//! TCP segments that the kernel hands over as one.

use layer::PartialChecksum;

use super::*;
use crate::headers::tests::{segment, segment_ipv6};

const CHECKSUM: PartialChecksum = PartialChecksum { start: 34, ..PartialChecksum::TCP };

/// The header of segments over IPv4 with `size` bytes of data.
fn segments(size: u16) -> Header {
    Header::segments(Family::Ipv4, CHECKSUM, 66, size)
}

/// The header of segments over IPv6 with `size` bytes of data.
fn segments_ipv6(size: u16) -> Header {
    Header::segments(Family::Ipv6, PartialChecksum { start: 54, ..CHECKSUM }, 86, size)
}

/// What comes of a read, as a frame.
fn one(header: &Header, frame: &[u8], mtu: usize) -> Result<(One, Vec<u8>), Refused> {
    load(header, frame, mtu, |loaded, incoming| {
        let Loaded::One(one) = loaded? else { panic!("not one") };
        assert!(incoming.is_empty());
        let mut memory = vec![core::mem::MaybeUninit::uninit(); 40 * PAGE_SIZE];
        let pool = Pool::new(&mut memory);
        Ok((one, incoming.one(one, &Region::new(&pool, "packet")).unwrap().to_vec()))
    })
}

fn size(of: u16) -> Option<NonZeroU16> {
    NonZeroU16::new(of)
}

#[test]
fn segments_go_up_as_one_without_a_change() {
    // 65,535 bytes of IPv4 with 12 bytes of options of TCP.
    let joined = segment(&vec![7; 65_483]);
    let (got, bytes) = one(&segments(1448), &joined, MTU).unwrap();
    assert_eq!((got.checksums, got.segment_size), (Checksums::Blank, size(1448)));
    assert!(bytes == joined);
    // Padding is left out.
    let padded = [&segment(b"two of two")[..], &[0; 100]].concat();
    let (got, bytes) = one(&segments(5), &padded, MTU).unwrap();
    assert_eq!((got.segment_size, bytes), (size(5), segment(b"two of two")));
}

#[test]
fn one_segment_is_not_joined() {
    for data in [&b"hello"[..], b"hell", b""] {
        let (got, _) = one(&segments(5), &segment(data), MTU).unwrap();
        assert_eq!((got.segment_size, got.checksums), (None, Checksums::Blank), "{data:?}");
    }
}

#[test]
fn what_is_known_of_the_checksums_is_what_the_header_says() {
    let joined = segment(&[7; 3000]);
    for (flags, checksums) in
        [(0, Checksums::NotChecked), (1, Checksums::Blank), (2, Checksums::Verified)]
    {
        let mut header: [u8; 10] = segments(1448).as_bytes().try_into().unwrap();
        header[0] = flags;
        let header = Header::read_from_bytes(&header).unwrap();
        assert_eq!(one(&header, &joined, MTU).unwrap().0.checksums, checksums);
    }
}

#[test]
fn what_lies_is_refused() {
    let good = segment(&[7; 3000]);
    // No size.
    assert_eq!(one(&segments(0), &good, MTU), Err(Refused::NotCut));
    // Cut off, at every length.
    for length in 0..good.len() {
        assert_eq!(one(&segments(1448), &good[..length], MTU), Err(Refused::NotCut), "{length}");
    }
    for (at, value) in [
        (12, 0x86), // another EtherType
        (14, 0x65), // another version
        (14, 0x44), // an IPv4 header that is too short
        (16, 0xff), // a packet longer than the frame
        (17, 51),   // headers longer than the packet, with the next line
        (20, 0x20), // more fragments
        (21, 1),    // a later fragment
        (23, 17),   // another protocol
        (46, 0x40), // a TCP header that is too short
    ] {
        let mut bad = good.clone();
        bad[at] = value;
        if (at, value) == (17, 51) {
            bad[16] = 0;
        }
        assert_eq!(one(&segments(1448), &bad, MTU), Err(Refused::NotCut), "byte {at}");
    }
    // Segments longer than the link's frames; then just as long.
    assert_eq!(one(&segments(1449), &good, MTU), Err(Refused::TooLong));
    assert_eq!(one(&segments(1448), &good, MTU).unwrap().0.segment_size, size(1448));
    // Longer than any packet.
    let long = [&good[..], &[0; 70_000]].concat();
    assert_eq!(one(&segments(1448), &long, MTU), Err(Refused::TooLong));
    // Another kind: those of IPv6, which these are not, and segments that are to be handled apart.
    for kind in [4, 0x81, 0x84, 0x80, 0xff] {
        let mut other: [u8; 10] = segments(1448).as_bytes().try_into().unwrap();
        other[1] = kind;
        let other = Header::read_from_bytes(&other).unwrap();
        assert_eq!(one(&other, &good, MTU), Err(Refused::NotCut), "{kind:#x}");
    }
}

/// As they are over IPv4, with 20 bytes less of data for an MTU.
#[test]
fn over_ipv6_they_go_up_as_one_too() {
    // 65,535 bytes of IPv6.
    let joined = segment_ipv6(&vec![7; 65_463]);
    let (got, bytes) = one(&segments_ipv6(1428), &joined, MTU).unwrap();
    assert_eq!((got.checksums, got.segment_size), (Checksums::Blank, size(1428)));
    assert!(bytes == joined);
    assert_eq!(one(&segments_ipv6(1429), &joined, MTU), Err(Refused::TooLong));
    let padded = [&segment_ipv6(b"two of two")[..], &[0; 100]].concat();
    let (got, bytes) = one(&segments_ipv6(5), &padded, MTU).unwrap();
    assert_eq!((got.segment_size, bytes), (size(5), segment_ipv6(b"two of two")));
    assert_eq!(one(&segments_ipv6(5), &segment_ipv6(b"one"), MTU).unwrap().0.segment_size, None);
    // What the kernel says of the family is what the frame says.
    assert_eq!(one(&segments(1000), &joined, MTU), Err(Refused::NotCut));
    assert_eq!(one(&segments_ipv6(1000), &segment(&[7; 3000]), MTU), Err(Refused::NotCut));
    // Cut off, at every length.
    let short = segment_ipv6(&[7; 300]);
    for length in 0..short.len() {
        let refused = one(&segments_ipv6(100), &short[..length], MTU);
        assert_eq!(refused, Err(Refused::NotCut), "{length}");
    }
}

#[test]
fn the_level_decides_how_much_can_be_read() {
    let long = segment(&vec![7; 65_483]);
    let read = [segments(1448).as_bytes(), &long].concat();
    for level in [OffloadLevel::LongPackets, OffloadLevel::Datagrams] {
        assert!(read.len() < Incoming::buffer_len(level, MTU), "{level:?}");
    }
    assert!(Incoming::buffer_len(OffloadLevel::Checksums, MTU) < 1600);
}

/// Any header and any frame: no panic, and whatever comes out is a segment, joined from several that fit the link, or
/// not joined.
#[test]
fn no_bytes_do_harm() {
    let (mut random, mut joined) = (Random::new(17), 0);
    for _ in 0..20_000 {
        let mut header: [u8; 10] = random.bytes(10).try_into().unwrap();
        let is_ipv6 = random.once_in(2);
        header[1] = if is_ipv6 { 4 } else { 1 };
        if random.once_in(2) {
            header[4..6].copy_from_slice(&(random.below(64) as u16).to_ne_bytes());
        }
        let length = random.below(3000);
        let data = random.bytes(length);
        let mut bytes = if is_ipv6 { segment_ipv6(&data) } else { segment(&data) };
        for _ in 0..random.below(4) {
            let at = random.below(100.min(bytes.len()));
            bytes[at] = random.bits() as u8;
        }
        let mtu = 68 + random.below(2000);
        let header = Header::read_from_bytes(&header).unwrap();
        if let Ok((got, frame)) = one(&header, &bytes, mtu) {
            let found = Segment::find(&frame).unwrap();
            assert_eq!(found.end, frame.len());
            if let Some(size) = got.segment_size {
                joined += 1;
                let size = usize::from(size.get());
                assert!(found.end - found.data > size && found.data - ETHERNET + size <= mtu);
            } else {
                assert!(frame.len() - ETHERNET <= mtu);
            }
        }
    }
    assert!(joined > 1000, "only {joined} were joined");
}
