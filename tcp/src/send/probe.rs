//! Tail loss probes (RFC 8985 7): when nothing arrives for two round trips, one segment is sent, so that the peer says what
//! it has, rather than that everything waits for the retransmission timer.

use core::time::Duration;

use layer::Instant;

use super::{
    Sender,
    recovery::Phase,
    timers::{Alarm, Kind},
};
use crate::Seq;

/// How long a peer may wait with the acknowledgment of a single segment, in microseconds: Linux waits for 40 ms.
const ACK_DELAY: u64 = 50_000;

/// How many probes are sent one after the other: RFC 8985 has one, and here each waits twice as long as the one before, as
/// the retransmission timer does.
const MOST: u8 = 3;

/// How late a machine may notice what arrived, in microseconds.
const SLACK: u64 = 1000;

#[derive(Debug)]
pub(super) struct Probe {
    /// It is to be sent.
    pub(super) pending: bool,
    /// How many were sent since something arrived.
    sent: u8,
    /// Whether one was data that had been sent before.
    resent: bool,
    /// Until when it matters: SND.NXT when the first was sent.
    end: Seq,
    waiting: bool,
}

impl Probe {
    pub(super) fn new() -> Self {
        Self { pending: false, sent: 0, resent: false, end: Seq(0), waiting: false }
    }
}

impl Sender<'_> {
    /// After how long without an answer a probe is sent (RFC 8985 7.2), if one may be.
    pub(super) fn probe_timeout(&self) -> Option<Duration> {
        let smoothed = u64::from(self.rtt.smoothed()?);
        let fits = self.has_sack
            && self.probe.sent < MOST
            && match self.recovery.phase {
                Phase::Open => self.scoreboard.is_empty(),
                // RFC 8985 leaves this to the retransmission timer; here, what was sent again and lost again is sent a
                // third time.
                Phase::Recovery => true,
                // While nothing arrives after a timeout, only the timer speaks.
                Phase::Loss => self.timers.expired() == 0,
            };
        let delay = if self.outstanding() > self.mss { 0 } else { ACK_DELAY };
        fits.then(|| Duration::from_micros((2 * smoothed + SLACK + delay) << self.probe.sent))
    }

    /// The retransmission timer expired: probes did not help.
    pub(super) fn forget_probe(&mut self) {
        self.probe = Probe::new();
    }

    /// Something was sent, or arrived: the time for a probe begins anew.
    pub(super) fn restart_probe(&mut self, now: Instant) {
        self.timers.probe = match self.timers.kind {
            Kind::Retransmit => {
                self.probe_timeout().map_or(Alarm::NONE, |timeout| Alarm::at(now + timeout))
            }
            _ => Alarm::NONE,
        };
    }

    /// The time for a probe has come.
    pub(super) fn probe_now(&mut self, now: Instant) {
        // What was sent again and not answered for two round trips is lost, whatever else is.
        if self.recovery.is_active() {
            self.scoreboard.lose_resent(self.una);
        }
        if self.scoreboard.lost() > 0 {
            self.congestion.window = self.congestion.window.max(self.in_flight() + self.mss);
        } else {
            self.probe.pending = true;
        }
        self.probe.sent += 1;
        self.start(now, Kind::Retransmit);
        self.restart_probe(now);
    }

    /// What the probe is (RFC 8985 7.3): new data if there is some, or else the last data in flight.
    pub(super) fn probe_range(&mut self) -> Option<(Seq, Seq)> {
        if !self.probe.pending {
            return None;
        }
        self.probe.pending = false;
        let covered = self.scoreboard.end(self.una);
        if self.outstanding() == 0 {
            return None;
        }
        let unsent = self.unsent() as u32;
        let usable = (self.una + self.window).distance(self.next).max(0) as u32;
        let length = unsent.min(self.mss);
        let range = if length > 0 && length <= usable {
            (self.next, self.next + length)
        } else if covered.is_before(self.next) {
            (covered + (self.next - covered).saturating_sub(self.mss), self.next)
        } else {
            return None;
        };
        if !self.probe.waiting {
            (self.probe.waiting, self.probe.end, self.probe.resent) = (true, range.1, false);
        }
        self.probe.resent |= range.0.is_before(self.next);
        Some(range)
    }

    /// `new` bytes were acknowledged, or the peer told of data that came twice (RFC 8985 7.4).
    pub(super) fn end_probe(&mut self, duplicate: bool) {
        self.probe.sent = 0;
        let Probe { waiting, end, resent, .. } = self.probe;
        if !waiting || self.una.is_before(end) {
            return;
        }
        self.probe.waiting = false;
        if resent && !duplicate && self.una.is_after(end) && self.recovery.phase == Phase::Open {
            // The probe filled in for what was lost, which has to count as a loss.
            self.congestion.reduce(self.outstanding(), self.mss);
            self.congestion.window = self.congestion.threshold;
        }
    }
}
