//! The round-trip time and the retransmission timeout (RFC 6298).

use core::time::Duration;

/// The least retransmission timeout beyond the smoothed round-trip time. RFC 6298 2.4 asks for 1 s, and Linux has
/// 200 ms, as here: it is longer than the delay of an acknowledgment.
pub(crate) const MIN_RTO: Duration = Duration::from_millis(200);

/// The longest retransmission timeout (RFC 6298 2.5 asks for at least 60 s).
pub(crate) const MAX_RTO: Duration = Duration::from_secs(120);

/// The timeout before anything was measured (RFC 6298 2.1).
pub(crate) const INITIAL_RTO: Duration = Duration::from_secs(1);

/// How long the least round-trip time that was seen counts, in microseconds.
const MIN_RTT_AGE: u32 = 300_000_000;

/// The estimate of a round-trip time.
///
/// Times are microseconds in 32 bits, which last for 71 minutes; longer samples are cut to 120 s.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rtt {
    /// SRTT in eighths of a microsecond; 0: nothing was measured yet.
    smoothed: u32,
    /// RTTVAR in quarters of a microsecond.
    variation: u32,
    /// The least sample, and when it was taken.
    least: u32,
    least_at: u32,
    /// How many times the timeout was doubled since the last acknowledgment of new data.
    backoff: u8,
}

impl Rtt {
    /// Nothing is known yet.
    pub(crate) const fn new() -> Self {
        Self { smoothed: 0, variation: 0, least: u32::MAX, least_at: 0, backoff: 0 }
    }

    /// A sample, in microseconds, at `now`, in microseconds of any clock that wraps around.
    pub(crate) fn sample(&mut self, now: u32, rtt: u32) {
        let rtt = rtt.clamp(1, MAX_RTO.as_micros() as u32);
        if rtt <= self.least || now.wrapping_sub(self.least_at) > MIN_RTT_AGE {
            (self.least, self.least_at) = (rtt, now);
        }
        self.smooth(rtt);
    }

    /// A sample by the echo of a timestamp, whose clock has ticks of a millisecond: it says nothing of the least
    /// round-trip time.
    pub(crate) fn coarse_sample(&mut self, rtt: Duration) {
        let rtt = u32::try_from(rtt.as_micros()).unwrap_or(u32::MAX);
        self.smooth(rtt.clamp(1000, MAX_RTO.as_micros() as u32));
    }

    fn smooth(&mut self, rtt: u32) {
        self.backoff = 0;
        if self.smoothed == 0 {
            // 2.2
            self.smoothed = rtt << 3;
            self.variation = rtt << 1;
        } else {
            // 2.3: RTTVAR first, with the SRTT before the sample.
            let difference = (self.smoothed >> 3).abs_diff(rtt);
            self.variation = self.variation - (self.variation >> 2) + difference;
            self.smoothed = (self.smoothed - (self.smoothed >> 3) + rtt).max(1);
        }
    }

    /// The smoothed round-trip time in microseconds, if one was measured.
    pub(crate) fn smoothed(&self) -> Option<u32> {
        (self.smoothed > 0).then_some((self.smoothed >> 3).max(1))
    }

    /// The least round-trip time of the last minutes in microseconds, if one was measured.
    pub(crate) fn least(&self) -> Option<u32> {
        (self.least != u32::MAX).then_some(self.least)
    }

    /// The retransmission timeout, as often doubled as it expired (RFC 6298 2.3, 5.5).
    pub(crate) fn timeout(&self) -> Duration {
        let first = match self.smoothed() {
            None => INITIAL_RTO,
            Some(smoothed) => {
                Duration::from_micros(u64::from(smoothed))
                    + Duration::from_micros(u64::from(self.variation)).max(MIN_RTO)
            }
        };
        (first * (1 << self.backoff.min(16))).min(MAX_RTO)
    }

    /// Doubles the timeout (5.5).
    pub(crate) fn back_off(&mut self) {
        self.backoff = self.backoff.saturating_add(1);
    }

    /// The timeout is what was measured again. A sample does that too (5, last paragraph).
    pub(crate) fn reset_backoff(&mut self) {
        self.backoff = 0;
    }

    /// The SYN was lost, and nothing was measured: 3 s once data is sent (5.7).
    pub(crate) fn syn_was_lost(&mut self) {
        if self.smoothed == 0 {
            // SRTT 1 s, RTTVAR 500 ms.
            self.smoothed = 1_000_000 << 3;
            self.variation = 2_000_000;
        }
    }
}
