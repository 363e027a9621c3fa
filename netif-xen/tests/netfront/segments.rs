//! TCP segments beyond the MTU, both ways.

use std::num::NonZeroU16;

use layer::{Offloads, PartialChecksum, Rx, TxOffload};
use netif::{Checksums, Netif, RxFrame};
use netif_xen::ProtocolViolation;
use testkit::Random;

use crate::{
    simulated::backend::{Delivery, Left},
    support::{Host, PAGES, frame},
};

/// The longest frame, in bytes.
const LONGEST: usize = 65_535;
const ALL: Offloads = Offloads {
    checksum: true,
    tcp_segmentation: true,
    tcp_segmentation_ipv6: true,
    ..Offloads::NONE
};

fn host() -> Host {
    Host::with_offloads(0, PAGES, None)
}

/// A frame with a packet of IPv6.
fn frame_ipv6(length: usize, number: usize) -> Vec<u8> {
    let mut bytes = frame(length, number);
    bytes[12..14].copy_from_slice(&[0x86, 0xdd]);
    bytes
}

fn tcp(size: u16) -> TxOffload {
    let checksum = Some(PartialChecksum { start: 34, ..PartialChecksum::TCP });
    TxOffload { checksum, segment_size: NonZeroU16::new(size) }
}

const UDP: TxOffload = TxOffload {
    checksum: Some(PartialChecksum { start: 34, ..PartialChecksum::UDP }),
    segment_size: None,
};

/// What the backend finds of a frame that it is to cut: of IPv4, and of IPv6.
fn cut(size: u16) -> Left {
    Left { is_blank: true, segments: Some((1, size)) }
}

fn cut_ipv6(size: u16) -> Left {
    Left { is_blank: true, segments: Some((2, size)) }
}

/// A frame that was joined, as netback delivers it.
fn joined(length: usize, size: u16) -> Delivery {
    Delivery {
        bytes: frame(length, length),
        flags: 3,
        extras: vec![1],
        segments: (1, size),
        ..Delivery::default()
    }
}

