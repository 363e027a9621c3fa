//! How fast the sender is on bad networks: a measurement, printed as a table.
//!
//! ```text
//! cargo test -p letregion-tcp --release goodput -- --ignored --nocapture
//! ROW=late cargo test -p letregion-tcp --release goodput -- --ignored --nocapture
//! ```

use std::{println, time::Duration};

use rt_regions::Slabs;
use testkit::with_pool;

use super::{
    line::Conditions,
    world::{Setup, World},
};

/// 200 Mbit/s, and 512 KB that wait.
const LINE: Conditions = Conditions {
    delay: Duration::ZERO,
    rate: 25_000_000,
    queue: 512_000,
    lost: 0,
    burst: 0,
    duplicated: 0,
    held: 0,
    held_for: Duration::ZERO,
    overtaken: 0,
};

const fn line(micros: u64) -> Conditions {
    Conditions { delay: Duration::from_micros(micros), ..LINE }
}

const fn losing(per_mille: usize, micros: u64) -> Conditions {
    Conditions { lost: per_mille * 1000, ..line(micros) }
}

const fn late(percent: usize, held: u64, micros: u64) -> Conditions {
    let held_for = Duration::from_micros(held);
    Conditions { held: percent * 10_000, held_for, ..line(micros) }
}

/// A name, the conditions there and back, and how many megabytes.
type Row = (&'static str, Conditions, Conditions, u64);

const fn both(name: &'static str, conditions: Conditions, megabytes: u64) -> Row {
    (name, conditions, conditions, megabytes)
}

const ROWS: &[Row] = &[
    both("0.1 ms", line(100), 100),
    both("1 ms", line(1000), 100),
    both("10 ms", line(10_000), 100),
    both("50 ms", line(50_000), 100),
    both("100 ms", line(100_000), 100),
    both("0.1 ms, loss 0.1 %", losing(1, 100), 100),
    both("0.1 ms, loss 1 %", losing(10, 100), 100),
    both("0.1 ms, loss 5 %", losing(50, 100), 20),
    both("1 ms, loss 0.1 %", losing(1, 1000), 100),
    both("1 ms, loss 1 %", losing(10, 1000), 100),
    both("1 ms, loss 2 %", losing(20, 1000), 50),
    both("1 ms, loss 5 %", losing(50, 1000), 20),
    both("10 ms, loss 0.1 %", losing(1, 10_000), 50),
    both("10 ms, loss 1 %", losing(10, 10_000), 20),
    both("10 ms, loss 5 %", losing(50, 10_000), 8),
    both("50 ms, loss 0.1 %", losing(1, 50_000), 20),
    both("100 ms, loss 1 %", losing(10, 100_000), 4),
    both("1 ms, loss 0.1 % in bursts of 10", Conditions { burst: 9, ..losing(1, 1000) }, 100),
    ("1 ms, loss 5 % of what comes from here", losing(50, 1000), line(1000), 50),
    ("1 ms, loss 5 % of what comes back", line(1000), losing(50, 1000), 50),
    both("1 ms, 1 % late by 2 ms", late(1, 2000, 1000), 100),
    both("1 ms, 10 % late by 2 ms", late(10, 2000, 1000), 100),
    both("10 ms, 2 % late by 5 ms", late(2, 5000, 10_000), 100),
    both("0.1 ms, 5 % overtaken by 1 to 3", Conditions { overtaken: 50_000, ..line(100) }, 100),
    both("10 ms, 5 % overtaken by 1 to 3", Conditions { overtaken: 50_000, ..line(10_000) }, 100),
    both("1 ms, 2 % twice", Conditions { duplicated: 20_000, ..line(1000) }, 100),
    both("10 ms, a queue of 16 frames", Conditions { queue: 16 * 1514, ..line(10_000) }, 100),
    both(
        "10 ms, 10 Mbit/s, a queue of 1 s",
        Conditions { rate: 1_250_000, queue: 1_250_000, ..line(10_000) },
        20,
    ),
    both(
        "5 ms, loss 0.7 %, 2 % late by 3 ms, 1 % twice",
        Conditions { lost: 7000, duplicated: 10_000, ..late(2, 3000, 5000) },
        20,
    ),
];

/// What a rate of losses allows, in bytes a second: Mathis et al. 1997, with RFC 9438 5.2's equal of Reno; the line's
/// rate at most.
fn allowed(there: &Conditions, back: &Conditions) -> f64 {
    let rtt = (there.delay + back.delay).as_secs_f64();
    let share = 1448.0 / 1514.0;
    let line = there.rate as f64 * share;
    if there.lost == 0 || rtt == 0.0 {
        return line;
    }
    let events = there.lost as f64 / 1e6;
    line.min(1448.0 / rtt * (1.5 / events).sqrt())
}

#[test]
#[ignore = "a measurement"]
fn goodput() {
    println!(
        "| network (one way) | MB | MB/s | of what is allowed | timeouts | sent twice | needless |"
    );
    println!("|---|---|---|---|---|---|---|");
    let wanted = std::env::var("ROW").unwrap_or_default();
    for (name, there, back, megabytes) in ROWS.iter().filter(|row| row.0.contains(&wanted)) {
        let (mut rates, mut timeouts, mut again, mut twice) = (std::vec![], 0, 0.0, 0.0);
        for seed in 1..=3 {
            with_pool(4096, |pool| {
                let slabs = Slabs::new(pool, "tcp.buffers");
                let setup = Setup { there: *there, back: *back, ..Setup::both_ways(*there, seed) };
                let mut world = World::new(&slabs, setup);
                let took = world.transfer(megabytes * 1_000_000);
                rates.push(*megabytes as f64 / took.as_secs_f64());
                timeouts += world.expired;
                again += world.sender.retransmitted() as f64 / (megabytes * 10_000) as f64;
                twice += world.receiver.twice as f64 / (megabytes * 10_000) as f64;
            });
        }
        rates.sort_by(f64::total_cmp);
        let (rate, allowed) = (rates[1], allowed(there, back) / 1e6);
        println!(
            "| {name} | {megabytes} | {rate:.2} | {:.2} | {:.0} | {:.2} % | {:.2} % |",
            rate / allowed,
            f64::from(timeouts) / 3.0,
            again / 3.0,
            twice / 3.0
        );
    }
}
