//! The round-trip time and the retransmission timeout (RFC 6298). Times are in microseconds.

use core::time::Duration;

/// The least retransmission timeout beyond the smoothed round-trip time. RFC 6298 2.4 asks for 1 s; Linux has 200 ms, as
/// here, which is longer than peers wait with an acknowledgment.
const MIN_RTO: u64 = 200_000;

/// The longest retransmission timeout (RFC 6298 2.5 asks for at least 60 s).
const MAX_RTO: u64 = 120_000_000;

/// The timeout before anything was measured (RFC 6298 2.1).
const INITIAL_RTO: u64 = 1_000_000;

/// How long the least round-trip time that was seen counts.
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

    /// A sample at `now`, by any clock that wraps around.
    pub(crate) fn sample(&mut self, now: u32, rtt: u32) {
        let rtt = rtt.clamp(1, MAX_RTO as u32);
        if rtt <= self.least || now.wrapping_sub(self.least_at) > MIN_RTT_AGE {
            (self.least, self.least_at) = (rtt, now);
        }
        self.smooth(rtt);
    }

    /// A sample by the echo of a timestamp, whose clock has ticks of a millisecond: it says nothing of the least
    /// round-trip time.
    pub(crate) fn coarse_sample(&mut self, rtt: Duration) {
        let rtt = u32::try_from(rtt.as_micros()).unwrap_or(u32::MAX);
        self.smooth(rtt.clamp(1000, MAX_RTO as u32));
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
            Some(smoothed) => u64::from(smoothed) + u64::from(self.variation).max(MIN_RTO),
        };
        Duration::from_micros((first << self.backoff.min(16)).min(MAX_RTO))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn after(samples: &[u32]) -> Rtt {
        let mut rtt = Rtt::new();
        samples.iter().for_each(|&sample| rtt.sample(0, sample));
        rtt
    }

    /// RFC 6298 2.1: "Until a round-trip time (RTT) measurement has been made [...] the sender SHOULD set RTO <- 1 second".
    #[test]
    fn the_first_timeout_is_a_second() {
        assert_eq!(Rtt::new().timeout(), Duration::from_secs(1));
    }

    /// RFC 6298 2.2: "SRTT <- R, RTTVAR <- R/2, RTO <- SRTT + max (G, K*RTTVAR)", with K = 4.
    #[test]
    fn the_first_sample_counts_whole() {
        let rtt = after(&[400_000]);
        assert_eq!(rtt.smoothed(), Some(400_000));
        assert_eq!(rtt.timeout(), Duration::from_micros(400_000 + 4 * 200_000));
    }

    /// RFC 6298 2.3: "RTTVAR <- (1 - beta) * RTTVAR + beta * |SRTT - R'|, SRTT <- (1 - alpha) * SRTT + alpha * R'", with alpha
    /// = 1/8 and beta = 1/4.
    #[test]
    fn later_samples_count_for_an_eighth() {
        let rtt = after(&[400_000, 800_000]);
        // RTTVAR is 3/4 * 200,000 + 1/4 * 400,000.
        assert_eq!(rtt.smoothed(), Some(450_000));
        assert_eq!(rtt.timeout(), Duration::from_micros(450_000 + 4 * 250_000));
        let mut steady = after(&[400_000; 60]);
        assert_eq!(steady.smoothed(), Some(400_000));
        assert_eq!(steady.least(), Some(400_000));
        steady.sample(MIN_RTT_AGE + 1, 500_000);
        assert_eq!(steady.least(), Some(500_000));
    }

    /// RFC 6298 2.4, with 200 ms beyond the round-trip time instead of 1 s, and 2.5.
    #[test]
    fn the_timeout_is_bounded() {
        assert_eq!(after(&[100; 60]).timeout(), Duration::from_micros(200_100));
        assert_eq!(after(&[0; 9]).smoothed(), Some(1));
        assert_eq!(after(&[u32::MAX; 9]).timeout(), Duration::from_secs(120));
        let mut rtt = after(&[100_000]);
        let first = rtt.timeout();
        for _ in 0..1000 {
            let before = rtt.timeout();
            rtt.back_off();
            assert_eq!(rtt.timeout(), (before * 2).min(Duration::from_secs(120)));
        }
        // 5, at the end: a sample replaces what was doubled.
        rtt.sample(0, 100_000);
        assert!(rtt.timeout() <= first);
    }

    /// RFC 6298 5.7: "If the timer expires awaiting the ACK of a SYN segment [...], the RTO MUST be re-initialized to 3
    /// seconds when data transmission begins".
    #[test]
    fn a_lost_syn_makes_it_three_seconds() {
        let mut rtt = Rtt::new();
        rtt.syn_was_lost();
        assert_eq!(rtt.timeout(), Duration::from_secs(3));
        let mut measured = after(&[1000]);
        let before = measured.timeout();
        measured.syn_was_lost();
        assert_eq!(measured.timeout(), before);
    }

    #[test]
    fn ticks_of_a_timestamp_say_nothing_of_the_least_time() {
        let mut rtt = after(&[300]);
        rtt.coarse_sample(Duration::ZERO);
        assert_eq!(rtt.least(), Some(300));
        rtt.coarse_sample(Duration::MAX);
        assert!(rtt.timeout() <= Duration::from_secs(120));
    }
}
