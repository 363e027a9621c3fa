//! Frames in and frames out, with a backend as it should be.

use layer::Rx;
use netif::{Checksums, Netif};
use rt_regions::{Finite, Region};
use rt_xen::Guest;
use testkit::Random;

use crate::{
    simulated::backend::Delivery,
    support::{Host, MAC, PAGES, frame},
};

#[test]
fn the_interface_is_as_xenstore_says() {
    let host = Host::with(PAGES, Some(1400));
    assert_eq!((host.netfront.mac(), host.netfront.mtu()), (MAC, 1400));
    assert!(host.netfront.event().0.is_some());
    assert_eq!(host.counter("connections"), 1);
    host.end();
}

#[test]
fn thousands_of_frames_go_both_ways_unchanged_and_in_order() {
    let mut host = Host::new();
    let mut random = Random::new(1);
    let mut count = 0;
    for _ in 0..2000 {
        let burst = random.below(70);
        let frames: Vec<_> =
            (0..burst).map(|n| frame(14 + random.below(1505), count + n)).collect();
        count += burst;
        for frame in &frames {
            host.backend.borrow_mut().send(frame);
        }
        let received = host.settle();
        assert_eq!(received.len(), burst);
        for (one, other) in received.iter().zip(&frames) {
            assert!(one.0 == *other && one.1 == Checksums::NotChecked);
        }
        for frame in &frames {
            host.netfront.transmit(&frame[..], layer::TxOffload::NONE).unwrap();
        }
        host.settle();
        assert!(host.sent() == frames);
    }
    assert_eq!(
        (host.counter("frames_rx"), host.counter("frames_tx")),
        (count as u64, count as u64)
    );
    assert!(count > 60_000);
    assert_eq!(host.counter("backend_violations") + host.counter("rx_no_room"), 0);
    host.end();
}

#[test]
fn the_indices_of_both_rings_wrap_around() {
    for start in [u32::MAX - 2000, u32::MAX - 255, u32::MAX - 1, u32::MAX] {
        let mut host = Host::at(start, PAGES, None);
        for round in 0..100 {
            // Bursts, in one and in several pieces.
            for number in 0..30 {
                host.backend.borrow_mut().to_guest.push_back(Delivery {
                    bytes: frame(100 + number, round),
                    piece: [0, 50][number % 2],
                    ..Delivery::default()
                });
                host.netfront
                    .transmit(&frame(200 + number, round)[..], layer::TxOffload::NONE)
                    .unwrap();
            }
            let received: Vec<_> = host.settle().into_iter().map(|(bytes, _)| bytes).collect();
            assert!(received == (0..30).map(|n| frame(100 + n, round)).collect::<Vec<_>>());
            assert!(host.sent() == (0..30).map(|n| frame(200 + n, round)).collect::<Vec<_>>());
        }
        host.end();
    }
}

#[test]
fn a_received_page_becomes_a_page_of_the_packets_region() {
    let mut host = Host::new();
    host.backend.borrow_mut().send(&frame(60, 1));
    host.turn();
    let free = host.world.pool().free_pages();
    let Rx::Item(received) = host.netfront.receive(&host.packet).unwrap() else { panic!() };
    assert_eq!(host.packet.pages(), 1);
    assert_eq!(host.world.pool().free_pages(), free - 1, "one page for the ring, none for a copy");
    let next = host.packet.alloc(7_u8).unwrap();
    assert_eq!(received.bytes.as_ptr_range().end, &raw const *next);
    host.end();
}

#[test]
fn what_is_said_of_checksums_is_handed_on_frame_by_frame() {
    let mut host = Host::new();
    let known = [Checksums::NotChecked, Checksums::Verified, Checksums::Blank, Checksums::Blank];
    for (flags, checksums) in (0..).zip(known) {
        for piece in [0, 20] {
            host.backend.borrow_mut().to_guest.push_back(Delivery {
                bytes: frame(60, 1),
                flags,
                piece,
                ..Delivery::default()
            });
            assert_eq!(host.settle(), [(frame(60, 1), checksums)]);
        }
    }
    host.end();
}

