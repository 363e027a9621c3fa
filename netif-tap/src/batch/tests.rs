use core::num::NonZeroU16;
use std::{vec, vec::Vec};

use network::{Checksum, Protocol};

use ::testkit::Random;
use rt_regions::{Pool, Region};

use super::*;
use crate::{
    incoming::{Incoming, Loaded},
    virtio::Header,
};

const MTU: usize = 1500;

/// A datagram whose checksum is partial.
const PARTIAL: TxOffload = TxOffload {
    checksum: Some(PartialChecksum { start: 34, ..PartialChecksum::UDP }),
    segment_size: None,
};

/// A datagram from 10.0.0.2:8080 to 10.0.0.1:5000, in one piece, its checksum partial.
fn frame(payload: &[u8]) -> Vec<u8> {
    let mut frame = headers::tests::frame(payload);
    headers::set_partial_checksum(&mut frame, 34, UDP + payload.len());
    frame
}

/// A datagram from port 8080 of `fd00::2` to port 5000 of `fd00::1`, in one piece, its checksum partial.
fn frame_ipv6(payload: &[u8]) -> Vec<u8> {
    let mut frame = headers::tests::frame_ipv6(payload);
    headers::set_partial_checksum(&mut frame, 54, UDP + payload.len());
    frame
}

