//! The networks that a TCP has to do with.

use std::time::Duration;

use lab::bad_network::{Conditions, Link, Rate, Share};

/// A network, and how many bytes go through it each way.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) link: Link,
    /// In millions of bytes: 100, or fewer where these would take minutes.
    pub(crate) megabytes: u64,
    /// How many of the short test's, if it has the row.
    pub(crate) quick: Option<u64>,
}

/// 200 Mbit/s, and 512 KB that wait: 20 ms.
const RATE: Rate = Rate::megabits(200, 512_000);
/// What chance decides is the same in each run.
const SEED: u64 = 15;

const fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// A line of this one-way delay in milliseconds.
const fn line(delay: u64) -> Conditions {
    Conditions::line(milliseconds(delay), RATE)
}

/// One of this loss in thousandths.
const fn losing(per_mille: u32, delay: u64) -> Conditions {
    Conditions { lost: Share::per_mille(per_mille), ..line(delay) }
}

/// One in which so many per cent come so many milliseconds late.
const fn reordering(percent: u32, held_for: u64, delay: u64) -> Conditions {
    let held_for = milliseconds(held_for);
    Conditions { held: Share::percent(percent), held_for, ..line(delay) }
}

impl Row {
    /// A network with the same conditions both ways.
    const fn new(name: &'static str, conditions: Conditions) -> Self {
        Self::each_way(name, [conditions; 2])
    }

    const fn each_way(name: &'static str, conditions: [Conditions; 2]) -> Self {
        let link = Link::Frames { conditions, seed: SEED };
        Self { name, link, megabytes: 100, quick: None }
    }

    const fn megabytes(self, megabytes: u64) -> Self {
        Self { megabytes, ..self }
    }

    const fn quick(self, megabytes: u64) -> Self {
        Self { quick: Some(megabytes), ..self }
    }
}

/// All of them.
pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "whole frames, nothing in the way",
        link: Link::Whole,
        megabytes: 200,
        quick: Some(50),
    },
    Row::new("frames of the MTU, nothing in the way", Conditions::PERFECT).quick(8),
    Row::new("0.1 ms", Conditions { delay: Duration::from_micros(100), ..line(0) }),
    Row::new("1 ms", line(1)).quick(8),
    Row::new("10 ms", line(10)),
    Row::new("50 ms", line(50)),
    Row::new("100 ms", line(100)),
    Row::new("1 ms, loss 0.1 %", losing(1, 1)),
    Row::new("1 ms, loss 1 %", losing(10, 1)).quick(8),
    Row::new("1 ms, loss 2 %", losing(20, 1)),
    Row::new("1 ms, loss 5 %", losing(50, 1)).quick(8),
    Row::new("10 ms, loss 0.1 %", losing(1, 10)).megabytes(50),
    Row::new("10 ms, loss 1 %", losing(10, 10)).megabytes(20),
    Row::new("10 ms, loss 5 %", losing(50, 10)).megabytes(8),
    Row::new("50 ms, loss 0.1 %", losing(1, 50)).megabytes(20),
    Row::new("100 ms, loss 1 %", losing(10, 100)).megabytes(4),
    Row::new("1 ms, loss 0.1 % in bursts of 10", Conditions { burst: 9, ..losing(1, 1) }),
    Row::each_way("1 ms, loss 5 % of what comes from here", [losing(50, 1), line(1)]).megabytes(50),
    Row::new("1 ms, 1 % late by 2 ms", reordering(1, 2, 1)),
    Row::new("1 ms, 10 % late by 2 ms", reordering(10, 2, 1)).quick(8),
    Row::new("10 ms, 2 % late by 5 ms", reordering(2, 5, 10)),
    Row::new("1 ms, 2 % twice", Conditions { duplicated: Share::percent(2), ..line(1) }).quick(8),
    Row::new("1 ms, 1 % corrupted", Conditions { corrupted: Share::percent(1), ..line(1) })
        .quick(8),
    Row::new(
        "10 ms, a queue of 16 frames",
        Conditions::line(milliseconds(10), Rate::megabits(200, 16 * 1514)),
    ),
    Row::new(
        "10 ms, 10 Mbit/s, a queue of 1 s",
        Conditions::line(milliseconds(10), Rate::megabits(10, 1_250_000)),
    )
    .megabytes(20),
    Row::new(
        "5 ms, loss 0.5 %, 2 % late by 3 ms, 1 % twice, 0.2 % corrupted",
        Conditions {
            lost: Share::per_mille(5),
            duplicated: Share::percent(1),
            corrupted: Share::per_mille(2),
            ..reordering(2, 3, 5)
        },
    )
    .megabytes(20)
    .quick(4),
];
