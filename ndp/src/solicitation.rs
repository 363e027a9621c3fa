//! When routers are asked for (RFC 4861 6.3.7, RFC 7559 2): a value without input or output.

use core::time::Duration;

use layer::Instant;

use crate::{NEVER, random::Random};

/// The longest delay before the first solicitation (RFC 4861 10: `MAX_RTR_SOLICITATION_DELAY`).
const DELAY: Duration = Duration::from_secs(1);
/// The time between the first two solicitations (`RTR_SOLICITATION_INTERVAL`; RFC 7559: `IRT`). Each further one waits twice as long.
const INTERVAL: Duration = Duration::from_secs(4);
/// The longest time between two solicitations (RFC 7559: `MRT`).
const MAX_INTERVAL: Duration = Duration::from_secs(3600);
/// After so many solicitations without an answer there is no router (RFC 4861 10: `MAX_RTR_SOLICITATIONS`).
const MAX_SOLICITATIONS: u8 = 3;

/// The state of the search for routers.
#[derive(Debug)]
pub(crate) struct Solicitation {
    /// When the next solicitation is due.
    next: Instant,
    /// The time that is waited after the next solicitation.
    interval: Duration,
    /// Until then none is sent, whatever happens.
    not_before: Instant,
    /// How many were sent since a router answered.
    sent: u8,
    /// When it is over to wait for what a router says.
    over_at: Instant,
    is_over: bool,
}

impl Solicitation {
    pub(crate) const fn new() -> Self {
        Self {
            next: NEVER,
            interval: INTERVAL,
            not_before: Instant::ZERO,
            sent: 0,
            over_at: NEVER,
            is_over: false,
        }
    }

    /// Begins to ask at `now`: the detection of duplicates has waited for a random time already.
    pub(crate) fn start(&mut self, now: Instant) {
        self.next = now.max(self.not_before);
    }

    /// Begins to ask again, because the link is back. The pace stays as slow as it was, until a router answers.
    pub(crate) fn restart(&mut self, now: Instant, random: &mut Random) {
        self.next = (now + random.up_to(DELAY)).max(self.not_before);
    }

    /// Stops asking: a router has answered. What it says of addresses may come in more than one message.
    pub(crate) fn answered(&mut self, now: Instant) {
        let Self { not_before, is_over, .. } = *self;
        let over_at = if is_over { NEVER } else { self.over_at.min(now + INTERVAL) };
        *self = Self { not_before, over_at, is_over, ..Self::new() };
    }

    /// Whether a solicitation is to be sent at `now`.
    pub(crate) fn due(&mut self, now: Instant, random: &mut Random) -> bool {
        if self.over_at <= now {
            (self.is_over, self.over_at) = (true, NEVER);
        }
        if now < self.next {
            return false;
        }
        let interval = random.about(self.interval);
        self.sent = self.sent.saturating_add(1);
        self.next = now + interval;
        // An interval may be a tenth shorter than four seconds, but a router that answers must not bring more of them.
        self.not_before = now + interval.max(INTERVAL);
        self.interval = (self.interval * 2).min(MAX_INTERVAL);
        if self.sent == MAX_SOLICITATIONS {
            self.over_at = now + INTERVAL;
        }
        true
    }

    /// Whether there is nothing more to wait for: no router has answered, or one has, some seconds ago.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    /// When to call [`due`](Self::due), or [`NEVER`].
    pub(crate) fn next(&self) -> Instant {
        self.next.min(self.over_at)
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    /// The seconds between solicitations in `time`, nobody answering.
    fn gaps(solicitation: &mut Solicitation, begin: Instant, time: Duration) -> Vec<f64> {
        let (mut random, mut sent, mut now) = (Random::new(7), Vec::new(), begin);
        while now <= begin + time {
            if solicitation.due(now, &mut random) {
                sent.push(now);
            }
            now = solicitation.next();
        }
        sent.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect()
    }

    /// RFC 7559 2: from 4 seconds on each interval is twice the last, up to an hour, each give or take a tenth.
    #[test]
    fn who_gets_no_answer_asks_ever_more_rarely() {
        let (mut solicitation, begin) = (Solicitation::new(), Instant::from_millis(1));
        solicitation.start(begin);
        let gaps = gaps(&mut solicitation, begin, Duration::from_secs(5 * 3600));
        let mut expected = 4.0;
        for gap in &gaps {
            assert!((0.9..=1.1).contains(&(gap / expected)), "{gap} for {expected}: {gaps:?}");
            expected = f64::min(expected * 2.0, 3600.0);
        }
        assert!((11..=14).contains(&gaps.len()), "{gaps:?}");
        assert!(solicitation.is_over());
    }

    /// A link that goes down and up must not make the host send more.
    #[test]
    fn a_link_that_flaps_does_not_bring_more_solicitations() {
        let mut random = Random::new(7);
        let mut solicitation = Solicitation::new();
        let mut now = Instant::from_millis(1);
        solicitation.start(now);
        let mut sent = 0;
        for _ in 0..36_000 {
            solicitation.restart(now, &mut random);
            now += Duration::from_millis(100);
            sent += u32::from(solicitation.due(now, &mut random));
        }
        assert!((8..=11).contains(&sent), "{sent} in an hour");
        // Where a router answers each time, there are at least four seconds between them.
        sent = 0;
        for _ in 0..36_000 {
            solicitation.answered(now);
            solicitation.restart(now, &mut random);
            now += Duration::from_millis(100);
            sent += u32::from(solicitation.due(now, &mut random));
        }
        assert!(sent <= 901, "{sent} in an hour");
    }
}
