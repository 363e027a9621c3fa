//! TCP segments that are cut on their way out and joined on their way in.

use std::{net::Ipv6Addr, num::NonZeroU16};

use layer::{PartialChecksum, Rx, TxOffload};
use netif::{Checksums, MacAddr, Netif};
use network::{Checksum, Protocol};
use rt_regions::Region;
use testkit::{End, Reorder, Segmentation, Wire, with_pool};

const MACS: [MacAddr; 2] = [MacAddr([2, 0, 0, 0, 0, 1]), MacAddr([2, 0, 0, 0, 0, 2])];
const OURS: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
const THEIRS: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);
const FIN_PSH_ACK: u8 = 0x19;
const CWR_PSH_ACK: u8 = 0x98;

/// A TCP segment with a timestamp option, from sequence number 2^32 - 10 on, without a checksum.
fn segment(data: &[u8], flags: u8) -> Vec<u8> {
    [
        &[
            0x1f, 0x90, 0x13, 0x88, 0xff, 0xff, 0xff, 0xf6, 0, 0, 0, 9, 0x80, flags, 1, 0, 0, 0, 0,
            0,
        ][..],
        &[1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2],
        data,
    ]
    .concat()
}

/// A frame with that segment over IPv6, whose checksum is partial.
fn frame_ipv6(data: &[u8], flags: u8) -> Vec<u8> {
    let tcp = segment(data, flags);
    let [high, low] = (tcp.len() as u16).to_be_bytes();
    let ip = [&[0x60, 1, 2, 3, high, low, 6, 64][..], &OURS.octets(), &THEIRS.octets()].concat();
    let mut frame = [&MACS[1].0[..], &MACS[0].0, &[0x86, 0xdd], &ip, &tcp].concat();
    let sum =
        !Checksum::pseudo_header(OURS.into(), THEIRS.into(), Protocol::TCP, tcp.len()).finish();
    frame[70..72].copy_from_slice(&sum.to_be_bytes());
    frame
}

