//! The time from the guest's first instruction until it served.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::{clock::Clock, early};

/// The time stamp counter at the first instruction, which the entry code writes.
pub(crate) static FIRST_INSTRUCTION: AtomicU64 = AtomicU64::new(0);

/// Prints the time since the guest's first instruction.
#[cold]
#[inline(never)]
pub(crate) fn report(clock: &Clock<'_>) {
    let micros = clock.since(FIRST_INSTRUCTION.load(Ordering::Relaxed)) / 1000;
    early::print(format_args!("started in {micros} us"));
}
