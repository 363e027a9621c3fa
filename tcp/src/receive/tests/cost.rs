//! What a segment costs the receiver in time:
//!
//! ```text
//! cargo test -p letregion-tcp --release --lib receive::tests::cost -- --ignored --nocapture
//! ```

use std::{time::Instant as Clock, vec};

use testkit::with_pool;

use super::*;

/// How many segments are timed at once: few enough that the least time of many is one without an interruption.
const BATCH: u32 = 2_000;

/// The least time of 300 batches for a segment, in nanoseconds. `each` sends the segment of this number to a receiver
/// whose window never closes.
fn measure(name: &str, each: impl Fn(&mut Receiver<'_>, u32)) {
    with_pool(2100, |pool| {
        let slabs = Slabs::new(pool, "buffers").with_kept_pages(4);
        let mut receiver = Receiver::new(&slabs, Seq(6), 4 << 20);
        receiver.set_mss(1448);
        receiver.advertised(1 << 20);
        let batches = (0..300).map(|batch| {
            let start = Clock::now();
            (0..BATCH).for_each(|at| each(&mut receiver, batch * BATCH + at));
            start.elapsed().as_nanos() as u32 / BATCH
        });
        std::println!("{name}: {} ns", batches.min().unwrap_or(0));
    });
}

#[test]
#[ignore = "a measurement"]
fn of_a_segment() {
    let data = vec![7; 64 << 10];
    let in_order = |length: usize, joined: u16| {
        let data = &data;
        move |receiver: &mut Receiver<'_>, _: u32| {
            let next = receiver.next();
            receiver.on_data(Instant::ZERO, next, &data[..length], false, joined);
            receiver.consume(length);
            receiver.advertised(1 << 20);
        }
    };
    measure("in order and read, 1 byte", in_order(1, 1));
    measure("in order and read, 1,448 bytes", in_order(1448, 1));
    measure("in order and read, 64,000 bytes", in_order(64_000, 45));
    // The first of each 10 segments comes last, as after a loss.
    measure("1,448 bytes, with a gap in front", |receiver, at| {
        let (block, place) = (at / 10, (at % 10 + 1) % 10);
        let seq = Seq(7) + (block * 10 + place) * 1448;
        receiver.on_data(Instant::ZERO, seq, &data[..1448], false, 1);
        receiver.sack_blocks(3);
        receiver.consume(usize::MAX);
        receiver.advertised(1 << 20);
        assert!(place > 0 || receiver.next() == Seq(7) + (at + 1) * 1448);
    });
}
