//! What happens when nothing arrives: retransmission (RFC 6298 5), probes of a closed window (RFC 9293 3.8.6.1), the end
//! of a connection whose peer is gone.

use core::time::Duration;

use layer::Instant;

use super::{Sender, Timeout, pace::Pace, recovery::Phase, scoreboard::Delivered};

/// How many retransmissions or probes in a row remain without an answer: R2 (RFC 9293 3.8.3), 15 minutes and more.
const MOST_EXPIRED: u8 = 15;

/// What the timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It does not run.
    None,
    /// Data is in flight.
    Retransmit,
    /// The window is closed, or too small, and nothing but a probe is in flight.
    Persist,
}

/// A moment, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Alarm(Instant);

impl Alarm {
    pub(super) const NONE: Self = Self(Instant::from_nanos(u64::MAX));

    pub(super) fn at(at: Instant) -> Self {
        Self(at)
    }

    fn is_due(self, now: Instant) -> bool {
        self.0 <= now
    }
}

#[derive(Debug)]
pub(super) struct Timers {
    at: Alarm,
    /// When data that is late counts as lost.
    pub(super) reordering: Alarm,
    /// When a tail loss probe is due.
    pub(super) probe: Alarm,
    /// Since when there was no progress.
    since: Instant,
    /// In milliseconds; 0: none.
    user_timeout: u32,
    /// How many times in a row it expired, and how many of those were for full-sized segments.
    expired: u8,
    full_sized: u8,
    pub(super) kind: Kind,
    /// A probe of the window is to be sent.
    pub(super) window_probe: bool,
}

impl Timers {
    pub(super) fn new() -> Self {
        Self {
            at: Alarm::NONE,
            reordering: Alarm::NONE,
            probe: Alarm::NONE,
            since: Instant::ZERO,
            user_timeout: 0,
            expired: 0,
            full_sized: 0,
            kind: Kind::None,
            window_probe: false,
        }
    }

    pub(super) fn set_user_timeout(&mut self, timeout: Option<Duration>) {
        let millis = |timeout: Duration| u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
        self.user_timeout = timeout.map_or(0, |timeout| millis(timeout).max(1));
    }

    /// When the connection ends without progress, if that is bounded by time.
    fn end(&self) -> Alarm {
        match self.user_timeout {
            0 => Alarm::NONE,
            millis => Alarm::at(self.since + Duration::from_millis(millis.into())),
        }
    }

    pub(super) fn expired(&self) -> u32 {
        self.expired.into()
    }

    pub(super) fn stop(&mut self) {
        (self.at, self.probe) = (Alarm::NONE, Alarm::NONE);
        (self.kind, self.window_probe) = (Kind::None, false);
    }

    /// The peer took data, or answered a probe.
    pub(super) fn progress(&mut self, now: Instant) {
        (self.expired, self.full_sized, self.since) = (0, 0, now);
    }
}

impl Sender<'_> {
    /// When [`on_deadline`](Self::on_deadline) has work to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let first = self.timers.at.min(self.timers.reordering).min(self.timers.probe);
        let first = (first != Alarm::NONE).then_some(first.0);
        first.into_iter().chain(self.waits_until()).min()
    }

    /// Does what is due. [`next_segment`](Self::next_segment) is asked next.
    pub(crate) fn on_deadline(&mut self, now: Instant) -> Timeout {
        if self.timers.reordering.is_due(now) {
            let sacked = self.scoreboard.sacked();
            let lost = self.find_losses(now);
            if lost > 0 && self.recovery.phase == Phase::Open {
                self.begin_recovery(sacked, Delivered::default());
                // The first segment is sent again at once (RFC 9937 6.2).
                self.congestion.window = self.in_flight() + self.mss;
            }
            self.restart_probe(now);
        }
        if !self.timers.at.is_due(now) {
            if self.timers.probe.is_due(now) {
                self.probe_now(now);
            }
            return Timeout::None;
        }
        self.timers.probe = Alarm::NONE;
        let given_up = match self.timers.end() {
            Alarm::NONE => self.timers.expired >= MOST_EXPIRED,
            end => end.is_due(now),
        };
        if given_up {
            self.timers.stop();
            return Timeout::GiveUp;
        }
        self.timers.expired = self.timers.expired.saturating_add(1);
        // RFC 6298 5.5
        self.rtt.back_off();
        match self.timers.kind {
            Kind::Persist if self.outstanding() == 0 => self.timers.window_probe = true,
            Kind::Persist => self.lose_all(false),
            _ => self.expire(),
        }
        self.start(now, self.timers.kind);
        Timeout::None
    }

    /// The retransmission timer expired.
    fn expire(&mut self) {
        if self.outstanding() >= self.mss {
            self.timers.full_sized = self.timers.full_sized.saturating_add(1);
        }
        if self.window > 0 {
            // What was reduced for a loss is not reduced again because what was sent again was lost too.
            if !self.recovery.is_active() {
                self.prepare_undo();
                self.congestion.reduce(self.in_flight(), self.mss);
            }
            self.congestion.collapse(self.mss);
        }
        (self.recovery.phase, self.recovery.point) = (Phase::Loss, self.next);
        self.forget_probe();
        // RFC 2018 8: a peer that drops what it had is not asked for it for ever.
        let forget = self.timers.expired > 1 || self.scoreboard.is_reneged();
        self.lose_all(forget);
    }

    /// All that is in flight counts as lost.
    pub(super) fn lose_all(&mut self, forget: bool) {
        self.recovery.forget_duplicates();
        self.timers.reordering = Alarm::NONE;
        self.timed = None;
        self.scoreboard.lose_all(self.buffer.slabs(), self.una, self.next, forget);
    }

    /// The timer begins anew (RFC 6298 5.2, 5.3).
    pub(super) fn restart_timer(&mut self, now: Instant) {
        if self.outstanding() == 0 {
            self.timers.stop();
        } else {
            self.start(now, Kind::Retransmit);
            self.restart_probe(now);
        }
    }

    pub(super) fn start(&mut self, now: Instant, kind: Kind) {
        self.timers.kind = kind;
        self.timers.at = Alarm::at(now + self.rtt.timeout()).min(self.timers.end());
    }

    /// Nothing can be sent now: if nothing is in flight either, it is the window, and the timer for probes runs.
    pub(super) fn update_timer(&mut self, now: Instant) {
        let stuck = self.mss > 0 && self.outstanding() == 0 && self.has_unsent();
        if stuck && self.timers.kind == Kind::None {
            self.timers.progress(now);
            self.start(now, Kind::Persist);
        }
    }

    /// Whether full-sized segments seem to be dropped on the path (RFC 4821 7.7): two timeouts in a row.
    pub(crate) fn black_hole_suspected(&self) -> bool {
        self.timers.full_sized >= 2
    }

    /// The path takes segments of `mss` bytes only, or takes larger ones now. What is in flight is sent again if it does
    /// not fit.
    pub(crate) fn set_mss(&mut self, mss: u32) {
        let (mss, old) = (mss.max(super::MIN_MSS), self.mss);
        if old == 0 || mss == old {
            return;
        }
        self.mss = mss;
        self.timers.full_sized = 0;
        self.congestion.window = self.congestion.window.max(mss);
        if mss < old && self.outstanding() > mss {
            // Not a sign of congestion, but nothing of it is in flight, so it is not sent at once.
            self.lose_all(false);
            self.pace = Pace::new();
            (self.recovery.phase, self.recovery.point) = (Phase::Loss, self.next);
            self.congestion.idle(1, 0, mss);
        }
    }
}
