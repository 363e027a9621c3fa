//! Pacing: what the congestion window allows is not sent in one burst, which a short queue on the path would drop.
//!
//! Acknowledgments pace a sender by themselves, but for the first flights, what follows a pause, and acknowledgments that
//! come together or stand for many segments.

use core::time::Duration;

use layer::Instant;

use super::Sender;

/// Below this round-trip time nothing is paced, in microseconds: timers are too coarse for it.
const LEAST_RTT: u32 = 2000;

/// How fast it goes, in tenths of a window in each round trip: in slow start the window doubles in that time.
const FACTOR_SLOW_START: u64 = 20;
const FACTOR: u64 = 12;

/// How many segments in flight are not paced: the initial window.
const FREE_SEGMENTS: u32 = 10;

/// How much goes at once beyond: this many segments, or as much as goes in this time, in microseconds. A timer may be as
/// late.
const SEGMENTS: u32 = 2;
const TIME: u64 = 1000;

#[derive(Debug)]
pub(super) struct Pace {
    /// What was sent until now would have taken until then.
    until: Instant,
    /// Something waits for its time.
    waits: bool,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self { until: Instant::ZERO, waits: false }
    }
}

impl Sender<'_> {
    /// How many bytes go in a second, if they are paced.
    fn pace(&self) -> Option<u64> {
        let rtt = self.rtt.smoothed().filter(|&rtt| rtt >= LEAST_RTT)?;
        let factor = if self.congestion.in_slow_start() { FACTOR_SLOW_START } else { FACTOR };
        Some((u64::from(self.congestion.window) * factor * 100_000 / u64::from(rtt)).max(1))
    }

    /// How many bytes may go at once.
    pub(super) fn most_at_once(&self) -> u32 {
        self.pace().map_or(u32::MAX, |rate| {
            let bytes = u32::try_from(rate * TIME / 1_000_000).unwrap_or(u32::MAX);
            let free = (FREE_SEGMENTS * self.mss).saturating_sub(self.outstanding());
            bytes.max(SEGMENTS * self.mss).max(free)
        })
    }

    /// Whether what could be sent has to wait.
    pub(super) fn has_to_wait(&mut self, now: Instant) -> bool {
        self.pace.waits = now < self.pace.until && self.outstanding() > 0;
        self.pace.waits
    }

    /// Nothing waits, as far as is known.
    pub(super) fn do_not_wait(&mut self) {
        self.pace.waits = false;
    }

    /// When what waits may be sent.
    pub(super) fn waits_until(&self) -> Option<Instant> {
        self.pace.waits.then_some(self.pace.until)
    }

    /// So many bytes were sent.
    pub(super) fn pace_sent(&mut self, now: Instant, bytes: u32) {
        let Some(rate) = self.pace() else { return };
        let time = |bytes: u32| u64::from(bytes) * 1_000_000_000 / rate;
        let free = FREE_SEGMENTS * self.mss;
        let credit = match self.outstanding() <= free {
            true => time(free),
            false => time(SEGMENTS * self.mss).max(TIME * 1000),
        };
        let earliest = Instant::from_nanos(now.as_nanos().saturating_sub(credit));
        // A flight begins anew with its first segment.
        let until = if self.outstanding() == bytes { earliest } else { self.pace.until };
        self.pace.until = until.max(earliest) + Duration::from_nanos(time(bytes));
    }
}