#[test]
fn a_frame_in_any_pieces_arrives_in_one() {
    let mut host = Host::with(PAGES, Some(65_517));
    let mut random = Random::new(2);
    let delivery = |random: &mut Random, length: usize| Delivery {
        bytes: frame(length, length),
        flags: 0,
        piece: [0, length.div_ceil(1 + random.below(18)).clamp(1, 4000)][random.below(2)],
        offset: random.below(90),
        extras: vec![[1, 4][random.below(2)]; random.below(3)],
        segments: (0, 0),
    };
    for round in 0..500 {
        let length =
            [14, 15, 60, 4096, 4097, 8192, 9018, 65_535, 14 + random.below(9000)][round % 9];
        let delivery = delivery(&mut random, length);
        host.backend.borrow_mut().to_guest.push_back(delivery.clone());
        let received = host.settle();
        assert!(received.len() == 1 && received[0].0 == delivery.bytes, "{length}: {delivery:?}");
    }
    host.end();
}

#[test]
fn a_frame_whose_pieces_come_one_by_one_is_waited_for() {
    let mut host = Host::with(PAGES, Some(9000));
    let (one, other) = (frame(5000, 1), frame(60, 2));
    // The backend publishes each slot by itself; here it stops after the first.
    let mut backend = host.backend.borrow_mut();
    let rx = backend.rx.as_mut().unwrap();
    let [first, grant, _] = rx.pop().unwrap();
    let [second, next, _] = rx.pop().unwrap();
    rx.push([first & 0xffff, 4 | 4096 << 16]);
    drop(backend);
    host.world.copy_to(grant, 0, &one[..4096]);
    assert_eq!(host.receive(), []);
    let mut backend = host.backend.borrow_mut();
    host.world.copy_to(next, 0, &one[4096..]);
    backend.rx.as_mut().unwrap().push([second & 0xffff, 904 << 16]);
    backend.send(&other);
    drop(backend);
    let received = host.settle();
    assert!(received.len() == 2 && received[0].0 == one && received[1].0 == other);
    host.end();
}

#[test]
fn a_frame_larger_than_a_page_leaves_in_pieces() {
    for mtu in [1500, 2030, 2031, 4078, 4079, 9000, 65_517] {
        let mut host = Host::with(PAGES, Some(mtu));
        for length in [14, 60, 2048, 2049, 4095, 4096, 4097, 9018, 65_535] {
            let frame = frame(length, length);
            host.netfront.transmit((&frame[..7], &frame[7..]), layer::TxOffload::NONE).unwrap();
            host.settle();
            let sent = host.sent();
            if length > mtu as usize + 18 {
                assert!(sent.is_empty());
            } else {
                assert!(sent == [frame], "MTU {mtu}: {length}");
            }
        }
        host.end();
    }
}

#[test]
fn frames_of_a_length_that_no_frame_has_are_dropped_and_counted() {
    let mut host = Host::new();
    for length in [0, 13, 1519, 70_000] {
        host.netfront.transmit(&frame(length, 0)[..], layer::TxOffload::NONE).unwrap();
    }
    assert_eq!((host.counter("tx_bad_length"), host.counter("frames_tx")), (4, 0));
    for length in [0, 1, 13, 1519, 4096, 5000] {
        host.backend.borrow_mut().send(&frame(length, 0));
    }
    host.backend.borrow_mut().send(&frame(1518, 5));
    assert_eq!(host.settle().len(), 1);
    assert_eq!((host.counter("rx_too_short"), host.counter("rx_too_long")), (3, 3));
    host.end();
}

#[test]
fn without_scatter_and_gather_the_mtu_is_a_page() {
    let mut host = Host::with(PAGES, Some(9000));
    host.backend.borrow_mut().set("feature-sg", "0");
    host.backend.borrow_mut().set("state", "6");
    host.settle();
    assert_eq!((host.counter("connections"), host.netfront.mtu()), (2, 4096 - 18));
    host.end();
}

#[test]
fn frames_that_the_backend_could_not_send_or_deliver_are_counted() {
    let mut host = Host::new();
    for status in [-1, -2] {
        host.backend.borrow_mut().tx_status = status;
        for _ in 0..40 {
            host.netfront.transmit(&frame(60, 1)[..], layer::TxOffload::NONE).unwrap();
            host.settle();
        }
    }
    assert!(host.counter("tx_refused") > 0);
    // A receive response with an error.
    let mut backend = host.backend.borrow_mut();
    let rx = backend.rx.as_mut().unwrap();
    let [first, ..] = rx.pop().unwrap();
    rx.push([first & 0xffff, 0xffff << 16]);
    drop(backend);
    assert_eq!(host.receive(), []);
    assert_eq!(host.counter("rx_errors"), 1);
    assert_eq!(host.counter("backend_violations"), 0);
    host.end();
}

