//! The times of the neighbour cache, which routers may change (RFC 4861 6.3.2).

use core::time::Duration;

use layer::{Instant, KeyedHash};

/// The most that a router may say of the time that a neighbour is held to be reachable (RFC 4861 6.2.1: an hour).
const MAX_REACHABLE_TIME: Duration = Duration::from_secs(3600);
/// The most that we believe of the time between two solicitations. RFC 4861 has no limit, but what a router says once must not stop
/// us from finding neighbours.
const MAX_RETRANS_TIMER: Duration = Duration::from_secs(60);

/// How long a neighbour is held to be reachable if routers say nothing (RFC 4861 10: `REACHABLE_TIME`).
const REACHABLE_TIME: Duration = Duration::from_secs(30);
/// The time between two solicitations (`RETRANS_TIMER`).
const RETRANS_TIMER: Duration = Duration::from_secs(1);
/// The least time between two solicitations that we believe, so that a router cannot make us send many.
const MIN_RETRANS_TIMER: Duration = Duration::from_millis(200);

/// How long a random factor is used, in nanoseconds: two hours ("every few hours", RFC 4861 6.3.4).
const EPOCH: u64 = 7200 * 1_000_000_000;

/// The times.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    /// The mean time.
    reachable: Duration,
    retransmit: Duration,
    /// Chooses the random factor of each epoch.
    keyed: KeyedHash,
}

impl Timing {
    pub(super) const fn new(secret: u128) -> Self {
        let keyed = KeyedHash::new(!secret);
        Self { reachable: REACHABLE_TIME, retransmit: RETRANS_TIMER, keyed }
    }

    /// Records what a router says. Zero says nothing.
    pub(crate) fn advertise(&mut self, reachable: Duration, retransmit: Duration) {
        if !reachable.is_zero() && reachable <= MAX_REACHABLE_TIME {
            self.reachable = reachable;
        }
        if !retransmit.is_zero() {
            self.retransmit = retransmit.clamp(MIN_RETRANS_TIMER, MAX_RETRANS_TIMER);
        }
    }

    pub(super) fn retransmit(&self) -> Duration {
        self.retransmit
    }

    /// How long a neighbour that has answered at `now` is reachable: the mean time, times a random factor between a half and three
    /// halves (RFC 4861 6.3.2).
    pub(super) fn reachable(&self, now: Instant) -> Duration {
        let factor = self.keyed.hash(now.as_nanos() / EPOCH) >> 32;
        // An hour has less than 2^32 microseconds.
        let micros = self.reachable.as_micros() as u64;
        Duration::from_micros(micros / 2 + ((micros * factor) >> 32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4861 6.3.2, 6.3.4.
    #[test]
    fn the_reachable_time_is_random_and_changes_every_few_hours() {
        let timing = Timing::new(7);
        let times: std::vec::Vec<_> =
            (0..100).map(|epoch| timing.reachable(Instant::from_nanos(epoch * EPOCH))).collect();
        assert!(times.iter().all(|time| (15..45).contains(&time.as_secs())), "{times:?}");
        let below = times.iter().filter(|time| time.as_secs() < 30).count();
        assert!((30..70).contains(&below), "{below}");
        assert_eq!(
            timing.reachable(Instant::ZERO),
            timing.reachable(Instant::from_millis(7_000_000))
        );
    }

    #[test]
    fn what_a_router_says_of_times_is_limited() {
        let mut timing = Timing::new(7);
        let day = Duration::from_secs(86_400);
        timing.advertise(day, day);
        assert_eq!((timing.reachable, timing.retransmit), (REACHABLE_TIME, MAX_RETRANS_TIMER));
        timing.advertise(Duration::ZERO, Duration::from_millis(1));
        assert_eq!((timing.reachable, timing.retransmit), (REACHABLE_TIME, MIN_RETRANS_TIMER));
        timing.advertise(MAX_REACHABLE_TIME, Duration::ZERO);
        assert_eq!(timing.reachable, MAX_REACHABLE_TIME);
        assert!(timing.reachable(Instant::ZERO) <= MAX_REACHABLE_TIME * 3 / 2);
    }
}