fn with_batch<T>(level: OffloadLevel, mtu: usize, test: impl FnOnce(Batch<'_>) -> T) -> T {
    test(Batch::new(&mut vec![0xee; Batch::buffer_len(level, mtu)], level, mtu))
}

/// Puts the first in, and joins the others.
fn joined(batch: &mut Batch<'_>, frames: &[Vec<u8>]) -> Vec<bool> {
    joined_with(batch, frames, PARTIAL)
}

fn joined_ipv6(batch: &mut Batch<'_>, frames: &[Vec<u8>]) -> Vec<bool> {
    let checksum = Some(PartialChecksum { start: 54, ..PartialChecksum::UDP });
    joined_with(batch, frames, TxOffload { checksum, segment_size: None })
}

fn joined_with(batch: &mut Batch<'_>, frames: &[Vec<u8>], offload: TxOffload) -> Vec<bool> {
    let (first, others) = frames.split_first().unwrap();
    assert_eq!(batch.put(&&first[..], offload), Ok(true));
    others.iter().map(|frame| batch.join(&&frame[..])).collect()
}

#[test]
fn two_datagrams_become_one_write() {
    with_batch(OffloadLevel::Datagrams, MTU, |mut batch| {
        assert_eq!(joined(&mut batch, &[frame(b"one."), frame(b"two.")]), [true]);
        assert_eq!(batch.count(), (2, 92));
        let mut expected = Header::datagrams(34, 4).as_bytes().to_vec();
        expected.extend([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0]);
        // 36 bytes: the headers, and 8 of payload.
        expected.extend([0x45, 0, 0, 36, 0, 0, 0x40, 0, 64, 17, 0x26, 0xc7]);
        expected.extend([10, 0, 0, 2, 10, 0, 0, 1]);
        // 0x14 + 0x24 in the sum of the pseudo header: addresses, protocol 17, length 16.
        expected.extend([0x1f, 0x90, 0x13, 0x88, 0, 16, 0x14, 0x24]);
        expected.extend(b"one.two.");
        assert_eq!(batch.bytes(), expected);
    });
}

#[test]
fn two_datagrams_over_ipv6_become_one_write() {
    with_batch(OffloadLevel::Datagrams, MTU, |mut batch| {
        let frames = [frame_ipv6(b"one."), frame_ipv6(b"two."), frame(b"six.")];
        // One of the other family does not join.
        assert_eq!(joined_ipv6(&mut batch, &frames), [true, false]);
        assert_eq!(batch.count(), (2, 132));
        let mut expected = Header::datagrams(54, 4).as_bytes().to_vec();
        let mut both = headers::tests::frame_ipv6(b"one.two.");
        // fd00 + 2 + fd00 + 1 + 17 + 16 in the sum of the pseudo header, with the carry.
        both[60..62].copy_from_slice(&[0xfa, 0x25]);
        expected.extend(both);
        assert_eq!(batch.bytes(), expected);
    });
    // Every byte of the headers makes a flow of its own.
    for at in 0..62 {
        with_batch(OffloadLevel::Datagrams, MTU, |mut batch| {
            let mut other = frame_ipv6(b"two.");
            other[at] ^= 1;
            assert_eq!(joined_ipv6(&mut batch, &[frame_ipv6(b"one."), other]), [false], "{at}");
        });
    }
}

#[test]
fn one_datagram_goes_as_it_is_with_its_partial_checksum() {
    for level in [OffloadLevel::Checksums, OffloadLevel::LongPackets, OffloadLevel::Datagrams] {
        with_batch(level, MTU, |mut batch| {
            assert_eq!(
                batch.put(&&frame(b"one.")[..], PARTIAL),
                Ok(level == OffloadLevel::Datagrams)
            );
            let mut expected = headers::tests::frame(b"one.");
            expected[40..42].copy_from_slice(&[0x14, 0x20]);
            let bytes = batch.bytes();
            assert_eq!(bytes[..10], *Header::partial_udp(34).as_bytes());
            assert_eq!(bytes[10..], expected);
            batch.clear();
            assert!(batch.is_empty());
        });
    }
}

#[test]
fn without_help_a_frame_goes_byte_for_byte() {
    with_batch(OffloadLevel::None, 100, |mut batch| {
        assert_eq!(batch.longest(), 118);
        for frame in [frame(b""), frame(b"one."), vec![7; 14], vec![7; 118]] {
            assert_eq!(batch.put(&&frame[..], TxOffload::NONE), Ok(false));
            assert!(!batch.join(&&frame[..]));
            assert_eq!(batch.bytes(), frame);
        }
    });
}

#[test]
fn what_is_complete_is_not_touched() {
    let mut fragment = frame(b"fragment");
    fragment[20] = 0x20;
    for frame in [vec![7; 14], vec![7; MTU + LARGEST_HEADER], frame(b"summed"), fragment] {
        with_batch(OffloadLevel::Datagrams, MTU, |mut batch| {
            assert_eq!(batch.put(&&frame[..], TxOffload::NONE), Ok(false));
            assert!(!batch.join(&&frame[..]));
            let bytes = batch.bytes();
            assert_eq!((&bytes[..10], &bytes[10..]), (&[0; 10][..], &frame[..]));
        });
    }
}

/// TCP's checksum is elsewhere.
#[test]
fn whatever_checksum_is_partial_is_left_to_the_kernel() {
    let checksum = PartialChecksum { start: 34, offset: NonZeroU16::new(16).unwrap() };
    let offload = TxOffload { checksum: Some(checksum), segment_size: None };
    let mut tcp = frame(&[7; 40]);
    tcp[23] = 6;
    for level in [OffloadLevel::Checksums, OffloadLevel::LongPackets, OffloadLevel::Datagrams] {
        with_batch(level, MTU, |mut batch| {
            assert_eq!(batch.put(&&tcp[..], offload), Ok(false));
            let bytes = batch.bytes();
            assert_eq!(bytes[..10], *Header::partial(checksum).as_bytes());
            assert_eq!(bytes[10..], tcp);
        });
    }
}

#[test]
fn a_long_datagram_is_left_to_the_kernel_to_cut() {
    for (mtu, size) in [(1500, 1480), (1499, 1472), (68, 48)] {
        with_batch(OffloadLevel::LongPackets, mtu, |mut batch| {
            let long = frame(&[7; 8192]);
            let offload = TxOffload { segment_size: NonZeroU16::new(size), ..PARTIAL };
            assert_eq!(batch.put(&&long[..], offload), Ok(false));
            let bytes = batch.bytes();
            assert_eq!(bytes[..10], *Header::to_fragment(34, size).as_bytes());
            assert_eq!(bytes[10..], long);
            assert_eq!(batch.count(), (1, 8234));
        });
    }
}

#[test]
fn a_long_segment_is_left_to_the_kernel_to_cut() {
    let checksum = PartialChecksum { start: 34, ..PartialChecksum::TCP };
    let offload = TxOffload { checksum: Some(checksum), segment_size: NonZeroU16::new(1448) };
    for level in [OffloadLevel::LongPackets, OffloadLevel::Datagrams] {
        with_batch(level, MTU, |mut batch| {
            let long = headers::tests::segment(&vec![7; 65_483]);
            assert_eq!(batch.put(&&long[..], offload), Ok(false));
            let bytes = batch.bytes();
            let header = Header::segments(Family::Ipv4, checksum, 66, 1448);
            assert_eq!(bytes[..10], *header.as_bytes());
            assert!(bytes[10..] == long);
            assert_eq!(batch.count(), (1, 65_549));
            // Nothing joins it.
            assert!(!batch.join(&&long[..]));
        });
        // One of IPv6 says so.
        with_batch(level, MTU, |mut batch| {
            let long = headers::tests::segment_ipv6(&vec![7; 65_000]);
            let checksum = PartialChecksum { start: 54, ..checksum };
            let offload = TxOffload { checksum: Some(checksum), ..offload };
            assert_eq!(batch.put(&&long[..], offload), Ok(false));
            let header = Header::segments(Family::Ipv6, checksum, 86, 1448);
            let bytes = batch.bytes();
            assert_eq!(bytes[..10], *header.as_bytes());
            assert!(bytes[10..] == long);
        });
        // One in which the data begin nowhere, which the kernel refuses.
        with_batch(level, MTU, |mut batch| {
            assert_eq!(batch.put(&&[7; 46][..], offload), Ok(false));
            let header = Header::segments(Family::Ipv4, checksum, u16::MAX, 1448);
            assert_eq!(batch.bytes()[..10], *header.as_bytes());
        });
    }
    for level in [OffloadLevel::None, OffloadLevel::Checksums] {
        with_batch(level, MTU, |mut batch| {
            let short = headers::tests::segment(b"short");
            assert_eq!(batch.put(&&short[..], offload), Err(TooLong));
        });
    }
}

#[test]
fn what_the_kernel_would_not_do_is_refused() {
    let (long, short) = (frame(&[7; 2000]), frame(b"short"));
    let cut = TxOffload { segment_size: NonZeroU16::new(1480), ..PARTIAL };
    let cut_complete = TxOffload { checksum: None, ..cut };
    for (level, frame, offload) in [
        (OffloadLevel::Datagrams, &long, TxOffload::NONE),
        (OffloadLevel::Datagrams, &long, PARTIAL),
        (OffloadLevel::Datagrams, &long, cut_complete),
        (OffloadLevel::Checksums, &long, cut),
        (OffloadLevel::None, &short, PARTIAL),
        (OffloadLevel::None, &short, cut),
    ] {
        with_batch(level, MTU, |mut batch| {
            let frame = &frame[..frame.len().min(batch.longest())];
            assert_eq!(batch.put(&frame, offload), Err(TooLong), "{level:?} {offload:?}");
            assert!(batch.is_empty() && !batch.join(&frame));
        });
    }
}

#[test]
fn only_what_differs_in_nothing_but_its_payload_joins() {
    let first = frame(b"first");
    let changed = |at: usize| {
        let mut frame = first.clone();
        frame[at] ^= 1;
        frame
    };
    // Every byte of the headers: addresses, TOS, identification, TTL, ports, a checksum that is not blank.
    for at in 0..42 {
        with_batch(OffloadLevel::Datagrams, MTU, |mut batch| {
            assert_eq!(joined(&mut batch, &[first.clone(), changed(at)]), [false], "{at}");
        });
    }
    for other in [frame(b"four"), frame(b"longer"), frame(b""), vec![0; 14]] {
        with_batch(OffloadLevel::Datagrams, MTU, |mut batch| {
            let frames = [first.clone(), other, first.clone()];
            assert_eq!(joined(&mut batch, &frames), [false, true]);
        });
    }
    with_batch(OffloadLevel::Datagrams, MTU, |mut batch| {
        assert_eq!(
            batch.put(&&frame(b"")[..], PARTIAL),
            Ok(false),
            "nothing can be cut into nothing"
        );
    });
}

#[test]
fn what_fills_short_frames_up_is_not_sent_between_them() {
    let padded = |payload| [frame(payload), vec![0xaa; 14]].concat();
    with_batch(OffloadLevel::Datagrams, MTU, |mut batch| {
        assert_eq!(batch.put(&&padded(b"one.")[..], PARTIAL), Ok(true));
        assert_eq!(batch.bytes().len(), 10 + 60);
        let frames = [padded(b"one."), padded(b"two."), padded(b"six.")];
        assert_eq!(joined(&mut batch, &frames), [true, true]);
        assert_eq!(batch.bytes()[52..], *b"one.two.six.");
        // Filled up and not are of different lengths.
        assert!(!batch.join(&&frame(b"ten.")[..]));
    });
}

#[test]
fn a_write_is_no_longer_than_a_packet_can_be() {
    for (size, most) in [(64, MOST), (505, MOST), (512, 127), (1472, 44)] {
        with_batch(OffloadLevel::Datagrams, MTU, |mut batch| {
            let frames = vec![frame(&vec![7; size]); 200];
            let count = 1 + joined(&mut batch, &frames).iter().filter(|joined| **joined).count();
            assert_eq!(count, most, "{size}");
            assert!(batch.bytes().len() <= 10 + ETHERNET + LONGEST_PACKET);
        });
    }
}

/// The datagrams of a write as RFC 768 has them, cut by code that knows nothing of the other.
fn model(bytes: &[u8]) -> Vec<Vec<u8>> {
    let number = |at: usize| usize::from(u16::from_ne_bytes([bytes[at], bytes[at + 1]]));
    let frame = &bytes[10..];
    match (bytes[0], bytes[1]) {
        (0, 0) => vec![frame.to_vec()],
        (1, 0) => vec![completed(frame.to_vec(), 0)],
        (1, 5) => {
            let (headers, payload) = frame.split_at(number(6) + 8);
            let cut = payload.chunks(number(4)).map(|payload| {
                let mut frame = [headers, payload].concat();
                let total = (frame.len() - 14) as u16;
                frame[16..18].copy_from_slice(&total.to_be_bytes());
                frame[38..40].copy_from_slice(&(total - 20).to_be_bytes());
                frame[24..26].fill(0);
                let checksum = Checksum::new().add(&frame[14..34]).finish();
                frame[24..26].copy_from_slice(&checksum.to_be_bytes());
                frame[40..42].fill(0);
                completed(frame, 1)
            });
            cut.collect()
        }
        other => panic!("nobody asked for {other:?}"),
    }
}

/// With its checksum: `blank` says that there is nothing yet, not even the sum of the pseudo header.
fn completed(mut frame: Vec<u8>, blank: u8) -> Vec<u8> {
    let end = 14 + usize::from(u16::from_be_bytes([frame[16], frame[17]]));
    let address = |at: usize| [frame[at], frame[at + 1], frame[at + 2], frame[at + 3]].into();
    let pseudo = Checksum::pseudo_header(address(26), address(30), Protocol::UDP, end - 34);
    let sum = if blank == 0 { Checksum::new() } else { pseudo };
    let checksum = sum.add(&frame[34..end]).finish();
    frame[40..42].copy_from_slice(&checksum.to_be_bytes());
    frame
}

/// Frames of a few flows, lengths and contents, many of them equal in length to the one before.
fn frames(random: &mut Random) -> Vec<Vec<u8>> {
    let one = |random: &mut Random| {
        let length = match random.below(3) {
            0 => 5,
            1 => 64,
            _ => random.below(200),
        };
        let mut frame = frame(&random.bytes(length));
        frame[37] = random.below(2) as u8;
        if random.once_in(2) && frame.len() < 60 {
            frame.resize(60, 0);
        }
        frame
    };
    let mut frames = Vec::new();
    while frames.len() < 200 {
        let frame = one(random);
        let times = 1 + random.below(5);
        frames.extend((0..times).map(|_| frame.clone()));
    }
    frames
}

/// What comes out is what went in, in the same order, each datagram with a right checksum.
fn all_come_out(frames: &[Vec<u8>]) -> usize {
    with_batch(OffloadLevel::Datagrams, MTU, |mut batch| {
        let (mut out, mut again, mut writes) = (Vec::new(), Vec::new(), 0);
        let mut write = |batch: &mut Batch<'_>| {
            if !batch.is_empty() {
                out.extend(model(batch.bytes()));
                again.extend(cut_again(batch.bytes()));
                writes += 1;
                batch.clear();
            }
        };
        for frame in frames {
            if !batch.join(&&frame[..]) {
                write(&mut batch);
                if batch.put(&&frame[..], PARTIAL) == Ok(false) {
                    write(&mut batch);
                }
            }
        }
        write(&mut batch);
        assert_eq!(out.len(), frames.len());
        for ((frame, out), again) in frames.iter().zip(&out).zip(&again) {
            let end = 14 + usize::from(u16::from_be_bytes([frame[16], frame[17]]));
            assert_eq!(out[..end], completed(frame.clone(), 0)[..end]);
            assert_eq!(again[42..end], frame[42..end]);
        }
        writes
    })
}

