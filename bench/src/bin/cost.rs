//! Does each piece of work twice: so often, and twice as often, each time inside `measured`, so that a
//! tool that counts instructions can count those of one time. Prints what it did, in the same order.

#![forbid(unsafe_code)]

use std::{hint::black_box, time::Instant};

use anyhow::Result;
use bench::measure;
use clap::Parser;

/// How often a piece of work is done before it is counted, so that all memory has been used once.
const BEFORE: u32 = 8;

/// Works for a tool that counts instructions
#[derive(Parser)]
struct Arguments {
    /// How often; then twice as often
    #[arg(long, default_value_t = 16)]
    times: u32,
    /// Measure the time, in nanoseconds, in the place of being measured
    #[arg(long)]
    time: bool,
}

fn main() -> Result<()> {
    let Arguments { times, time } = Arguments::parse();
    measure(&mut |figure, run| {
        run(BEFORE);
        print!("{},{}", figure.scenario, figure.layer);
        if time {
            // The shortest of many: what interrupts only makes it longer.
            let spans = (0..200).map(|_| {
                let start = Instant::now();
                run(times);
                start.elapsed()
            });
            let shortest = spans.min().unwrap_or_default();
            println!(",{:.1}", shortest.as_nanos() as f64 / f64::from(times));
        } else {
            measured(times, run);
            measured(2 * times, run);
            println!();
        }
        Ok(())
    })
}

/// What is counted.
#[inline(never)]
fn measured(times: u32, run: &mut dyn FnMut(u32)) {
    black_box(&mut *run)(black_box(times));
}