/// Receives one frame.
fn receive(host: &mut Host, test: impl FnOnce(RxFrame<'_>)) {
    host.turn();
    for _ in 0..1000 {
        host.packet.reset();
        if let Rx::Item(frame) = host.netfront.receive(&host.packet).unwrap() {
            assert!(!host.world.is_granted(frame.bytes), "a frame in a page that is lent");
            return test(frame);
        }
    }
    panic!("nothing came");
}

#[test]
fn what_the_backend_does_is_told_and_what_is_agreed_is_in_xenstore() {
    let host = host();
    assert_eq!(host.netfront.offloads(), ALL);
    for key in ["feature-gso-tcpv4", "feature-gso-tcpv6", "feature-ipv6-csum-offload"] {
        assert_eq!(host.backend.borrow().front(key), Some(1), "{key}");
    }
    host.end();
    let host = Host::new();
    assert_eq!(host.netfront.offloads(), Offloads::NONE);
    host.end();
}

/// Each backend may be another.
#[test]
fn a_backend_that_does_less_is_asked_for_less() {
    for (key, value, offloads) in [
        ("feature-gso-tcpv4", "0", Offloads { tcp_segmentation: false, ..ALL }),
        ("feature-gso-tcpv6", "0", Offloads { tcp_segmentation_ipv6: false, ..ALL }),
        ("feature-sg", "0", Offloads { checksum: true, ..Offloads::NONE }),
        ("feature-no-csum-offload", "1", Offloads::NONE),
        ("feature-ipv6-csum-offload", "0", Offloads::NONE),
    ] {
        let mut host = host();
        host.backend.borrow_mut().set(key, value);
        host.backend.borrow_mut().set("state", "6");
        host.settle();
        assert_eq!((host.netfront.offloads(), host.counter("connections")), (offloads, 2), "{key}");
        // What was asked for before is counted, and not sent.
        host.netfront.transmit(&frame(9000, 1)[..], tcp(1448)).unwrap();
        host.netfront.transmit(&frame_ipv6(9000, 1)[..], tcp(1428)).unwrap();
        host.netfront.transmit(&frame(100, 2)[..], UDP).unwrap();
        host.settle();
        let does = [offloads.tcp_segmentation, offloads.tcp_segmentation_ipv6, offloads.checksum];
        let sent = does.into_iter().filter(|does| *does).count();
        assert_eq!(host.sent().len(), sent, "{key}");
        assert_eq!(host.counter("tx_bad_length"), 3 - sent as u64, "{key}");
        host.end();
    }
}

#[test]
fn a_long_segment_goes_in_one_piece_to_be_cut() {
    let mut host = host();
    // On the borders of pages, and the longest.
    for length in [1519, 2048, 4096, 4097, 8192, 40_000, 61_440, 61_441, LONGEST] {
        host.netfront.transmit(&frame(length, 1)[..], tcp(1448)).unwrap();
        host.settle();
        assert!(host.sent_with_offloads() == [(frame(length, 1), cut(1448))], "{length}");
        host.netfront.transmit(&frame_ipv6(length, 1)[..], tcp(1428)).unwrap();
        host.settle();
        assert!(host.sent_with_offloads() == [(frame_ipv6(length, 1), cut_ipv6(1428))], "{length}");
    }
    // One byte more, one that is not to be cut, and one of another protocol are not sent.
    let whole = TxOffload { segment_size: None, ..tcp(1) };
    let udp = TxOffload { segment_size: NonZeroU16::new(1480), ..UDP };
    let complete = TxOffload { checksum: None, ..tcp(1448) };
    for (length, offload) in
        [(LONGEST + 1, tcp(1448)), (1533, whole), (9000, udp), (9000, complete)]
    {
        host.netfront.transmit(&frame(length, 1)[..], offload).unwrap();
        host.netfront.transmit(&frame_ipv6(length, 1)[..], offload).unwrap();
    }
    host.settle();
    assert_eq!((host.sent().len(), host.counter("tx_bad_length")), (0, 8));
    host.end();
}

#[test]
fn checksums_are_left_to_the_backend() {
    let mut host = host();
    let whole = TxOffload { segment_size: None, ..tcp(1) };
    for (offload, is_blank) in [(UDP, true), (whole, true), (TxOffload::NONE, false)] {
        host.netfront.transmit(&frame(1514, 1)[..], offload).unwrap();
        host.settle();
        let left = Left { is_blank, segments: None };
        assert_eq!(host.sent_with_offloads(), [(frame(1514, 1), left)]);
    }
    host.end();
}

#[test]
fn a_joined_frame_goes_up_whole_with_the_size_of_its_segments() {
    let mut host = host();
    let mut random = Random::new(5);
    for (length, size) in [(66, 1), (2962, 1448), (4096, 1460), (30_000, 536), (LONGEST, 1448)] {
        for _ in 0..5 {
            let mut delivery = joined(length, size);
            (delivery.piece, delivery.offset) = match random.below(2) {
                0 => (0, 0),
                _ => (3000 + random.below(1000), random.below(90)),
            };
            delivery.segments.0 = 1 + random.below(2) as u8;
            // A hash of the addresses may come with it, before or after.
            delivery.extras = [vec![1], vec![1, 4], vec![4, 1]][random.below(3)].clone();
            host.backend.borrow_mut().to_guest.push_back(delivery);
            receive(&mut host, |got| {
                assert!(got.bytes == frame(length, length));
                assert_eq!(got.segment_size, NonZeroU16::new(size));
                assert_eq!(got.checksums, Checksums::Blank);
            });
        }
    }
    // Frames as they are on a wire come between.
    host.backend.borrow_mut().send(&frame(60, 1));
    receive(&mut host, |got| assert_eq!((got.bytes.len(), got.segment_size), (60, None)));
    assert_eq!(host.counter("rx_too_long") + host.counter("backend_violations"), 0);
    host.end();
}

#[test]
fn a_joined_frame_that_cannot_be_is_dropped_and_counted() {
    let mut host = host();
    for delivery in [
        // Longer than any, with segments longer than the MTU, and long without having been joined.
        joined(LONGEST + 19, 1448),
        joined(9000, 1501),
        Delivery { segments: (2, 1501), ..joined(9000, 1448) },
        Delivery { extras: vec![4], ..joined(9000, 1448) },
        Delivery { extras: vec![], ..joined(1519, 1448) },
    ] {
        host.backend.borrow_mut().to_guest.push_back(delivery);
    }
    assert!(host.settle().is_empty());
    assert_eq!((host.counter("rx_too_long"), host.counter("backend_violations")), (5, 0));
    // Without a word on the checksum the receiver has to verify it.
    host.backend.borrow_mut().to_guest.push_back(Delivery { flags: 0, ..joined(9000, 1448) });
    receive(&mut host, |got| assert_eq!(got.checksums, Checksums::NotChecked));
    host.end();
}

/// What was not agreed is a long frame, as before.
#[test]
fn without_offloads_nothing_is_joined() {
    let mut host = Host::new();
    host.backend.borrow_mut().to_guest.push_back(joined(1000, 400));
    receive(&mut host, |got| assert_eq!((got.bytes.len(), got.segment_size), (1000, None)));
    host.backend.borrow_mut().to_guest.push_back(joined(9000, 1448));
    assert!(host.settle().is_empty());
    assert_eq!(host.counter("rx_too_long"), 1);
    host.netfront.transmit(&frame(9000, 1)[..], tcp(1448)).unwrap();
    assert_eq!(host.counter("tx_bad_length"), 1);
    host.end();
}

#[test]
fn segments_of_nothing_and_of_other_kinds_close_the_connection() {
    for segments in [(0, 1448), (3, 1448), (255, 1448), (1, 0), (2, 0)] {
        let mut host = host();
        host.backend.borrow_mut().to_guest.push_back(Delivery { segments, ..joined(3000, 1448) });
        host.turn();
        host.receive();
        assert_eq!(host.netfront.last_violation(), Some(ProtocolViolation::Extra(1)));
        assert!(!host.netfront.is_connected());
        host.settle();
        assert_eq!(host.counter("connections"), 2);
        host.end();
    }
}

/// Responses to extra informations are counted, because they have no id.
#[test]
fn more_responses_to_extra_informations_than_there_were_close_the_connection() {
    let mut host = host();
    host.netfront.transmit(&frame(9000, 1)[..], tcp(1448)).unwrap();
    host.backend.borrow_mut().hold_responses = true;
    host.turn();
    host.sent();
    {
        let mut backend = host.backend.borrow_mut();
        assert_eq!(backend.held.iter().filter(|response| response.is_none()).count(), 1);
        backend.held.make_contiguous().fill(None);
        backend.respond(2);
    }
    host.receive();
    assert_eq!(host.netfront.last_violation(), Some(ProtocolViolation::Id(0xffff)));
    host.backend.borrow_mut().hold_responses = false;
    host.settle();
    host.netfront.transmit(&frame(9000, 2)[..], tcp(1448)).unwrap();
    host.settle();
    assert!(host.sent_with_offloads() == [(frame(9000, 2), cut(1448))]);
    host.end();
}

#[test]
fn thousands_of_frames_of_all_lengths_go_both_ways_unchanged_and_in_order() {
    for (start, pages) in [(0, PAGES), (u32::MAX - 300, PAGES), (0, 4000)] {
        let mut host = Host::with_offloads(start, pages, None);
        let mut random = Random::new(9);
        for round in 0..300 {
            let lengths: Vec<_> = (0..1 + random.below(6))
                .map(|_| match random.below(3) {
                    0 => 1519 + random.below(LONGEST - 1518),
                    _ => 60 + random.below(1455),
                })
                .collect();
            for &length in &lengths {
                let is_long = length > 1518;
                let delivery = if is_long {
                    joined(length, 1448)
                } else {
                    Delivery { extras: vec![], ..joined(length, 0) }
                };
                host.backend.borrow_mut().to_guest.push_back(delivery);
                let offload = if is_long { tcp(1448) } else { TxOffload::NONE };
                host.netfront.transmit(&frame(length, round)[..], offload).unwrap();
            }
            let received: Vec<_> = host.settle().into_iter().map(|(bytes, _)| bytes).collect();
            assert!(received.iter().map(Vec::len).eq(lengths.iter().copied()), "round {round}");
            assert!(received.iter().all(|bytes| *bytes == frame(bytes.len(), bytes.len())));
            let sent = host.sent_with_offloads();
            assert!(sent.iter().map(|(bytes, _)| bytes.len()).eq(lengths.iter().copied()));
            for (bytes, left) in sent {
                let is_long = bytes.len() > 1518;
                assert!(bytes == frame(bytes.len(), round));
                assert_eq!(left, if is_long { cut(1448) } else { Left::default() });
            }
        }
        for name in ["backend_violations", "rx_no_room", "tx_queue_full"] {
            assert_eq!(host.counter(name), 0, "{name}");
        }
        host.end();
    }
}

/// Whoever asks `room` first loses nothing, waits for nothing, and is woken when there is more.
#[test]
fn room_says_what_goes_in_and_an_event_comes_when_there_is_more() {
    for (length, offload, each) in [(1514, TxOffload::NONE, 1), (65_226, tcp(1448), 45)] {
        let mut host = Host::with_offloads(0, 4000, None);
        host.backend.borrow_mut().hold_responses = true;
        let (event, mut sent) = (host.netfront.event().0, 0);
        assert!(host.netfront.room() >= 2 * each);
        while host.netfront.room() >= each {
            host.netfront.transmit(&frame(length, sent)[..], offload).unwrap();
            sent += 1;
        }
        assert_eq!((host.counter("tx_waited"), host.counter("tx_queue_full")), (0, 0));
        host.settle();
        assert!(!host.world.is_awake(event) && host.netfront.room() < each);
        host.backend.borrow_mut().hold_responses = false;
        host.turn();
        assert!(host.world.is_awake(event), "nobody is woken");
        host.receive();
        assert!(host.netfront.room() >= 2 * each);
        assert_eq!(host.sent().len(), sent);
        // Nothing is under way: nobody is woken by responses any more.
        let wakes = host.backend.borrow().wakes;
        host.settle();
        assert_eq!(host.backend.borrow().wakes, wakes);
        host.end();
    }
    let mut host = host();
    host.backend.borrow_mut().set("state", "6");
    host.receive();
    assert_eq!(host.netfront.room(), 0, "nothing goes where no backend is");
    host.end();
}

/// With one byte in each there are as many extra informations as frames, and fewer slots than rooms.
#[test]
fn short_segments_fill_the_ring_and_lose_nothing() {
    let mut host = Host::with_offloads(0, 4000, None);
    let frames: Vec<_> = (0..3000).map(|number| frame(1519, number)).collect();
    for frame in &frames {
        host.netfront.transmit(&frame[..], tcp(500)).unwrap();
    }
    assert_eq!(host.counter("tx_queue_full"), 0);
    assert!(host.counter("tx_waited") > 0);
    host.settle();
    assert!(host.sent() == frames);
    host.end();
}