#[test]
fn a_burst_is_one_notification_and_no_reply_waits_for_the_next_request() {
    let mut host = Host::new();
    host.settle();
    let before = host.world.notifications();
    for number in 0..30 {
        host.netfront.transmit(&frame(60, number)[..], layer::TxOffload::NONE).unwrap();
    }
    assert_eq!(host.world.notifications(), before, "the burst goes on");
    // Another frame waits, and takes long: what was sent leaves first.
    host.backend
        .borrow_mut()
        .to_guest
        .push_back(Delivery { bytes: frame(60, 0), ..Delivery::default() });
    host.backend.borrow_mut().deliver();
    let Rx::Item(_) = host.netfront.receive(&host.packet).unwrap() else { panic!() };
    assert_eq!(host.world.notifications(), before + 1);
    for number in 0..10 {
        host.netfront.transmit(&frame(60, number)[..], layer::TxOffload::NONE).unwrap();
        host.receive();
    }
    assert_eq!(host.world.notifications(), before + 1, "it has not asked for more");
    // Half of the queue does not wait for the end of the burst.
    host.settle();
    let before = host.world.notifications();
    for number in 0..40 {
        host.netfront.transmit(&frame(60, number)[..], layer::TxOffload::NONE).unwrap();
    }
    assert_eq!(host.world.notifications(), before + 1);
    host.end();
}

#[test]
fn whatever_the_moment_a_frame_arrives_the_guest_is_awake_for_it() {
    let mut host = Host::new();
    for number in 0..600 {
        host.receive();
        let event = host.netfront.event().0;
        host.world.sleep(event, host.world.now());
        assert!(!host.world.is_awake(event));
        host.backend.borrow_mut().send(&frame(60, number));
        host.turn();
        assert!(host.world.is_awake(event), "frame {number} would wait for ever");
        assert_eq!(host.receive().len(), 1);
    }
    // And nothing wakes it for what it sent.
    let wakes = host.backend.borrow().wakes;
    for number in 0..600 {
        host.netfront.transmit(&frame(60, number)[..], layer::TxOffload::NONE).unwrap();
        host.receive();
        host.turn();
    }
    assert_eq!(host.backend.borrow().wakes, wakes);
    host.end();
}

#[test]
fn without_memory_frames_are_lost_and_counted_and_come_again_when_there_is_some() {
    let mut host = Host::new();
    let pool = host.world.pool();
    let mut taken = Vec::new();
    while let Ok(page) = pool.page("test") {
        taken.push(page);
    }
    for number in 0..500 {
        host.backend.borrow_mut().send(&frame(60, number));
        assert_eq!(host.settle(), []);
    }
    assert_eq!(host.counter("rx_no_room"), 500);
    drop(taken);
    host.backend.borrow_mut().send(&frame(60, 5));
    assert_eq!(host.settle().len(), 1);
    // A region with a cap, or in several pieces.
    let small = Region::new(pool, "small").with_cap(4096);
    small.alloc(0_u8).unwrap();
    for piece in [0, 30] {
        let delivery = Delivery { bytes: frame(60, 1), piece, ..Delivery::default() };
        host.backend.borrow_mut().to_guest.push_back(delivery);
    }
    small.alloc([0_u8; 4090]).unwrap();
    host.turn();
    assert!(matches!(host.netfront.receive(&small), Ok(Rx::Handled)));
    assert!(matches!(host.netfront.receive(&small), Ok(Rx::Handled)));
    assert_eq!(host.counter("rx_no_room"), 502);
    drop(small);
    host.end();
}

#[test]
fn a_region_that_has_no_pages_gets_a_copy() {
    let mut host = Host::new();
    host.backend.borrow_mut().send(&frame(60, 1));
    host.turn();
    let mut finite = Finite::<64>::new();
    let finite = finite.region("finite");
    let Rx::Item(received) = host.netfront.receive(&finite).unwrap() else { panic!() };
    assert_eq!(received.bytes, frame(60, 1));
    host.end();
}

#[test]
fn buffers_are_an_eighth_of_the_pool_within_bounds() {
    for (pages, buffers) in [(64, 17), (430, 53), (1600, 200), (4000, 256)] {
        let host = Host::with(pages, None);
        let posted = host.backend.borrow().rx.unwrap().waiting();
        assert!(posted.abs_diff(buffers) <= 1, "{posted} of {pages}");
        host.end();
    }
}
