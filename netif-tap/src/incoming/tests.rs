use std::{vec, vec::Vec};

use ::testkit::Random;
use rt_regions::{Finite, PAGE_SIZE, Pool};
use zerocopy::IntoBytes;

use super::*;
use crate::headers::tests::{frame, frame_ipv6};

mod joined;

const MTU: usize = 1500;

/// What comes of a read.
fn load<T>(
    header: &Header,
    frame: &[u8],
    mtu: usize,
    test: impl FnOnce(Result<Loaded, Refused>, &mut Incoming<'_>) -> T,
) -> T {
    let mut buffer = vec![0xee; Incoming::buffer_len(OffloadLevel::Datagrams, mtu)];
    let mut incoming = Incoming::new(&mut buffer, mtu);
    let read = [header.as_bytes(), frame].concat();
    let room = incoming.buffer();
    // The kernel too cuts off what does not fit.
    let length = read.len().min(room.len());
    room[..length].copy_from_slice(&read[..length]);
    let loaded = incoming.load(length);
    test(loaded, &mut incoming)
}

/// The datagrams that one read gives.
fn cut(header: &Header, frame: &[u8], mtu: usize) -> Result<Vec<Vec<u8>>, Refused> {
    load(header, frame, mtu, |loaded, incoming| {
        assert_eq!(loaded?, Loaded::Many);
        let mut memory = vec![core::mem::MaybeUninit::uninit(); 4 * PAGE_SIZE];
        let pool = Pool::new(&mut memory);
        let mut region = Region::new(&pool, "packet");
        let mut frames = Vec::new();
        while let Some(frame) = incoming.next(&region) {
            frames.push(frame.unwrap().to_vec());
            region.reset();
        }
        assert!(incoming.is_empty() && incoming.next(&region).is_none());
        Ok(frames)
    })
}

/// What Linux 6.18 gives for `onetwosix.` in segments of three bytes, addresses changed.
fn many() -> Vec<u8> {
    let mut frame = frame(b"onetwosix.");
    frame[18..20].copy_from_slice(&[0xff, 0xfe]);
    // The sum of the pseudo header, as the kernel leaves it.
    frame[40..42].copy_from_slice(&[0x14, 0x26]);
    frame
}

#[test]
fn a_frame_is_as_it_was_read_but_for_a_blank_checksum() {
    let mut summed = frame(b"hello");
    summed[40..42].copy_from_slice(&[0x12, 0x34]);
    let one = |header: &Header, frame: &[u8]| {
        load(header, frame, MTU, |loaded, incoming| {
            let Ok(Loaded::One(one)) = loaded else { panic!("{loaded:?}") };
            let mut room = Finite::<2048>::new();
            assert_eq!(one.segment_size, None);
            (incoming.one(one, &room.region("packet")).unwrap().to_vec(), one.checksums)
        })
    };
    assert_eq!(one(&Header::WHOLE, &summed), (summed.clone(), Checksums::NotChecked));
    assert_eq!(one(&Header::partial_udp(34), &summed), (frame(b"hello"), Checksums::Blank));
    // Of a fragment nothing is blank: its datagram is verified when it is whole.
    for (flags, offset) in [(0x20, 0), (0x20, 185), (0, 185)] {
        let mut fragment = summed.clone();
        fragment[20..22].copy_from_slice(&[flags, offset]);
        assert_eq!(
            one(&Header::partial_udp(34), &fragment),
            (fragment.clone(), Checksums::NotChecked)
        );
    }
    let mut summed_ipv6 = frame_ipv6(b"hello");
    summed_ipv6[60..62].copy_from_slice(&[0x12, 0x34]);
    assert_eq!(
        one(&Header::partial_udp(54), &summed_ipv6),
        (frame_ipv6(b"hello"), Checksums::Blank)
    );
    let mut fragment = summed_ipv6.clone();
    fragment.splice(54..54, [17, 0, 0, 1, 0, 0, 0, 9]);
    (fragment[19], fragment[20]) = (fragment[19] + 8, 44);
    let (bytes, checksums) = one(&Header::partial_udp(54), &fragment);
    assert_eq!((bytes, checksums), (fragment, Checksums::NotChecked));
    // That others have verified it is not heard (VIRTIO_NET_HDR_F_DATA_VALID).
    let valid = Header::read_from_bytes(&[2, 0, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap();
    assert_eq!(one(&valid, &summed), (summed.clone(), Checksums::NotChecked));
    // A checksum outside of the frame is none; nor is the end of it.
    for start in [40, 41, 42, 60_000, u16::MAX] {
        let (bytes, checksums) = one(&Header::partial_udp(start), &summed);
        assert_eq!((bytes.len(), checksums), (47, Checksums::Blank), "{start}");
    }
}

#[test]
fn a_frame_that_is_too_long_is_refused() {
    for (length, good) in [(0, true), (14, true), (1518, true), (1519, false), (70_000, false)] {
        load(&Header::WHOLE, &vec![7; length], MTU, |loaded, _| match loaded {
            Ok(Loaded::One(one)) => assert!(good && one.length == length),
            other => assert!(!good && other == Err(Refused::TooLong), "{length}: {other:?}"),
        });
    }
}

#[test]
fn less_than_a_header_is_refused() {
    let mut buffer = vec![0; Incoming::buffer_len(OffloadLevel::Checksums, MTU)];
    let mut incoming = Incoming::new(&mut buffer, MTU);
    for read in 0..virtio::HEADER_LEN {
        assert_eq!(incoming.load(read), Err(Refused::NotCut), "{read}");
    }
}

#[test]
fn each_payload_gets_headers_of_its_own() {
    let identified = |payload: &[u8], identification: u16| {
        let mut frame = frame(payload);
        headers::set_length(&mut frame[..42], payload.len(), identification);
        frame
    };
    let expected = [
        identified(b"one", 0xfffe),
        identified(b"two", 0xffff),
        identified(b"six", 0),
        identified(b".", 1),
    ];
    assert_eq!(cut(&Header::datagrams(34, 3), &many(), MTU).unwrap(), expected);
    // The first one, byte by byte.
    assert_eq!(
        expected[0][14..],
        [
            0x45, 0, 0, 31, 0xff, 0xfe, 0x40, 0, 64, 17, 0x26, 0xcd, 10, 0, 0, 2, 10, 0, 0, 1,
            0x1f, 0x90, 0x13, 0x88, 0, 11, 0, 0, b'o', b'n', b'e',
        ]
    );
    // All in one is one.
    let whole = cut(&Header::datagrams(34, 1000), &many(), MTU).unwrap();
    assert_eq!(whole, [identified(b"onetwosix.", 0xfffe)]);
}

#[test]
fn options_come_with_each() {
    let mut long = frame(b"onetwo");
    long.splice(34..34, [1, 1, 1, 0]);
    long[14] = 0x46;
    headers::set_length(&mut long[..46], 6, 0);
    let frames = cut(&Header::datagrams(38, 3), &long, MTU).unwrap();
    assert_eq!(frames.len(), 2);
    for (frame, payload) in frames.iter().zip([b"one", b"two"]) {
        assert_eq!((&frame[34..38], &frame[46..]), (&[1, 1, 1, 0][..], &payload[..]));
        assert_eq!(Datagram::find(frame), Some(Datagram { transport: 38, end: 49 }));
    }
}

#[test]
fn those_over_ipv6_are_cut_alike() {
    let mut many = frame_ipv6(b"onetwosix.");
    many[60..62].copy_from_slice(&[0x14, 0x26]);
    let expected = [&b"one"[..], b"two", b"six", b"."].map(frame_ipv6);
    assert_eq!(cut(&Header::datagrams(54, 3), &many, MTU).unwrap(), expected);
    // The first one, byte by byte, from the length on.
    assert_eq!(expected[0][18..22], [0, 11, 17, 64]);
    assert_eq!(expected[0][54..], *b"\x1f\x90\x13\x88\0\x0b\0\0one");
    // Extension headers come with each, as far as there is room for them: 20 bytes.
    for (count, fits) in [(1, true), (2, true), (3, false)] {
        let mut long = frame_ipv6(b"onetwo");
        for _ in 0..count {
            long.splice(54..54, [long[20], 0, 1, 4, 0, 0, 0, 0]);
            long[20] = 60;
        }
        let end = 54 + 8 * count + 8;
        headers::set_length(&mut long[..end], 6, 0);
        let frames = cut(&Header::datagrams(54, 3), &long, MTU);
        let Ok(frames) = frames else {
            assert!(!fits && frames == Err(Refused::NotCut));
            continue;
        };
        assert!(fits && frames.len() == 2);
        for (frame, payload) in frames.iter().zip([b"one", b"two"]) {
            assert_eq!((&frame[20..54], &frame[end..]), (&long[20..54], &payload[..]));
            let found = Datagram { transport: end - 8, end: end + 3 };
            assert_eq!(Datagram::find(frame), Some(found));
        }
    }
    // Longer than the link's frames; then just as long.
    let long = frame_ipv6(&[7; 3000]);
    assert_eq!(cut(&Header::datagrams(54, 1453), &long, MTU).unwrap_err(), Refused::TooLong);
    assert_eq!(cut(&Header::datagrams(54, 1452), &long, MTU).unwrap().len(), 3);
}

#[test]
fn one_that_has_no_room_is_lost_and_the_next_one_comes() {
    load(&Header::datagrams(34, 3), &many(), MTU, |loaded, incoming| {
        assert_eq!(loaded, Ok(Loaded::Many));
        let mut small = Finite::<44>::new();
        let small = small.region("small");
        for _ in 0..3 {
            assert!(matches!(incoming.next(&small), Some(Err(_))));
        }
        assert!(matches!(incoming.next(&small), Some(Ok(frame)) if frame.ends_with(b".")));
        assert!(incoming.next(&small).is_none());
    });
}

#[test]
fn what_lies_is_refused() {
    let good = many();
    let refused = |header: Header, frame: &[u8]| cut(&header, frame, MTU).unwrap_err();
    // No size, another kind.
    assert_eq!(refused(Header::datagrams(34, 0), &good), Refused::NotCut);
    assert_eq!(refused(Header::to_fragment(34, 3), &good), Refused::NotCut);
    // Cut off, at every length.
    for length in 0..good.len() {
        assert_eq!(refused(Header::datagrams(34, 3), &good[..length]), Refused::NotCut);
    }
    // Longer than the link's frames; then just as long.
    let long = frame(&[7; 3000]);
    assert_eq!(refused(Header::datagrams(34, 1473), &long), Refused::TooLong);
    assert_eq!(cut(&Header::datagrams(34, 1472), &long, MTU).unwrap().len(), 3);
    // Where the checksum is said to be makes no difference: where UDP is, IPv4 says.
    assert_eq!(cut(&Header::datagrams(9999, 3), &good, MTU).unwrap().len(), 4);
    // Longer than any.
    assert_eq!(refused(Header::datagrams(34, 3), &vec![7; 70_000]), Refused::TooLong);
}

#[test]
fn a_refused_one_ends_the_one_before() {
    load(&Header::datagrams(34, 3), &many(), MTU, |loaded, incoming| {
        assert_eq!(loaded, Ok(Loaded::Many));
        assert!(!incoming.is_empty());
        assert_eq!(incoming.load(3), Err(Refused::NotCut));
        assert!(incoming.is_empty());
    });
}

/// Any header and any frame: no panic, and whatever comes out is a datagram that fits the link.
#[test]
fn no_bytes_do_harm() {
    let (mut random, mut many) = (Random::new(16), 0);
    for _ in 0..20_000 {
        let mut header: [u8; 10] = random.bytes(10).try_into().unwrap();
        header[1] = if random.once_in(4) { header[1] } else { 5 };
        if random.once_in(2) {
            header[4..6].copy_from_slice(&(random.below(64) as u16).to_ne_bytes());
        }
        let length = random.below(3000);
        let payload = random.bytes(length);
        let mut bytes = if random.once_in(2) { frame(&payload) } else { frame_ipv6(&payload) };
        for _ in 0..random.below(4) {
            let at = random.below(80.min(bytes.len()));
            bytes[at] = random.bits() as u8;
        }
        let mtu = 68 + random.below(2000);
        let header = Header::read_from_bytes(&header).unwrap();
        if header.is_one() {
            load(&header, &bytes, mtu, |_, _| ());
        } else if let Ok(frames) = cut(&header, &bytes, mtu) {
            many += 1;
            for frame in &frames {
                let found = Datagram::find(frame);
                assert!(found.is_some_and(|found| found.end == frame.len()), "{frame:?}");
                assert!(frame.len() <= mtu + ETHERNET);
            }
        }
    }
    assert!(many > 1000, "only {many} were cut");
}
