//! A rate limit: a token bucket, as a pure value.

use layer::{Instant, KeyedHash};

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// A token bucket, which limits the rate in the long run and the size of a burst: of ICMP errors, of lines to clients,
/// of bytes.
///
/// A limit that all hosts share tells each of them how much the others used. An attacker can send probes in other
/// hosts' names, count the ICMP errors that are left over, and learn which ports are open (CVE-2020-25705). So each
/// token taken costs zero, one or two tokens, chosen by a secret, as in Linux since 5.10. The average cost is one; a
/// burst of 50 is 50 give or take 6.
///
/// The bucket stores one number instead of a count of tokens: the time at which it will be full again. Each token taken
/// moves that time by the interval in which one token comes back.
#[derive(Clone, Copy, Debug)]
pub struct TokenBucket {
    /// The nanoseconds in which one token comes back.
    interval: u64,
    /// The bucket has a token as long as it will be full again within this many nanoseconds.
    room: u64,
    full_at: u64,
    noise: KeyedHash,
    /// How many costs the secret has chosen so far.
    taken: u64,
}

impl TokenBucket {
    /// A full bucket of `burst` tokens, which gets back `per_second` tokens in a second. If either is 0, there is never
    /// a token. `seed` must be secret.
    pub const fn new(per_second: u32, burst: u32, seed: u128) -> Self {
        let (interval, room, full_at) = match (per_second, burst) {
            (0, _) | (_, 0) => (0, 0, u64::MAX),
            (rate, burst) => {
                // Rounded up, so that the rate is never exceeded.
                let interval = NANOS_PER_SECOND.div_ceil(rate as u64);
                (interval, interval * (burst as u64 - 1), 0)
            }
        };
        Self { interval, room, full_at, noise: KeyedHash::new(seed), taken: 0 }
    }

    /// A full bucket with the same secret and another limit.
    #[must_use]
    pub const fn with_limit(self, per_second: u32, burst: u32) -> Self {
        Self { noise: self.noise, ..Self::new(per_second, burst, 0) }
    }

    /// Takes a token; returns whether there was one.
    #[inline]
    pub fn take(&mut self, now: Instant) -> bool {
        let has_token = self.has_token(now);
        if has_token {
            self.taken += 1;
            self.pay(now, (self.noise.hash(self.taken) % 3) as u32);
        }
        has_token
    }

    /// Whether there is a token.
    #[inline]
    pub const fn has_token(&self, now: Instant) -> bool {
        self.full_at.saturating_sub(now.as_nanos()) <= self.room
    }

    /// Takes exactly `tokens`, even if there are fewer; the missing ones have to come back first. It is for a cost that
    /// is known only afterwards, such as the length of a reply.
    #[inline]
    pub fn pay(&mut self, now: Instant, tokens: u32) {
        let full_at = self.full_at.max(now.as_nanos());
        self.full_at = full_at.saturating_add(self.interval * u64::from(tokens));
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, vec::Vec};

    use super::*;

    fn taken(bucket: &mut TokenBucket, millis: u64, tries: u32) -> usize {
        (0..tries).filter(|_| bucket.take(Instant::from_millis(millis))).count()
    }

    /// How many of 1,000 tries at once each of 2,000 secrets lets pass.
    fn bursts(before: u32) -> BTreeMap<usize, usize> {
        let mut bursts = BTreeMap::new();
        for seed in 0..2000 {
            let mut bucket = TokenBucket::new(100, 50, seed);
            taken(&mut bucket, 0, before);
            *bursts.entry(taken(&mut bucket, 0, 1000)).or_default() += 1;
        }
        bursts
    }

    fn mean(bursts: &BTreeMap<usize, usize>) -> f64 {
        bursts.iter().map(|(taken, times)| taken * times).sum::<usize>() as f64 / 2000.0
    }

