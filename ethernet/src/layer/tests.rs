use std::{vec, vec::Vec};

use core::num::NonZeroU16;
use layer::PartialChecksum;
use netif::{Checksums, MacAddr};
use testkit::{End, Wire, with_pool};

use super::*;

const OURS: MacAddr = MacAddr([2, 0, 10, 0, 0, 2]);
const PEER: MacAddr = MacAddr([2, 0, 10, 0, 0, 1]);
const GROUP: MacAddr = MacAddr([1, 0, 0x5e, 0, 0, 1]);

fn frame(destination: MacAddr, source: MacAddr, ethertype: u16, payload: &[u8]) -> Vec<u8> {
    [&destination.0[..], &source.0, &ethertype.to_be_bytes(), payload].concat()
}

/// What the layer hands up of one frame, as destination, EtherType and payload.
fn receive(layer: &mut Ethernet<End>) -> Rx<(MacAddr, u16, Vec<u8>)> {
    with_pool(4, |pool| {
        let region = Region::new(pool, "packet");
        let received = layer.receive(Instant::ZERO, &region).unwrap();
        received.map(|frame| (frame.destination, frame.ethertype.0, frame.payload.to_vec()))
    })
}

fn layer() -> (Wire, Ethernet<End>) {
    let (wire, end) = Wire::new(OURS);
    (wire, Ethernet::new(end))
}

#[test]
fn nothing_waiting_is_idle() {
    assert_eq!(receive(&mut layer().1), Rx::Idle);
}

#[test]
fn frames_for_us_and_for_all_are_handed_up() {
    let (wire, mut layer) = layer();
    for destination in [OURS, MacAddr::BROADCAST] {
        wire.push(frame(destination, PEER, 0x0800, &[1, 2, 3]));
        assert_eq!(receive(&mut layer), Rx::Item((destination, 0x0800, vec![1, 2, 3])));
    }
    assert_eq!(layer.stats().frames_rx, 2);
}

#[test]
fn frames_for_others_are_dropped() {
    let (wire, mut layer) = layer();
    for destination in [PEER, GROUP, MacAddr::UNSPECIFIED] {
        wire.push(frame(destination, PEER, 0x0800, &[1]));
        assert_eq!(receive(&mut layer), Rx::Handled);
    }
    assert_eq!((layer.stats().not_for_us, layer.stats().frames_rx), (3, 0));
}

#[test]
fn frames_from_groups_or_from_ourselves_are_dropped() {
    let (wire, mut layer) = layer();
    for source in [GROUP, MacAddr::BROADCAST, MacAddr::UNSPECIFIED, OURS] {
        wire.push(frame(OURS, source, 0x0800, &[1]));
        assert_eq!(receive(&mut layer), Rx::Handled);
    }
    assert_eq!(layer.stats().bad_source, 4);
}

#[test]
fn a_group_is_heard_while_it_is_joined() {
    let (wire, mut layer) = layer();
    layer.join(GROUP).unwrap();
    layer.join(GROUP).unwrap();
    wire.push(frame(GROUP, PEER, 0x0800, &[7]));
    assert_eq!(receive(&mut layer), Rx::Item((GROUP, 0x0800, vec![7])));
    layer.leave(GROUP);
    wire.push(frame(GROUP, PEER, 0x0800, &[7]));
    assert_eq!(receive(&mut layer), Rx::Handled);
}

#[test]
fn only_groups_are_joined_and_only_so_many() {
    let (_, mut layer) = layer();
    assert_eq!(layer.join(PEER), Err(JoinError::NotAGroup(PEER)));
    for last in 0..MAX_GROUPS as u8 {
        layer.join(MacAddr([1, 0, 0x5e, 0, 1, last])).unwrap();
    }
    assert_eq!(layer.join(GROUP), Err(JoinError::Full));
    layer.leave(MacAddr([1, 0, 0x5e, 0, 1, 3]));
    layer.join(GROUP).unwrap();
}

#[test]
fn runts_are_counted_and_dropped() {
    let (wire, mut layer) = layer();
    for length in 0..14 {
        wire.push(vec![0xff; length]);
        assert_eq!(receive(&mut layer), Rx::Handled);
    }
    assert_eq!(layer.stats().runts, 14);
}

#[test]
fn frames_of_a_spanning_tree_are_not_malformed() {
    let (wire, mut layer) = layer();
    let bridges = MacAddr([1, 0x80, 0xc2, 0, 0, 0]);
    let hello = [&[0x42, 0x42, 3][..], &[0; 43]].concat();
    wire.push(frame(bridges, PEER, 38, &hello));
    assert_eq!(receive(&mut layer), Rx::Handled);
    assert_eq!((layer.stats().llc, layer.stats().malformed), (1, 0));
    // A length beyond the frame is.
    wire.push(frame(bridges, PEER, 47, &hello));
    assert_eq!(receive(&mut layer), Rx::Handled);
    assert_eq!((layer.stats().llc, layer.stats().malformed), (1, 1));
}

