//! The window that is offered.

use std::{vec, vec::Vec};

use testkit::{Random, with_pool};

use super::*;

const KIB: u32 = 1 << 10;

fn with_receiver(limit: u32, test: impl FnOnce(&mut Receiver<'_>)) {
    with_pool(2100, |pool| {
        let slabs = Slabs::new(pool, "buffers");
        let mut receiver = Receiver::new(&slabs, Seq(u32::MAX - 1), limit);
        receiver.set_mss(1460);
        receiver.advertised(receiver.window());
        test(&mut receiver);
    });
}

fn fill(receiver: &mut Receiver<'_>, count: u32) {
    let next = receiver.next();
    let arrival = receiver.on_data(Instant::ZERO, next, &vec![1; count as usize], false, 1);
    assert_eq!(arrival.new_bytes, count);
}

fn advertise(receiver: &mut Receiver<'_>) -> u32 {
    let (edge, window) = (receiver.right_edge(), receiver.window());
    receiver.advertised(window);
    assert!(!receiver.right_edge().is_before(edge));
    window
}

#[test]
fn it_begins_at_64_kib_or_three_quarters_of_the_limit() {
    for (limit, window) in [
        (1 << 20, 65_535),
        (128 << 10, 65_535),
        (64 << 10, 48 << 10),
        (100_000, 48 << 10),
        (4096, 3072),
        (4000, 1524),
        (300, 192),
        (8, 6),
        (u32::MAX, 65_535),
    ] {
        with_receiver(limit, |receiver| assert_eq!(receiver.window(), window, "{limit}"));
    }
    with_receiver(1 << 20, |receiver| {
        receiver.set_window_shift(4);
        assert_eq!(receiver.window(), 64 << 10);
    });
}

/// RFC 9293 3.8.6.2.2: the right edge moves by a segment, or by half of the window, at least.
#[test]
fn a_reader_of_few_bytes_opens_no_silly_window() {
    with_receiver(64 * KIB, |receiver| {
        let size = 48 * KIB;
        fill(receiver, size);
        assert_eq!(advertise(receiver), 0);
        for read in (20..3 * 1460).step_by(20) {
            receiver.consume(20);
            let expected = if read < 1460 { 0 } else { read };
            assert_eq!(receiver.window(), expected, "{read}");
            assert_eq!(receiver.wants_update(), expected > 0, "{read}");
        }
    });
    // With a window of less than two segments it is half of that.
    with_receiver(2032, |receiver| {
        fill(receiver, 1524);
        assert_eq!(advertise(receiver), 0);
        receiver.consume(761);
        assert!(receiver.window() == 0 && !receiver.wants_update());
        receiver.consume(1);
        assert!(receiver.window() == 762 && receiver.wants_update());
    });
}

/// mirage-tcpip #340: the window closes and never opens. smoltcp #199: no update follows the reading.
#[test]
fn a_window_that_was_closed_opens_by_an_update() {
    with_receiver(64 * KIB, |receiver| {
        for _ in 0..20 {
            let window = receiver.right_edge() - receiver.next();
            fill(receiver, window);
            assert_eq!(advertise(receiver), 0);
            assert!(!receiver.wants_update());
            receiver.consume(usize::MAX);
            assert!(receiver.wants_update());
            assert_eq!(advertise(receiver), 48 * KIB);
            assert!(!receiver.wants_update());
        }
    });
}

/// A peer that has half of the window hears of the rest when its data is acknowledged.
#[test]
fn a_reader_that_keeps_up_sends_few_updates() {
    with_receiver(64 * KIB, |receiver| {
        let mut updates = 0;
        for at in 0..10_000 {
            fill(receiver, 1460);
            if at % 2 == 1 {
                advertise(receiver);
            }
            receiver.consume(1460);
            if receiver.wants_update() {
                updates += 1;
                advertise(receiver);
            }
        }
        assert_eq!(updates, 0);
        // With acknowledgments far apart, the window goes down to half each time.
        for _ in 0..10_000 {
            fill(receiver, 1460);
            receiver.consume(1460);
            if receiver.wants_update() {
                updates += 1;
                advertise(receiver);
            }
        }
        let each = 24 * KIB / 1460;
        assert!(updates <= 10_000 / each && updates >= 10_000 / (each + 2), "{updates}");
    });
}

/// The window is a multiple of the unit. Its right edge does not move back by a unit, nor the memory that was promised
/// forward by a unit, whatever comes and is read.
#[test]
fn a_shifted_window_keeps_its_promise() {
    let mut random = Random::new(9);
    for shift in 0..=9 {
        with_receiver(64 * KIB, |receiver| {
            receiver.set_window_shift(shift);
            let unit = 1 << shift;
            advertise(receiver);
            for _ in 0..20_000 {
                let room = receiver.right_edge().distance(receiver.next()).max(0) as usize;
                let most = [3, 100, 1460, 65_000][random.below(4)];
                if room > 0 {
                    fill(receiver, random.below(most.min(room)) as u32 + 1);
                }
                if random.once_in(3) {
                    let most = [2, 300, 50_000][random.below(3)];
                    receiver.consume(random.below(most));
                }
                let (edge, window) = (receiver.right_edge(), receiver.window());
                assert_eq!(window % unit, 0);
                assert!((receiver.next() + window).distance(edge) > -(unit as i32));
                receiver.advertised(window);
                let unread = receiver.readable().len() as u32;
                let promised = unread + (receiver.right_edge() - receiver.next());
                assert!(promised < 48 * KIB + unit, "{promised}");
                assert!(receiver.buffer_size() <= 64 << 10);
            }
        });
    }
}

/// Bytes that trickle in while nothing is read do not move the right edge beyond the limit (rounding it up each time
/// would, for ever).
#[test]
fn a_trickle_closes_a_shifted_window() {
    with_receiver(64 * KIB, |receiver| {
        receiver.set_window_shift(7);
        advertise(receiver);
        let mut count = 0;
        while receiver.right_edge() != receiver.next() {
            fill(receiver, 1);
            advertise(receiver);
            count += 1;
            assert!(count < 48 * KIB + 128);
        }
        assert_eq!(receiver.window(), 0);
        receiver.consume(usize::MAX);
        assert!(receiver.wants_update() && receiver.window() == 48 * KIB);
    });
}

/// A window that is smaller than its unit never opens; then no update is sent again and again.
#[test]
fn an_update_that_tells_nothing_is_not_sent() {
    with_receiver(256, |receiver| {
        receiver.set_window_shift(14);
        receiver.advertised(0);
        fill(receiver, 192);
        receiver.consume(192);
        assert!(!receiver.wants_update() && receiver.window() == 0);
    });
}

/// Sends in a loop what the window allows, `rate` bytes in a round trip at most, and reads the share of it that the
/// application takes. Returns the windows after each round trip.
fn round_trips(receiver: &mut Receiver<'_>, count: u64, rate: u32, reads: u32) -> Vec<u32> {
    let mut cwnd = 14_600;
    (0..count)
        .map(|round| {
            let now = Instant::from_millis(100 * round);
            let mut left = (receiver.right_edge() - receiver.next()).min(rate).min(cwnd);
            // A sender in slow start.
            cwnd = (2 * cwnd).min(64 << 20);
            while left > 0 {
                fill_at(receiver, now, left.min(1460));
                left -= left.min(1460);
                receiver.consume(reads as usize);
                advertise(receiver);
            }
            receiver.right_edge() - receiver.next()
        })
        .collect()
}

fn fill_at(receiver: &mut Receiver<'_>, now: Instant, count: u32) {
    let next = receiver.next();
    receiver.on_data(now, next, &vec![1; count as usize], false, 1);
}

/// 3 MiB in each round trip of 100 ms: the window does not hold back a sender in slow start for long, and then not at
/// all.
#[test]
fn the_window_grows_as_fast_as_a_sender_in_slow_start() {
    with_receiver(4 << 20, |receiver| {
        receiver.set_window_shift(7);
        receiver.on_rtt(Duration::from_millis(100));
        let windows = round_trips(receiver, 14, 64 << 20, 1460);
        // A sender without limits would have 14,600 bytes in the first, and 1.9 MB in the eighth.
        assert!(windows[..10].contains(&(3 << 20)), "{windows:?}");
    });
}

/// Twice at least, and no more than six times while the rate was growing.
#[test]
fn the_window_is_twice_of_what_is_read_in_a_round_trip() {
    for rate in [20_000, 100_000, 300_000] {
        with_receiver(4 << 20, |receiver| {
            receiver.set_window_shift(7);
            receiver.on_rtt(Duration::from_millis(100));
            let windows = round_trips(receiver, 60, rate, 1460);
            let last = windows[59];
            assert!(last >= 2 * rate && last <= 6 * rate, "{rate}: {windows:?}");
            assert!(windows[10..].iter().all(|&window| window == last), "{rate}: {windows:?}");
        });
    }
}

#[test]
fn the_window_grows_for_nobody_who_does_not_read() {
    for rtt in [Some(Duration::from_millis(100)), None] {
        with_receiver(4 << 20, |receiver| {
            receiver.set_window_shift(7);
            if let Some(rtt) = rtt {
                receiver.on_rtt(rtt);
            }
            round_trips(receiver, 60, 64 << 20, 0);
            // All but less than a unit.
            let unread = receiver.readable().len();
            assert!((65_536 - 127..65_536 + 128).contains(&unread), "{unread}");
            receiver.consume(usize::MAX);
            assert_eq!(receiver.window(), 64 << 10);
        });
    }
}

/// A connection of which no round-trip time was measured, as one that a SYN cookie opened without timestamps.
#[test]
fn without_a_round_trip_time_the_window_grows_with_each_window_that_is_read() {
    with_receiver(4 << 20, |receiver| {
        receiver.set_window_shift(7);
        let windows = round_trips(receiver, 20, 64 << 20, 1460);
        assert!(
            windows[0] == 64 << 10 && windows[12..].iter().all(|&window| window > (3 << 20) - 1024),
            "{windows:?}"
        );
    });
    // Less than a window is no round trip.
    with_receiver(4 << 20, |receiver| {
        receiver.set_window_shift(7);
        let windows = round_trips(receiver, 6, 10_000, 1460);
        assert!(windows.iter().all(|&window| window <= 64 << 10), "{windows:?}");
    });
}
