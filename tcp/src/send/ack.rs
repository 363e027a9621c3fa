//! What an acknowledgment changes.

use core::time::Duration;

use layer::Instant;

use super::{
    Ack, Acked, Sender, micros, millis,
    recovery::Phase,
    scoreboard::Delivered,
    timers::{Alarm, Kind},
};
use crate::congestion::Growth;

/// How many duplicate acknowledgments mean a loss (RFC 5681 3.2).
const DUPLICATES: u8 = 3;

impl Sender<'_> {
    /// An acknowledgment, whose number is neither before SND.UNA nor after SND.NXT.
    /// [`next_segment`](Self::next_segment) is asked next.
    pub(crate) fn on_ack(&mut self, now: Instant, ack: &Ack<'_>) -> Acked {
        let (room, right) = (self.room(), self.una + self.window);
        let (time, new) = (micros(now), ack.ack - self.una);
        // What is acknowledged was sent when the congestion window left no room.
        let limited = self.limited.is_after(self.una);
        if new > self.outstanding() || self.mss == 0 {
            return Acked::default();
        }
        let same_window = ack.window == self.window;
        self.update_window(ack);

        let sacked_before = self.scoreboard.sacked() + self.recovery.duplicates();
        let mut found = Delivered::default();
        let mut acked = Acked::default();
        if new > 0 {
            found = self.advance(time, ack, &mut acked);
        }
        let mut duplicate = false;
        if self.has_sack {
            duplicate = self.read_duplicate(ack);
            self.read_sack(time, ack, &mut found);
            if found.bytes > 0 || duplicate {
                self.end_probe(duplicate);
            }
        } else if new == 0 && !ack.has_data && same_window && self.outstanding() > 0 {
            found.bytes += self.recovery.duplicate(self.mss, self.outstanding());
        }
        self.try_undo(time, ack, new, duplicate);
        self.recovery.reordering |= found.reordered;

        let phase = self.recovery.phase;
        if self.recovery.is_active() && !self.una.is_before(self.recovery.point) {
            self.leave_recovery();
        }
        self.judge(now, new, sacked_before, found);
        if self.recovery.phase == phase && limited {
            let bytes = match phase {
                Phase::Open => new,
                Phase::Loss => found.bytes.min(2 * self.mss),
                Phase::Recovery => 0,
            };
            self.congestion.delivered(&Growth {
                bytes,
                mss: self.mss,
                now: millis(now),
                rtt: self.rtt.smoothed().unwrap_or(0) / 1000,
                sample: ack.echo.map(|echo| echo.as_micros() as u32),
                una: self.una,
                next: self.next,
            });
        }

        if new > 0 {
            self.timers.progress(now);
            self.restart_timer(now);
            if self.outstanding() == 0 {
                self.recovery.forget_duplicates();
            }
        } else if found.bytes > 0 {
            self.restart_probe(now);
        }
        if new == 0 && (self.timers.kind == Kind::Persist || self.window == 0) {
            // RFC 9293 3.8.6.1: a peer that answers probes keeps its connection.
            self.timers.progress(now);
        }
        acked.window_opened = (self.una + self.window).is_after(right);
        if acked.window_opened && self.timers.kind == Kind::Persist {
            self.rtt.reset_backoff();
            self.timers.stop();
            // A probe that was not taken is sent again with what follows.
            if self.outstanding() > 0 {
                self.lose_all(false);
                self.restart_timer(now);
            }
        }
        acked.room_freed = self.room() > room;
        acked
    }

    /// SND.WND (RFC 9293 3.10.7.4). What acknowledges more was sent later, even if it has an older number, as data has that
    /// is sent again: the window counts from what it acknowledges.
    fn update_window(&mut self, ack: &Ack<'_>) {
        let newer = ack.ack.is_after(self.una)
            || self.window_seq.is_before(ack.seq)
            || self.window_seq == ack.seq && !ack.ack.is_before(self.window_ack);
        if newer {
            (self.window, self.window_seq, self.window_ack) = (ack.window, ack.seq, ack.ack);
            self.largest_window = self.largest_window.max(ack.window);
        }
    }

    /// SND.UNA moves on.
    fn advance(&mut self, time: u32, ack: &Ack<'_>, acked: &mut Acked) -> Delivered {
        let (new, least) = (ack.ack - self.una, self.rtt.least().unwrap_or(0));
        let mut found = if self.scoreboard.is_empty() {
            Delivered { bytes: new, ..Delivered::default() }
        } else {
            self.scoreboard.acked(self.una, ack.ack, time, least)
        };
        if !self.has_sack {
            found.bytes = self.recovery.acked(new, self.mss);
        }
        acked.bytes = new.min(self.buffer.len());
        acked.fin = new > self.buffer.len();
        self.fin_acked |= acked.fin;
        self.buffer.consume(acked.bytes);
        self.una = ack.ack;
        self.small = self.small.max(self.una);
        self.limited = self.limited.max(self.una);
        self.recovery.passed(self.una);
        self.undo.passed(self.una);
        match self.timed {
            Some((end, at)) if !end.is_after(self.una) => {
                // It may have waited for what was sent again.
                if !found.resent {
                    self.rtt.sample(time, time.wrapping_sub(at));
                }
                self.timed = None;
            }
            _ => {
                if let Some(echo) = ack.echo {
                    self.rtt.coarse_sample(echo);
                }
            }
        }
        found
    }

    /// The blocks of the option (RFC 2018 4). Those that say nothing new, and those that cannot be, are passed over.
    fn read_sack(&mut self, time: u32, ack: &Ack<'_>, found: &mut Delivered) {
        let least = self.rtt.least().unwrap_or(0);
        for &(start, end) in ack.sack.as_slice() {
            let possible = start.is_before(end)
                && !start.is_before(self.una)
                && !end.is_after(self.next)
                && start != self.una;
            if !possible {
                continue;
            }
            let slabs = self.buffer.slabs();
            self.scoreboard.sacked_block(slabs, self.una, (start, end), time, least, found);
            if let Some((timed, at)) = self.timed
                && start.is_before(timed)
                && !timed.is_after(end)
            {
                self.rtt.sample(time, time.wrapping_sub(at));
                self.timed = None;
            }
        }
    }

    /// Whether something is lost, and what follows.
    fn judge(&mut self, now: Instant, new: u32, sacked_before: u32, found: Delivered) {
        let mut lost = if found.bytes > 0 { self.find_losses(now) } else { 0 };
        if !self.has_sack {
            let first = self.recovery.phase == Phase::Open
                && self.recovery.duplicate_acks >= DUPLICATES
                // RFC 6582 3.2, step 1: not for what was sent twice before.
                && self.una.is_after(self.recovery.point);
            if first || self.recovery.phase == Phase::Recovery && new > 0 {
                let length = self.mss.min(self.outstanding());
                let slabs = self.buffer.slabs();
                lost += self.scoreboard.lose_front(slabs, self.una, length);
            }
        }
        let begins = self.recovery.phase == Phase::Open && self.scoreboard.lost() > 0;
        if begins {
            self.begin_recovery(sacked_before, found);
        }
        if self.recovery.phase == Phase::Recovery && (found.bytes > 0 || begins) {
            self.congestion.window = self.recovery.window(
                found.bytes,
                self.in_flight(),
                self.congestion.threshold,
                self.mss,
                new > 0 && lost == 0,
            );
        }
    }

    /// Looks for what is lost by the time. Returns how many bytes count as lost now, and did not before.
    pub(super) fn find_losses(&mut self, now: Instant) -> u32 {
        self.timers.reordering = Alarm::NONE;
        if self.scoreboard.is_empty() || !self.has_sack {
            return 0;
        }
        let losses = self.scoreboard.detect(self.una, micros(now), self.reordering_window());
        if let Some(wait) = losses.wait {
            self.timers.reordering = Alarm::at(now + Duration::from_micros(wait.into()));
        }
        losses.bytes
    }

    /// How long data may be late, in microseconds, before it counts as lost (RFC 8985 6.2, step 4).
    fn reordering_window(&self) -> u32 {
        let sure = self.recovery.is_active()
            || self.scoreboard.sacked() >= u32::from(DUPLICATES) * self.mss;
        match self.rtt.least() {
            Some(least) if self.recovery.reordering || !sure => {
                let window = (least / 4).saturating_mul(self.recovery.patience.into());
                window.min(self.rtt.smoothed().unwrap_or(0))
            }
            _ => 0,
        }
    }

    /// A loss was found. `sacked_before` bytes were known to have arrived before this acknowledgment.
    pub(super) fn begin_recovery(&mut self, sacked_before: u32, found: Delivered) {
        let flight = (self.outstanding() + found.bytes).saturating_sub(sacked_before);
        self.prepare_undo();
        self.congestion.reduce(flight, self.mss);
        self.recovery.begin(self.next, flight);
    }

    /// Everything is acknowledged that was in flight when recovery began.
    fn leave_recovery(&mut self) {
        if self.recovery.phase == Phase::Recovery {
            self.congestion.window = self.congestion.threshold.max(self.mss);
        }
        self.recovery.end();
    }
}
