//! What a hostile peer makes the receiver do is bounded by what it sends: no pattern costs more and more.

use std::vec;

use testkit::with_pool;

use super::*;
use crate::receive::work;

const MIB: u32 = 1 << 20;

/// What each segment may cost in bytes that are moved: the list of ranges twice, and a little.
const EACH: u64 = 2 * 2032 + 400;

/// What each byte of data may cost: it is written once, moved three times, and its place is zeroed.
const BYTE: u64 = 8;

/// A receiver whose window has grown to three quarters of `limit`, as the peer sends and the application reads as fast
/// as it offers.
fn widened<'p>(slabs: &'p Slabs<'p>, limit: u32) -> Receiver<'p> {
    let mut receiver = Receiver::new(slabs, Seq(u32::MAX - 5_000_000), limit);
    receiver.set_mss(1460);
    receiver.set_window_shift(7);
    receiver.on_rtt(Duration::from_millis(10));
    receiver.advertised(receiver.window());
    let (mut now, data) = (Instant::ZERO, vec![7; 1460]);
    while receiver.window() < limit / 4 * 3 - 128 {
        now += Duration::from_millis(10);
        let edge = receiver.right_edge();
        while receiver.next() != edge {
            let count = (edge - receiver.next()).min(1460);
            receiver.on_data(now, receiver.next(), &data[..count as usize], false, 1);
            receiver.consume(1460);
        }
        receiver.advertised(receiver.window());
        assert!(now < Instant::from_millis(1_000), "{receiver:?}");
    }
    assert_eq!((receiver.buffer_size(), receiver.readable().len()), (0, 0));
    receiver
}

/// Sends the segments, each a place after `next` at the beginning and a length, and checks what they cost.
fn attack(name: &str, segments: impl Iterator<Item = (u32, u32)>, reads: bool) {
    with_pool(2100, |pool| {
        let slabs = Slabs::new(pool, "buffers");
        let mut receiver = widened(&slabs, 4 * MIB);
        let (first, data) = (receiver.next(), vec![9; 64 << 10]);
        work::take();
        // A buffer of all of the window, which may be made at once, and each of half the size before.
        let (mut count, mut bytes) = (0, 16 * u64::from(MIB));
        for (place, length) in segments {
            receiver.on_data(Instant::ZERO, first + place, &data[..length as usize], false, 1);
            count += 1;
            bytes += u64::from(length);
            if reads {
                receiver.consume(1);
            }
            receiver.advertised(receiver.window());
        }
        let done = work::take();
        let most = EACH * count + BYTE * bytes;
        assert!(done <= most, "{name}: {done} instead of {most} for {count} segments");
        assert!(count >= 10_000 && done >= count, "{name}: {done} for {count}");
        assert!(receiver.sack_blocks(4).as_slice().len() <= 4);
    });
}

#[test]
fn no_pattern_costs_more_than_it_should() {
    let all = 3 * MIB - 4096;
    attack("every second byte", (0..all / 2).map(|at| (1 + 2 * at, 1)), false);
    attack("every second byte, backwards", (0..all / 2).rev().map(|at| (1 + 2 * at, 1)), false);
    attack("overlaps of one byte", (0..100_000).map(|at| (1 + at, 2)), false);
    attack("overlaps of one byte, backwards", (0..100_000).rev().map(|at| (1 + at, 2)), false);
    let ends = |at: u32| if at.is_multiple_of(2) { 2 * at + 1 } else { all - 2 * at };
    attack("from both ends", (0..200_000).map(|at| (ends(at), 1)), false);
    // Gaps of one byte, which are closed from behind, and come again.
    let shifted = (0..400_000).map(|at| (1 + 2 * (at % 500) + at / 1000 % 2, 1));
    attack("gaps that come and go", shifted, false);
    let covered = (0..20_000).map(|at| if at < 254 { (1 + 200 * at, 1) } else { (1, 60_000) });
    attack("one long segment again and again", covered, false);
    let in_order = (0..100_000).map(|at| match at {
        0..254 => (150_000 + 2 * at, 1),
        _ => (at - 254, 1),
    });
    attack("byte by byte before many ranges", in_order, false);
    // A range before 253 others comes and goes: all of the others are moved each time.
    let comes_and_goes = (0..100_000).map(|at| match at {
        0..253 => (150_000 + 2 * at, 1),
        at if at % 2 == 1 => (at - 252, 1),
        at => (at - 254, 1),
    });
    attack("a range that comes and goes before many", comes_and_goes, false);
    attack("byte by byte, and read so", (0..500_000).map(|at| (at, 1)), true);
    // The reader stays behind by most of a buffer.
    let behind = (0..300_000)
        .map(|at| if at < 30 { (at * 60_000, 60_000) } else { (1_800_000 + at - 30, 1) });
    attack("byte by byte behind a slow reader", behind, true);
    let twice = (0..100_000).map(|at| (1000 * (at / 2 % 1000), 1000));
    attack("all of it twice", twice, false);
}

/// A FIN that comes earlier and earlier takes away a range each time.
#[test]
fn a_fin_that_moves_costs_no_more() {
    with_pool(2100, |pool| {
        let slabs = Slabs::new(pool, "buffers");
        let mut receiver = widened(&slabs, 4 * MIB);
        let first = receiver.next();
        work::take();
        for at in 0..254 {
            receiver.on_data(Instant::ZERO, first + 1 + 2 * at, b"x", false, 1);
        }
        for at in (0..500_000).rev() {
            receiver.on_data(Instant::ZERO, first + at, b"", true, 1);
            receiver.advertised(receiver.window());
        }
        assert!(work::take() < EACH * 254 + 100 * 500_000);
        assert!(receiver.is_finished() && receiver.buffer_size() == 0);
    });
}