#[test]
fn unknown_ethertypes_are_handed_up_and_counted_when_they_come_back() {
    let (wire, mut layer) = layer();
    wire.push(frame(OURS, PEER, 0x88cc, &[9]));
    with_pool(4, |pool| {
        let region = Region::new(pool, "packet");
        let frame = layer.receive(Instant::ZERO, &region).unwrap().item().unwrap();
        assert_eq!(frame.ethertype, EtherType(0x88cc));
        layer.unclaimed(Instant::ZERO, frame).unwrap();
    });
    assert_eq!(layer.stats().unknown_ethertype, 1);
}

#[test]
fn short_frames_are_padded_with_zeros() {
    let (wire, mut layer) = layer();
    for length in [0, 1, 45, 46, 47, 1500] {
        layer
            .send(Instant::ZERO, PEER, EtherType::ARP, &vec![0xaa; length][..], TxOffload::NONE)
            .unwrap();
        let sent = wire.pop().unwrap();
        assert_eq!(sent.len(), 14 + length.max(46));
        assert_eq!(sent[..14], frame(PEER, OURS, 0x0806, &[]));
        assert!(sent[14..14 + length].iter().all(|&byte| byte == 0xaa));
        assert!(sent[14 + length..].iter().all(|&byte| byte == 0));
    }
}

#[test]
fn a_payload_above_the_mtu_is_not_sent() {
    let (wire, mut layer) = layer();
    layer.send(Instant::ZERO, PEER, EtherType::IPV4, &[0; 1501][..], TxOffload::NONE).unwrap();
    assert_eq!((wire.pop(), layer.stats().too_long), (None, 1));
}

#[test]
fn the_state_of_the_checksums_is_handed_up() {
    let (wire, mut end) = Wire::new(OURS);
    end.checksums = Checksums::Blank;
    let mut layer = Ethernet::new(end);
    wire.push(frame(OURS, PEER, 0x0800, &[1]));
    with_pool(4, |pool| {
        let region = Region::new(pool, "packet");
        let frame = layer.receive(Instant::ZERO, &region).unwrap().item().unwrap();
        assert_eq!(frame.checksums, Checksums::Blank);
    });
}

#[test]
fn counters_are_listed_and_the_log_has_a_name() {
    let (wire, mut layer) = layer();
    wire.push(vec![0; 3]);
    assert_eq!(receive(&mut layer), Rx::Handled);
    let mut listed = Vec::new();
    layer.counters(&mut |counter| listed.push(std::format!("{counter}")));
    assert!(listed.contains(&"ethernet.runts 1".into()), "{listed:?}");
    for (name, ours) in [("ip", false), ("ethernet", true), ("all", true)] {
        let mut setup = Setup::default();
        setup.log = Some(name);
        layer.configure(&mut setup);
        assert_eq!((setup.found_log(), core::mem::take(&mut layer.log)), (ours, ours), "{name}");
    }
}

#[test]
fn what_was_left_undone_is_handed_down_from_where_it_is_in_the_frame() {
    let (wire, mut end) = Wire::new(OURS);
    end.offloads = Offloads {
        checksum: true,
        udp_fragmentation: true,
        tcp_segmentation: true,
        tcp_segmentation_ipv6: true,
    };
    let mut layer = Ethernet::new(end);
    assert_eq!(layer.offloads(), layer.netif().offloads);
    let checksum = Some(PartialChecksum { start: 20, ..PartialChecksum::UDP });
    for segment_size in [None, NonZeroU16::new(1480)] {
        let (offload, long) = (TxOffload { checksum, segment_size }, [0; 1501]);
        layer.send(Instant::ZERO, PEER, EtherType::IPV4, &long[..], offload).unwrap();
        layer.send(Instant::ZERO, PEER, EtherType::IPV4, &long[1..], offload).unwrap();
    }
    let checksum = Some(PartialChecksum { start: 34, ..PartialChecksum::UDP });
    let sent: Vec<_> = wire.drain_offloaded().into_iter().map(|(f, o)| (f.len(), o)).collect();
    let cut = TxOffload { checksum, segment_size: NonZeroU16::new(1480) };
    let whole = TxOffload { checksum, segment_size: None };
    assert_eq!(sent, [(1514, whole), (1515, cut), (1514, cut)]);
    assert_eq!(layer.stats().too_long, 1);
}
