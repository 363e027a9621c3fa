//! What the sender costs: a measurement.
//!
//! ```text
//! cargo test -p letregion-tcp --release cost -- --ignored --nocapture
//! ```

use std::{println, time};

use super::*;

/// Nanoseconds for one of `count` rounds, of the fastest of ten runs.
fn each(count: u32, mut run: impl FnMut()) -> f64 {
    let times = (0..10).map(|_| {
        let start = time::Instant::now();
        run();
        start.elapsed().as_nanos() as f64 / f64::from(count)
    });
    times.fold(f64::MAX, f64::min)
}

#[test]
#[ignore = "a measurement"]
fn cost_of_bulk() {
    let bytes = vec![7; 1 << 20];
    for (name, rtt, most, segments) in
        [("a segment", 1, 1, 2), ("a segment, paced", 100, 1, 2), ("64 KB", 1, 65_536, 64)]
    {
        with_sender_at(rtt, true, |sender| {
            sender.congestion.window = 400_000;
            sender.congestion.threshold = 400_000;
            let mut now = at(0);
            let rounds = 20_000;
            let all = each(rounds, || {
                for _ in 0..rounds {
                    now += Duration::from_micros(1000 * rtt);
                    sender.push(&&bytes[..segments * 1000]);
                    while sender.next_segment(now, most, 64).is_some() {}
                    let ack = sender.una() + sender.outstanding().min(segments as u32 * 1000);
                    let echo = Some(Duration::from_millis(rtt));
                    let _ = sender.on_ack(now, &Ack { echo, ..ack_of(ack, 1 << 20) });
                }
            });
            let copied = each(rounds, || {
                for _ in 0..rounds {
                    sender.push(&&bytes[..segments * 1000]);
                    sender.buffer.consume(segments as u32 * 1000);
                }
            });
            println!("{name}: {all:.0} ns a round, of which {copied:.0} ns are for the bytes");
        });
    }
}

/// An acknowledgment with three blocks while every other segment is missing, of 64 and of all there is room for.
#[test]
#[ignore = "a measurement"]
fn cost_of_holes() {
    for holes in [16, 64, 400] {
        with_pool(2200, |pool| {
            let slabs = Slabs::new(pool, "tcp.buffers");
            let mut sender = Sender::new(&slabs, Seq(1), 4 << 20);
            let rtt = Some(Duration::from_millis(1));
            sender.established(at(0), MSS, true, false, 8 << 20, Seq(1), Seq(1), rtt, false);
            sender.congestion.window = 4 << 20;
            let bytes = vec![7; 4 << 20];
            sender.push(&&bytes[..]);
            let count = sent(&mut sender, at(0)).len() as u32;
            let last = |number: u32| (1 + 1000 + number * 2000, 2001 + number * 2000);
            for number in 0..holes {
                let _ = sender.sacked(at(1), 1, &[last(number)]);
                sent(&mut sender, at(1));
            }
            let mut blocks = [holes - 1, holes - 2, holes - 3].map(last);
            for news in [0, 1] {
                let nanos = each(1000, || {
                    for _ in 0..1000 {
                        blocks[0].1 += news;
                        let _ = sender.sacked(at(1), 1, &blocks);
                        while sender.next_segment(at(1), 1, 64).is_some() {}
                    }
                });
                println!(
                    "{holes} holes of {count} segments, {news} bytes of news: {nanos:.0} ns an acknowledgment"
                );
            }
        });
    }
}
