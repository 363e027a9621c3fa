//! The time from the guest's first instruction until it served.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::{early, pvclock::Clock};

/// The time stamp counter at the first instruction, which the entry code writes.
pub(crate) static FIRST_INSTRUCTION: AtomicU64 = AtomicU64::new(0);

/// The time since the guest's first instruction.
#[cfg(feature = "page")]
pub fn at(clock: &Clock<'_>) -> core::time::Duration {
    clock.duration_since(FIRST_INSTRUCTION.load(Ordering::Relaxed))
}

/// Prints the time since the guest's first instruction.
#[cold]
#[inline(never)]
pub fn report(clock: &Clock<'_>) {
    let micros = clock.since(FIRST_INSTRUCTION.load(Ordering::Relaxed)) / 1000;
    early::print(format_args!("started in {micros} us"));
}