/// The frames of a write as [`Incoming`] cuts them.
fn cut_again(bytes: &[u8]) -> Vec<Vec<u8>> {
    if bytes[1] == 0 {
        return vec![bytes[10..].to_vec()];
    }
    let mut memory = vec![core::mem::MaybeUninit::uninit(); 1 << 20];
    let mut buffer = vec![0; Incoming::buffer_len(OffloadLevel::Datagrams, MTU)];
    let pool = Pool::new(&mut memory);
    let (region, mut out) = (Region::new(&pool, "packet"), Vec::new());
    let mut incoming = Incoming::new(&mut buffer, MTU);
    incoming.buffer()[..bytes.len()].copy_from_slice(bytes);
    assert_eq!(incoming.load(bytes.len()), Ok(Loaded::Many));
    while let Some(frame) = incoming.next(&region) {
        out.push(frame.unwrap().to_vec());
    }
    out
}

#[test]
fn what_goes_in_comes_out() {
    let mut random = Random::new(17);
    for _ in 0..100 {
        let frames = frames(&mut random);
        assert!(all_come_out(&frames) < frames.len());
    }
}

#[test]
fn a_burst_takes_as_few_writes_as_can_be() {
    assert_eq!(all_come_out(&vec![frame(&[7; 64]); 300]), 3);
    let flows: Vec<_> = (0..8).map(|flow| frame(&[7 + flow; 64])).collect();
    assert_eq!(all_come_out(&flows), 1);
}
