//! The offset of a wall clock.

use core::{fmt, time::Duration};

use layer::Instant;

/// How much the time of day, counted from the beginning of 1970 (UTC), is ahead of the program's own clock, in nanoseconds.
/// The program's clock is never set; offsets are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Offset(i64);

impl Offset {
    /// The offset of a clock that shows `wall` at `now`. The largest ones saturate.
    pub fn new(now: Instant, wall: Duration) -> Self {
        let nanos = |number: u128| i64::try_from(number).unwrap_or(i64::MAX);
        Self(nanos(wall.as_nanos()).saturating_sub(nanos(now.as_nanos().into())))
    }

    /// What the clock shows at `now`: the time since the beginning of 1970, or zero if it would be before.
    pub fn wall(self, now: Instant) -> Duration {
        Duration::from_nanos(now.as_nanos().saturating_add_signed(self.0))
    }

    /// How far apart two offsets are.
    pub fn distance(self, other: Self) -> Duration {
        Duration::from_nanos(self.0.abs_diff(other.0))
    }
}

/// Seconds: `1784111777.250000000`.
impl fmt::Debug for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, nanos) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        write!(f, "{sign}{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000)
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    #[test]
    fn a_clock_goes_on_with_the_program_s() {
        let (now, wall) = (Instant::from_millis(5_000), Duration::from_millis(1_784_111_777_250));
        let offset = Offset::new(now, wall);
        assert_eq!(offset.wall(now), wall);
        assert_eq!(offset.wall(Instant::from_millis(6_500)), wall + Duration::from_millis(1_500));
        assert_eq!(format!("{offset:?}"), "1784111772.250000000");
        let other = Offset::new(now, wall - Duration::from_millis(3));
        let apart = Duration::from_millis(3);
        assert_eq!((offset.distance(other), other.distance(offset)), (apart, apart));
    }

    #[test]
    fn what_is_too_early_or_too_late_saturates() {
        let early = Offset::new(Instant::from_millis(5_000), Duration::from_secs(1));
        assert_eq!(early.wall(Instant::from_millis(3_000)), Duration::ZERO);
        assert_eq!(early.wall(Instant::from_millis(5_000)), Duration::from_secs(1));
        assert_eq!(format!("{early:?}"), "-4.000000000");
        let last = Instant::from_nanos(u64::MAX);
        assert_eq!(
            Offset::new(Instant::ZERO, Duration::MAX).wall(last),
            Duration::from_nanos(u64::MAX)
        );
        assert_eq!(Offset::new(last, Duration::ZERO).wall(Instant::ZERO), Duration::ZERO);
    }
}
