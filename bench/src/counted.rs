//! Does each piece of work twice: so often, and twice as often, each time inside `measured`, so that a tool that counts
//! instructions can count those of one time. Work that is whole is done once more, with nothing of it in the caches, for a
//! tool that simulates them. Prints what it did, in the same order.

use std::{hint::black_box, time::Instant};

use anyhow::Result;
use clap::Parser;

use crate::Visit;

/// How often a piece of work is done before it is counted, so that all memory has been used once.
const BEFORE: u32 = 8;

/// The size in bytes of a cache line.
const LINE: usize = 64;

/// Works for a tool that counts instructions
#[derive(Parser)]
struct Arguments {
    /// How often; then twice as often
    #[arg(long, default_value_t = 16)]
    times: u32,
    /// Measure the time, in nanoseconds, in the place of being measured
    #[arg(long)]
    time: bool,
    /// The size of the largest cache in bytes
    #[arg(long, default_value_t = 1 << 20)]
    cache: usize,
}

/// Does each piece of work that `measure` shows, as the arguments of the process ask.
///
/// # Errors
/// Those of `measure`.
pub fn counted(measure: impl FnOnce(&mut Visit<'_>) -> Result<()>) -> Result<()> {
    let Arguments { times, time, cache } = Arguments::parse();
    // More than there is room for, so that nothing else stays.
    let other = vec![1; 2 * cache];
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
            return Ok(());
        }
        measured(times, run);
        measured(2 * times, run);
        if figure.is_whole() {
            displace(&other);
            measured(1, run);
            print!(",cold");
        }
        println!();
        Ok(())
    })
}

/// What is counted.
#[inline(never)]
fn measured(times: u32, run: &mut dyn FnMut(u32)) {
    black_box(&mut *run)(black_box(times));
}

/// Reads a byte of each line of `other`, which then is in the caches, and nothing else.
#[inline(never)]
fn displace(other: &[u8]) {
    for line in other.chunks(LINE) {
        black_box(line.first().copied());
    }
}
