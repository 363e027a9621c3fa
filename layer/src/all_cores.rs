//! What one core of a program knows of all of them, for reports.

use core::{fmt, time::Duration};

/// How long a core has worked, and how long it has slept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// The time that it was awake, since it first slept.
    pub busy: Duration,
    /// The time that it slept.
    pub idle: Duration,
    /// How often it has gone to sleep.
    pub sleeps: u64,
}

/// The cores of a program that has several, as one of them sees them.
pub trait AllCores {
    /// How many there are.
    fn count(&self) -> usize;

    /// The sum over all cores of the counter in the place `nth`, from 0, of those that [`Layer::counters`](crate::Layer::counters)
    /// shows. On this core it is `own`; what the others have said is a second old at most.
    fn sum(&self, nth: usize, own: u64) -> u64;

    /// How long a core has worked and slept.
    fn load(&self, core: usize) -> Load;
}

/// Calls `line` with how long each core has worked and slept, in milliseconds, and how often: `core0.busy_ms 17`.
#[cfg(feature = "cores")]
pub(crate) fn list_loads(all: &dyn AllCores, line: &mut dyn FnMut(fmt::Arguments<'_>)) {
    for core in 0..all.count() {
        let Load { busy, idle, sleeps } = all.load(core);
        line(format_args!("core{core}.busy_ms {}", busy.as_millis()));
        line(format_args!("core{core}.idle_ms {}", idle.as_millis()));
        line(format_args!("core{core}.sleeps {sleeps}"));
    }
}

impl fmt::Debug for dyn AllCores + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AllCores").field("count", &self.count()).finish_non_exhaustive()
    }
}
