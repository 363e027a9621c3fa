//! How many errors go out in a time: a token bucket, as a pure value.

use core::time::Duration;

use netif::Instant;

/// So many a second in the long run, and so many at once.
///
/// Kept is the one number that says the same as a count of tokens: when the bucket will be full
/// again. A token taken moves that by the time in which one comes back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokenBucket {
    /// The time in which one token comes back; nothing if none ever does.
    interval: Option<Duration>,
    burst: u32,
    full_at: Instant,
}

impl TokenBucket {
    /// A full bucket of `burst` tokens, to which `per_second` come back in a second. Without either
    /// there is never a token.
    pub(crate) const fn new(per_second: u32, burst: u32) -> Self {
        let interval = match per_second {
            0 => None,
            // Rounded up, so that there are never more than promised.
            rate => Some(Duration::from_nanos(1_000_000_000_u64.div_ceil(rate as u64))),
        };
        Self { interval, burst, full_at: Instant::ZERO }
    }

    /// Takes a token; says whether there was one.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let Some(interval) = self.interval else { return false };
        let full_at = self.full_at.max(now) + interval;
        let taken = full_at.since(now) <= interval.saturating_mul(self.burst);
        if taken {
            self.full_at = full_at;
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(bucket: &mut TokenBucket, millis: u64, tries: u32) -> usize {
        (0..tries).filter(|_| bucket.take(Instant::from_millis(millis))).count()
    }

    #[test]
    fn a_burst_and_then_the_rate() {
        let mut bucket = TokenBucket::new(100, 50);
        assert_eq!(taken(&mut bucket, 0, 1000), 50);
        assert_eq!(taken(&mut bucket, 9, 1000), 0);
        assert_eq!(taken(&mut bucket, 10, 1000), 1);
        assert_eq!(taken(&mut bucket, 100, 1000), 9);
        // However long it was not asked, it is no more than full.
        assert_eq!(taken(&mut bucket, 3_600_000, 1000), 50);
    }

    #[test]
    fn the_long_run_is_the_rate() {
        for rate in [1, 3, 7, 100, 999] {
            let mut bucket = TokenBucket::new(rate, 1);
            let total: usize = (0..10_000).map(|millis| taken(&mut bucket, millis, 2)).sum();
            // A thousand questions a second see most of the tokens, and never one too many.
            assert!(total <= 10 * rate as usize && total >= 5 * rate as usize, "{rate}: {total}");
        }
    }

    #[test]
    fn no_rate_or_no_burst_is_nothing() {
        assert_eq!(taken(&mut TokenBucket::new(0, 50), 1000, 100), 0);
        assert_eq!(taken(&mut TokenBucket::new(100, 0), 1000, 100), 0);
    }

    #[test]
    fn the_end_of_time_does_no_harm() {
        let mut bucket = TokenBucket::new(1, u32::MAX);
        assert!(bucket.take(Instant::from_nanos(u64::MAX)));
        assert!(bucket.take(Instant::from_nanos(u64::MAX)));
    }
}