/// A frame with that segment over IPv4, whose checksum is partial.
fn frame(data: &[u8], flags: u8) -> Vec<u8> {
    let tcp = segment(data, flags);
    let total = (20 + tcp.len()) as u16;
    let [high, low] = total.to_be_bytes();
    let mut ip = [0x45, 0, high, low, 0xff, 0xff, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    let sum = Checksum::new().add(&ip).finish();
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    let mut frame = [&MACS[1].0[..], &MACS[0].0, &[8, 0], &ip, &tcp].concat();
    let addresses = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
    let sum = !Checksum::pseudo_header(addresses.0, addresses.1, Protocol::TCP, tcp.len()).finish();
    frame[50..52].copy_from_slice(&sum.to_be_bytes());
    frame
}

fn offload(size: u16) -> TxOffload {
    let checksum = Some(PartialChecksum { start: 34, ..PartialChecksum::TCP });
    TxOffload { checksum, segment_size: NonZeroU16::new(size) }
}

fn offload_ipv6(size: u16) -> TxOffload {
    let checksum = Some(PartialChecksum { start: 54, ..PartialChecksum::TCP });
    TxOffload { checksum, segment_size: NonZeroU16::new(size) }
}

fn data(length: usize) -> Vec<u8> {
    (0..length).map(|byte| (byte % 251) as u8).collect()
}

/// Checks the headers and checksums of a segment, and gives its sequence number, flags and data.
fn open(frame: &[u8]) -> (u32, u8, &[u8]) {
    assert!(Checksum::new().add(&frame[14..34]).is_valid());
    assert_eq!(usize::from(u16::from_be_bytes([frame[16], frame[17]])), frame.len() - 14);
    let addresses = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
    let sum = Checksum::pseudo_header(addresses.0, addresses.1, Protocol::TCP, frame.len() - 34);
    assert!(sum.add(&frame[34..]).is_valid());
    (u32::from_be_bytes(frame[38..42].try_into().unwrap()), frame[47], &frame[66..])
}

/// Checks the headers and the checksum of a segment over IPv6, and gives its sequence number, flags and data.
fn open_ipv6(frame: &[u8]) -> (u32, u8, &[u8]) {
    assert_eq!(frame[14..18], [0x60, 1, 2, 3]);
    assert_eq!(usize::from(u16::from_be_bytes([frame[18], frame[19]])), frame.len() - 54);
    let length = frame.len() - 54;
    let sum = Checksum::pseudo_header(OURS.into(), THEIRS.into(), Protocol::TCP, length);
    assert!(sum.add(&frame[54..]).is_valid());
    (u32::from_be_bytes(frame[58..62].try_into().unwrap()), frame[67], &frame[86..])
}

#[test]
fn over_ipv6_segments_are_cut_and_joined_too() {
    let (wire, end) = Wire::new(MACS[0]);
    let mut netif = Segmentation::new(end);
    assert!(netif.offloads().tcp_segmentation_ipv6);
    let bytes = data(2500);
    netif.transmit(&frame_ipv6(&bytes, FIN_PSH_ACK)[..], offload_ipv6(1000)).unwrap();
    let frames = wire.drain();
    let seen: Vec<_> = frames.iter().map(|frame| open_ipv6(frame)).collect();
    let expected = [
        (u32::MAX - 9, 0x10, &bytes[..1000]),
        (990, 0x10, &bytes[1000..2000]),
        (1990, 0x19, &bytes[2000..]),
    ];
    assert_eq!(seen, expected);

    let (one, other) = End::pair(MACS[0], MACS[1]);
    let (mut one, mut other) = (Segmentation::new(one), Segmentation::new(other).with_joining());
    let bytes = data(60_000);
    let sent = frame_ipv6(&bytes, 0x18);
    one.transmit(&sent[..], offload_ipv6(1428)).unwrap();
    // Of another flow label, of the other family, and damaged: none is joined.
    let whole = TxOffload { segment_size: None, ..offload_ipv6(1) };
    let mut other_label = frame_ipv6(b"small", 0x10);
    other_label[17] += 1;
    one.transmit(&other_label[..], whole).unwrap();
    one.transmit(&frame(b"small", 0x10)[..], TxOffload { segment_size: None, ..offload(1) })
        .unwrap();
    let came = received(&mut other);
    assert_eq!(came.iter().map(|(_, size)| *size).collect::<Vec<_>>(), [Some(1428), None, None]);
    assert_eq!(came[0].0.len(), sent.len());
    assert!(open_ipv6(&came[0].0) == (u32::MAX - 9, 0x18, &bytes[..]));
}

#[test]
fn a_segment_is_cut_into_frames_that_are_right() {
    let (wire, end) = Wire::new(MACS[0]);
    let mut netif = Segmentation::new(end);
    assert!(netif.offloads().tcp_segmentation && netif.offloads().checksum);
    let data = data(2500);
    netif.transmit(&frame(&data, FIN_PSH_ACK)[..], offload(1000)).unwrap();
    let frames = wire.drain();
    let seen: Vec<_> = frames.iter().map(|frame| open(frame)).collect();
    // The sequence numbers wrap around, and so do the identifications.
    let expected = [
        (u32::MAX - 9, 0x10, &data[..1000]),
        (990, 0x10, &data[1000..2000]),
        (1990, 0x19, &data[2000..]),
    ];
    assert_eq!(seen, expected);
    let numbers: Vec<_> = frames.iter().map(|frame| [frame[18], frame[19]]).collect();
    assert_eq!(numbers, [[0xff, 0xff], [0, 0], [0, 1]]);
    netif.transmit(&frame(&data, CWR_PSH_ACK)[..], offload(2000)).unwrap();
    let flags: Vec<_> = wire.drain().iter().map(|frame| open(frame).1).collect();
    assert_eq!(flags, [0x90, 0x18]);
    netif
        .transmit(&frame(b"hello", 0x18)[..], TxOffload { segment_size: None, ..offload(1) })
        .unwrap();
    assert_eq!(open(&wire.pop().unwrap()), (u32::MAX - 9, 0x18, &b"hello"[..]));
}

/// What comes through a link, and how it was joined.
fn received(netif: &mut impl Netif) -> Vec<(Vec<u8>, Option<u16>)> {
    let mut frames = Vec::new();
    with_pool(256, |pool| {
        let mut region = Region::new(pool, "packet");
        loop {
            region.reset();
            match netif.receive(&region) {
                Ok(Rx::Item(frame)) => {
                    let is_joined = frame.segment_size.is_some();
                    assert_eq!(is_joined, frame.checksums == Checksums::Verified);
                    frames.push((frame.bytes.to_vec(), frame.segment_size.map(NonZeroU16::get)));
                }
                Ok(Rx::Handled) => {}
                Ok(Rx::Idle) => break,
                Err(_) => panic!("the device is broken"),
            }
        }
    });
    frames
}

#[test]
fn what_was_cut_is_joined_again() {
    let (one, other) = End::pair(MACS[0], MACS[1]);
    let (mut one, mut other) = (Segmentation::new(one), Segmentation::new(other).with_joining());
    let data = data(60_000);
    for flags in [0x18, FIN_PSH_ACK, 0x10] {
        let sent = frame(&data, flags);
        one.transmit(&sent[..], offload(1448)).unwrap();
        // It is of another connection, and is not joined.
        let mut small = frame(b"small", 0x18);
        small[34] += 1;
        one.transmit(&small[..], TxOffload { segment_size: None, ..offload(1) }).unwrap();
        let [(joined, size), (after, None)] = &received(&mut other)[..] else { panic!("two") };
        assert_eq!((joined.len(), *size), (sent.len(), Some(1448)));
        assert!(open(joined) == (u32::MAX - 9, flags, &data[..]));
        assert!(after.ends_with(b"small"));
    }
}

#[test]
fn what_is_out_of_order_or_damaged_is_not_joined() {
    let data = data(14_480);
    let sent = frame(&data, 0x18);
    for seed in 0..20 {
        let (one, other) = End::pair(MACS[0], MACS[1]);
        let mut one = Segmentation::new(Reorder::new(one, 3, seed));
        let mut other = Segmentation::new(other).with_joining();
        one.transmit(&sent[..], offload(1448)).unwrap();
        received(&mut one);
        let mut whole = vec![None; data.len()];
        let frames = received(&mut other);
        assert!((2..=10).contains(&frames.len()), "{seed}: {}", frames.len());
        for (frame, _) in &frames {
            let (sequence, _, data) = open(frame);
            let at = sequence.wrapping_add(10) as usize;
            whole[at..at + data.len()]
                .iter_mut()
                .zip(data)
                .for_each(|(to, &from)| *to = Some(from));
        }
        assert!(whole.iter().zip(&data).all(|(got, sent)| *got == Some(*sent)), "{seed}");
    }

    let (wire, end) = Wire::new(MACS[0]);
    Segmentation::new(end).transmit(&sent[..], offload(1448)).unwrap();
    let mut frames = wire.drain();
    frames[4][100] ^= 1;
    let (wire, end) = Wire::new(MACS[1]);
    frames.into_iter().for_each(|frame| wire.push(frame));
    let sizes: Vec<_> = received(&mut Segmentation::new(end).with_joining())
        .iter()
        .map(|(frame, _)| (frame.len() - 66) / 1448)
        .collect();
    assert_eq!(sizes, [4, 1, 5]);
}
