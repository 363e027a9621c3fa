//! When segments are acknowledged, and what the blocks of SACK are.

use std::{vec, vec::Vec};

use testkit::with_pool;

use super::*;

const MSS: u32 = 1460;

/// Runs `test` with a receiver that expects the number 1000, and has offered its first window.
fn with_receiver(test: impl FnOnce(&mut Receiver<'_>)) {
    with_pool(64, |pool| {
        let slabs = Slabs::new(pool, "buffers");
        let mut receiver = Receiver::new(&slabs, Seq(999), 1 << 20);
        receiver.set_mss(MSS);
        receiver.advertised(receiver.window());
        test(&mut receiver);
    });
}

/// Runs `test` with a receiver that has received its first 20 segments, all of full size, and acknowledged them.
fn with_steady(test: impl FnOnce(&mut Receiver<'_>)) {
    with_receiver(|receiver| {
        for _ in 0..20 {
            in_order(receiver, Instant::ZERO, MSS as usize, 1);
        }
        acknowledge(receiver);
        test(receiver);
    });
}

fn in_order(receiver: &mut Receiver<'_>, now: Instant, length: usize, joined: u16) -> AckNeed {
    let next = receiver.next();
    let arrival = receiver.on_data(now, next, &vec![1; length], false, joined);
    assert_eq!(arrival.new_bytes as usize, length);
    receiver.consume(length);
    arrival.ack
}

fn acknowledge(receiver: &mut Receiver<'_>) {
    receiver.advertised(receiver.window());
    assert!(!receiver.owes_ack() && !receiver.must_ack_now() && receiver.ack_deadline().is_none());
}

/// RFC 5681 4.2: an acknowledgment for at least every second full-sized segment, within 500 ms; here within 40 ms.
#[test]
fn every_second_full_segment_is_acknowledged_or_one_after_its_time() {
    with_steady(|receiver| {
        let now = Instant::from_millis(100);
        assert_eq!(in_order(receiver, now, 1460, 1), AckNeed::Delayed);
        assert_eq!(receiver.ack_deadline(), Some(Instant::from_millis(140)));
        assert!(receiver.owes_ack() && !receiver.must_ack_now());
        assert_eq!(in_order(receiver, now + Duration::from_millis(39), 1460, 1), AckNeed::Now);
        assert!(receiver.must_ack_now());
        acknowledge(receiver);
        // Small ones do not count as many; the first of them sets the deadline.
        for at in 0..8 {
            let later = now + Duration::from_millis(at);
            assert_eq!(in_order(receiver, later, 10 + at as usize, 1), AckNeed::Delayed);
        }
        assert_eq!(receiver.ack_deadline(), Some(Instant::from_millis(140)));
        // What was joined counts for as many as it was made of.
        acknowledge(receiver);
        assert_eq!(in_order(receiver, now, 2 * 1460, 2), AckNeed::Now);
    });
}

/// The peer's slow start counts acknowledgments (RFC 5681 3.1).
#[test]
fn the_first_sixteen_segments_are_acknowledged_at_once() {
    for (joined, segments) in [(1, 16), (4, 4), (5, 4)] {
        with_receiver(|receiver| {
            for _ in 0..segments {
                assert_eq!(in_order(receiver, Instant::ZERO, 100, joined), AckNeed::Now);
                acknowledge(receiver);
            }
            assert_eq!(in_order(receiver, Instant::ZERO, 100, 1), AckNeed::Delayed);
        });
    }
}

/// The full size is what the peer's path carries, which may be less than our MSS, and may become less.
#[test]
fn the_full_size_is_learnt_from_the_peer() {
    with_steady(|receiver| {
        for size in [1460, 1200, 536, 100, 1400] {
            let needs: [AckNeed; 6] = core::array::from_fn(|_| {
                let need = in_order(receiver, Instant::ZERO, size, 1);
                if need == AckNeed::Now {
                    acknowledge(receiver);
                }
                need
            });
            assert_eq!(
                needs[4..].iter().filter(|&&need| need == AckNeed::Now).count(),
                1,
                "{size}"
            );
        }
    });
    // A short last segment does not count as full.
    with_steady(|receiver| {
        in_order(receiver, Instant::ZERO, 1460, 1);
        assert_eq!(in_order(receiver, Instant::ZERO, 20, 1), AckNeed::Delayed);
    });
}

/// RFC 5681 4.2: out of order, a segment that fills a gap, duplicates; RFC 9293 3.10.7.4: what is not acceptable; FIN.
#[test]
fn what_is_not_plainly_the_next_is_acknowledged_at_once() {
    let far = 2_000_000;
    for (place, length, fin) in [
        (1460, 100, false),
        (-1, 1, false),
        (-100, 200, false),
        (far, 9, false),
        (0, 0, true),
        (9, 0, true),
    ] {
        with_steady(|receiver| {
            let seq = Seq(receiver.next().0.wrapping_add_signed(place));
            let arrival = receiver.on_data(Instant::ZERO, seq, &vec![2; length], fin, 1);
            assert_eq!(arrival.ack, AckNeed::Now, "{place} {length} {fin}");
            assert!(receiver.must_ack_now());
        });
    }
    with_steady(|receiver| {
        let next = receiver.next();
        receiver.on_data(Instant::ZERO, next + 100, &[1; 100], false, 1);
        receiver.on_data(Instant::ZERO, next + 300, &[1; 100], false, 1);
        acknowledge(receiver);
        assert_eq!(in_order(receiver, Instant::ZERO, 50, 1), AckNeed::Now);
        acknowledge(receiver);
        // It fills the first gap: 150 bytes become readable.
        let arrival = receiver.on_data(Instant::ZERO, next + 50, &[1; 50], false, 1);
        assert_eq!(arrival, Arrival { new_bytes: 150, fin: false, ack: AckNeed::Now });
        acknowledge(receiver);
        let arrival = receiver.on_data(Instant::ZERO, next + 200, &[1; 100], false, 1);
        assert_eq!(arrival, Arrival { new_bytes: 200, fin: false, ack: AckNeed::Now });
        acknowledge(receiver);
        assert_eq!(in_order(receiver, Instant::ZERO, 50, 1), AckNeed::Delayed);
        // An acknowledgment of the peer's owes none.
        let arrival = receiver.on_data(Instant::ZERO, receiver.next(), b"", false, 1);
        assert_eq!(arrival, Arrival { new_bytes: 0, fin: false, ack: AckNeed::None });
    });
}

/// A zero window that is probed is told at once (RFC 9293 3.8.6.1, MUST-36).
#[test]
fn a_probe_of_a_zero_window_is_answered() {
    with_receiver(|receiver| {
        let data = vec![1; 65_536];
        let count = receiver.right_edge() - receiver.next();
        receiver.on_data(Instant::ZERO, receiver.next(), &data[..count as usize], false, 1);
        receiver.advertised(receiver.window());
        assert_eq!((receiver.window(), receiver.right_edge()), (0, receiver.next()));
        let arrival = receiver.on_data(Instant::ZERO, receiver.next(), b"x", false, 1);
        assert_eq!(arrival, Arrival { new_bytes: 0, fin: false, ack: AckNeed::Now });
        // A FIN takes no room.
        let arrival = receiver.on_data(Instant::ZERO, receiver.next(), b"", true, 1);
        assert_eq!(arrival, Arrival { new_bytes: 0, fin: true, ack: AckNeed::Now });
        assert!(receiver.fin_received() && !receiver.is_finished());
        receiver.consume(65_536);
        assert!(receiver.is_finished() && !receiver.wants_update());
        // It comes again, because the acknowledgment was lost.
        receiver.advertised(receiver.window());
        let fin = Seq(receiver.next().0 - 1);
        let arrival = receiver.on_data(Instant::ZERO, fin, b"", true, 1);
        assert_eq!(arrival, Arrival { new_bytes: 0, fin: false, ack: AckNeed::Now });
    });
}

fn blocks(receiver: &Receiver<'_>, room: usize) -> Vec<(u32, u32)> {
    receiver.sack_blocks(room).as_slice().iter().map(|(start, end)| (start.0, end.0)).collect()
}

fn segment(receiver: &mut Receiver<'_>, seq: u32, end: u32) {
    receiver.on_data(Instant::ZERO, Seq(seq), &vec![0; (end - seq) as usize], false, 1);
}

/// Runs `test` with a receiver that expects this number.
fn with_next(next: u32, test: impl FnOnce(&mut Receiver<'_>)) {
    with_pool(64, |pool| {
        let slabs = Slabs::new(pool, "buffers");
        let mut receiver = Receiver::new(&slabs, Seq(next - 1), 1 << 20);
        receiver.advertised(receiver.window());
        test(&mut receiver);
    });
}

/// RFC 2018 5, cases 2 and 3, for segments of 500 bytes from 5000 on.
#[test]
fn blocks_are_those_of_rfc_2018() {
    // The first of eight segments is lost.
    with_next(5000, |receiver| {
        for end in (6000..=9000).step_by(500) {
            segment(receiver, end - 500, end);
            assert_eq!((receiver.next(), blocks(receiver, 3)), (Seq(5000), vec![(5500, end)]));
        }
    });
    // The second, fourth, sixth and eighth are lost.
    with_next(5000, |receiver| {
        segment(receiver, 5000, 5500);
        assert_eq!((receiver.next(), blocks(receiver, 3)), (Seq(5500), vec![]));
        segment(receiver, 6000, 6500);
        assert_eq!(blocks(receiver, 3), [(6000, 6500)]);
        segment(receiver, 7000, 7500);
        assert_eq!(blocks(receiver, 3), [(7000, 7500), (6000, 6500)]);
        segment(receiver, 8000, 8500);
        assert_eq!(blocks(receiver, 3), [(8000, 8500), (7000, 7500), (6000, 6500)]);
        // The fourth arrives, then the second.
        segment(receiver, 6500, 7000);
        assert_eq!(receiver.next(), Seq(5500));
        assert_eq!(blocks(receiver, 3), [(6000, 7500), (8000, 8500)]);
        segment(receiver, 5500, 6000);
        assert_eq!((receiver.next(), blocks(receiver, 3)), (Seq(7500), vec![(8000, 8500)]));
    });
}

/// RFC 2883 4.1 to 4.3: what comes twice is reported once, before the block that contains it.
#[test]
fn duplicates_are_reported_as_rfc_2883_says() {
    with_next(3000, |receiver| {
        // 4.1: all of it was acknowledged.
        segment(receiver, 3000, 4000);
        receiver.advertised(receiver.window());
        segment(receiver, 3000, 3500);
        assert_eq!(blocks(receiver, 4), [(3000, 3500)]);
        // It is reported once.
        receiver.advertised(receiver.window());
        assert_eq!(blocks(receiver, 4), []);
        // 4.2: out of order, it is before the block that contains it.
        segment(receiver, 4500, 5500);
        segment(receiver, 6000, 6500);
        receiver.advertised(receiver.window());
        segment(receiver, 4500, 5000);
        assert_eq!(blocks(receiver, 3), [(4500, 5000), (4500, 5500), (6000, 6500)]);
        assert_eq!(blocks(receiver, 1), [(4500, 5000)]);
        assert_eq!(blocks(receiver, 0), []);
        receiver.advertised(receiver.window());
        // 4.3: of a segment that is partly new, the first part that was there.
        segment(receiver, 5000, 6200);
        assert_eq!(blocks(receiver, 4), [(5000, 5500), (4500, 6500)]);
        receiver.advertised(receiver.window());
        // In order and partly old.
        segment(receiver, 3800, 4200);
        assert_eq!(blocks(receiver, 4), [(3800, 4000), (4500, 6500)]);
    });
}
