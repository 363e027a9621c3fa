//! The wall clock that a program reads.

use core::{cell::Cell, time::Duration};

use layer::Instant;

use crate::Offset;

/// The most that the clock is slowed down for. What is more wrong is set at once.
const MAX_SLEW: Duration = Duration::from_secs(1);

/// A wall clock: the platform's, until servers of the time say more. It lies in the program's memory, where the service reads
/// it and [`Sntp`](crate::Sntp) sets it.
///
/// Who reads it never sees it go back, unless it was fast by more than a second. It is set forward at once. If it is fast by up
/// to a second, it runs at half its speed until it is right.
///
/// ```
/// use std::time::Duration;
///
/// use layer::Instant;
/// use sntp::{Clock, Offset};
///
/// let now = Instant::from_millis(1_000);
/// let clock = Clock::new(now, Some(Duration::from_secs(1_700_000_000)));
/// clock.set(now, Offset::new(now, Duration::from_secs(1_784_111_777)));
/// let later = Instant::from_millis(3_000);
/// assert_eq!(clock.read(later), Some(Duration::from_secs(1_784_111_779)));
/// ```
#[derive(Debug)]
pub struct Clock {
    offset: Cell<Option<Offset>>,
    /// By how much the clock was fast when, with which it begins to run slower.
    slew: Cell<(Instant, Duration)>,
    is_synchronised: Cell<bool>,
}

impl Clock {
    /// A clock that shows the time of day of the platform, `wall` (`Runtime::wall_time`), at `now`, and goes on from there.
    /// Without it, the clock shows nothing until it is [set](Self::set).
    pub fn new(now: Instant, wall: Option<Duration>) -> Self {
        Self {
            offset: Cell::new(wall.map(|wall| Offset::new(now, wall))),
            slew: Cell::new((Instant::ZERO, Duration::ZERO)),
            is_synchronised: Cell::new(false),
        }
    }

    /// What the clock shows at `now`: the time since the beginning of 1970 (UTC), if it is known.
    pub fn read(&self, now: Instant) -> Option<Duration> {
        let (since, fast) = self.slew.get();
        let left = fast.saturating_sub(now.since(since) / 2);
        Some(self.offset.get()?.wall(now) + left)
    }

    /// Sets the clock, at `now`.
    pub fn set(&self, now: Instant, offset: Offset) {
        let fast =
            self.read(now).map_or(Duration::ZERO, |shown| shown.saturating_sub(offset.wall(now)));
        let fast = if fast > MAX_SLEW { Duration::ZERO } else { fast };
        self.slew.set((now, fast));
        self.offset.set(Some(offset));
        self.is_synchronised.set(true);
    }

    /// Whether servers of the time have set it.
    pub fn is_synchronised(&self) -> bool {
        self.is_synchronised.get()
    }
}

#[cfg(test)]
mod tests;