    #[test]
    fn a_burst_and_then_the_rate() {
        let mut bucket = TokenBucket::new(100, 50, 7);
        assert!((35..=75).contains(&taken(&mut bucket, 0, 1000)));
        assert_eq!(taken(&mut bucket, 1, 1000), 0);
        let second: usize = (1..=100).map(|tenth| taken(&mut bucket, tenth * 10, 1000)).sum();
        assert!((75..=125).contains(&second), "{second}");
        // However long it was not asked, it is no more than full.
        assert!((35..=75).contains(&taken(&mut bucket, 3_600_000, 1000)));
    }

    #[test]
    fn the_long_run_is_the_rate() {
        for rate in [1, 3, 7, 100, 999] {
            let mut bucket = TokenBucket::new(rate, 1, u128::from(rate));
            let total: usize =
                (0..1_000_000).step_by(5).map(|millis| taken(&mut bucket, millis, 20)).sum();
            // A bucket of one token is full for most of the time at which it is not asked.
            let (least, most) = (f64::from(rate.min(200)) * 700.0, f64::from(rate) * 1080.0);
            assert!((least..=most).contains(&(total as f64)), "{rate}: {total}");
        }
    }

    /// Whoever counts what is left for it cannot tell whether one token was taken before, or none: both happen
    /// with nearly the same frequency for each count.
    #[test]
    fn what_others_took_cannot_be_counted() {
        let (alone, after_one) = (bursts(0), bursts(1));
        assert!(alone.len() > 20, "{alone:?}");
        assert!(alone.values().all(|&times| times < 400), "{alone:?}");
        assert!((mean(&alone) - 50.5).abs() < 1.0, "{}", mean(&alone));
        assert!((mean(&alone) - mean(&after_one) - 1.0).abs() < 0.5, "{}", mean(&after_one));
        // The best guess from one count is right little more often than a coin.
        let both = alone.keys().chain(after_one.keys()).copied().collect::<Vec<_>>();
        let times = |of: &BTreeMap<usize, usize>, count| of.get(count).copied().unwrap_or(0);
        let mut counts = both;
        counts.sort_unstable();
        counts.dedup();
        let right: usize =
            counts.iter().map(|count| times(&alone, count).max(times(&after_one, count))).sum();
        assert!(right < 4000 * 56 / 100, "{right} of 4000 guesses are right");
    }

    #[test]
    fn bursts_differ_from_one_to_the_next() {
        let mut bucket = TokenBucket::new(100, 50, 1);
        let mut bursts: Vec<_> =
            (0..100).map(|minute| taken(&mut bucket, minute * 60_000, 1000)).collect();
        bursts.sort_unstable();
        bursts.dedup();
        assert!(bursts.len() > 10, "{bursts:?}");
    }

    #[test]
    fn what_is_paid_is_exact() {
        let mut bucket = TokenBucket::new(1000, 100, 3);
        let now = Instant::from_millis;
        bucket.pay(now(0), 99);
        assert!(bucket.has_token(now(0)));
        bucket.pay(now(0), 1);
        assert!(!bucket.has_token(now(0)) && bucket.has_token(now(1)));
        // One token is enough to begin with; the others are missing then.
        bucket.pay(now(1), 500);
        assert!(!bucket.has_token(now(500)) && bucket.has_token(now(501)));
    }

    #[test]
    fn no_rate_or_no_burst_is_nothing() {
        assert_eq!(taken(&mut TokenBucket::new(0, 50, 1), 1000, 100), 0);
        assert_eq!(taken(&mut TokenBucket::new(100, 0, 1), 1000, 100), 0);
    }

    #[test]
    fn the_end_of_time_does_no_harm() {
        let mut bucket = TokenBucket::new(1, u32::MAX, 1);
        for _ in 0..10 {
            assert!(bucket.take(Instant::from_nanos(u64::MAX)));
        }
        bucket.pay(Instant::from_nanos(u64::MAX), u32::MAX);
    }
}
