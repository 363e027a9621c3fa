//! A clock that is turned by hand.

use std::{cell::Cell, rc::Rc, time::Duration};

use layer::Instant;

/// A clock that stands still until a test turns it. Each clone is a handle on one and the same clock, so that several
/// [hosts](crate::Host), and the services in them, have the same time.
///
/// ```
/// use layer::Instant;
/// use std::time::Duration;
/// use testkit::Clock;
///
/// let clock = Clock::new();
/// let of_the_service = clock.clone();
/// clock.advance(Duration::from_secs(5));
/// assert_eq!(of_the_service.now(), Instant::from_millis(5_000));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Clock(Rc<Cell<Instant>>);

impl Clock {
    /// A clock that shows [`Instant::ZERO`].
    pub fn new() -> Self {
        Self::default()
    }

    /// A clock that shows `now`.
    pub fn starting_at(now: Instant) -> Self {
        Self(Rc::new(Cell::new(now)))
    }

    /// The time that it shows.
    pub fn now(&self) -> Instant {
        self.0.get()
    }

    /// Turns it forward by `time`; it stops at the last instant that there is.
    pub fn advance(&self, time: Duration) {
        self.0.set(self.now() + time);
    }

    /// Turns it forward to `instant`. It never goes back: an instant that has passed changes nothing.
    pub fn advance_to(&self, instant: Instant) {
        self.0.set(self.now().max(instant));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_goes_forward_only_and_stops_at_the_end_of_time() {
        let clock = Clock::starting_at(Instant::from_millis(7));
        clock.advance_to(Instant::from_millis(3));
        assert_eq!(clock.now(), Instant::from_millis(7));
        clock.advance_to(Instant::from_millis(9));
        clock.advance(Duration::from_millis(1));
        assert_eq!(clock.now(), Instant::from_millis(10));
        clock.advance(Duration::MAX);
        assert_eq!(clock.now(), Instant::from_nanos(u64::MAX));
    }
}
