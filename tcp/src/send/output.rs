//! What is sent next.

use core::time::Duration;

use layer::Instant;

use super::{Sender, ToSend, micros, recovery::Phase, timers::Kind};
use crate::Seq;

impl<'p> Sender<'p> {
    /// What is to be sent now: lost data first, then new data, as far as the windows allow. `most` is how many bytes of
    /// data it may have: a segment, or more, which is cut below into segments of [`ToSend::segment_size`]. `room` is how
    /// many packets the interface takes, and each of these segments is one. What is returned counts as sent. It is asked
    /// until it returns `None`: after each acknowledgment, each deadline, and when there is something new to send or more
    /// room.
    pub(crate) fn next_segment(
        &mut self,
        now: Instant,
        most: usize,
        room: usize,
    ) -> Option<ToSend<'_>> {
        if self.mss == 0 {
            return None;
        }
        let fits = u32::try_from(room).unwrap_or(u32::MAX).saturating_mul(self.mss);
        let most = u32::try_from(most).unwrap_or(u32::MAX).min(fits).max(self.mss);
        let most = most.min(self.most_at_once());
        let most = most - most % self.mss;
        self.do_not_wait();
        let (start, end) = match room {
            0 => None,
            _ => self.probe_range().or_else(|| {
                let range = self.lost_range(most).or_else(|| self.new_range(now, most));
                range.filter(|_| !self.has_to_wait(now))
            }),
        }
        .or_else(|| {
            self.update_timer(now);
            None
        })?;
        self.record(now, start, end);
        let data_end = end.min(self.buffer_end());
        let data = self.buffer.slices(start - self.una, data_end - start);
        Some(ToSend {
            seq: start,
            data,
            fin: end != data_end,
            push: data_end == self.buffer_end(),
            segment_size: self.mss,
        })
    }

    /// The lost data that may be sent again now.
    fn lost_range(&mut self, most: u32) -> Option<(Seq, Seq)> {
        let (start, end) = self.scoreboard.first_lost(self.una)?;
        let in_flight = self.in_flight();
        let allowed = self.congestion.window.saturating_sub(in_flight);
        let length = (end - start).min(most);
        // The first segment is sent again even if the peer took its window back (RFC 9293 3.8.6).
        let edge = (self.una + self.window.max(self.mss)).distance(start).max(0) as u32;
        let length = length.min(edge);
        if length == 0 {
            return None;
        }
        if allowed < length.min(self.mss) && in_flight > 0 {
            self.limited = self.next;
            return None;
        }
        let mut length = length.min(allowed.max(self.mss));
        if length > self.mss {
            length -= length % self.mss;
        } else if length < self.mss && start + length == self.next {
            // What follows fills the segment: after small segments, and after a probe of a closed window.
            let unsent = self.unsent() as u32;
            let usable = (self.una + self.window).distance(self.next).max(0) as u32;
            let more = unsent.min(usable).min(self.mss - length);
            let fin = self.finished && more == unsent && usable > more && self.has_unsent();
            length += more + u32::from(fin);
        }
        Some((start, start + length))
    }

    /// The new data that may be sent now.
    fn new_range(&mut self, now: Instant, most: u32) -> Option<(Seq, Seq)> {
        if !self.has_unsent() {
            return None;
        }
        if self.outstanding() == 0 {
            let millis = |time: Duration| time.as_millis().min(u32::MAX.into()) as u32;
            let (idle, timeout) = (millis(now.since(self.sent_at)), millis(self.rtt.timeout()));
            self.congestion.idle(idle, timeout, self.mss);
        }
        let unsent = self.unsent() as u32;
        let usable = (self.una + self.window).distance(self.next).max(0) as u32;
        let mut length = unsent.min(usable).min(most);
        let mut fin = self.finished && length == unsent && usable > length;
        if self.timers.window_probe && self.outstanding() == 0 {
            // RFC 9293 3.8.6.1, and RFC 1122 4.2.3.4 (4) if the window is small.
            self.timers.window_probe = false;
            length = unsent.min(usable.clamp(1, self.mss));
            let end = self.next + length;
            return Some((self.next, if length == 0 { end + 1 } else { end }));
        }

        let in_flight = self.in_flight();
        let allowed = self.congestion.window.saturating_sub(in_flight);
        if allowed < length.clamp(1, self.mss) && in_flight > 0 {
            self.limited = self.next;
            return None;
        }
        if allowed < length {
            (length, fin) = (allowed.max(self.mss).min(length), false);
        }
        if length < unsent {
            // Only full segments, but for a window that never was larger than two (RFC 1122 4.2.3.4 (3)).
            if length >= self.mss {
                length -= length % self.mss;
            } else if length == 0
                || self.outstanding() > 0
                || length < self.largest_window.div_ceil(2)
            {
                return None;
            }
        } else if !fin && !self.nodelay && self.small.is_after(self.una) {
            // A small segment waits while one is unacknowledged.
            length -= length % self.mss;
        }
        if length == 0 && !fin {
            return None;
        }
        Some((self.next, self.next + length + u32::from(fin)))
    }

    /// What is from `start` to `end` is sent.
    fn record(&mut self, now: Instant, start: Seq, end: Seq) {
        let time = micros(now);
        if self.timers.kind == Kind::None {
            self.timers.progress(now);
        }
        if start.is_before(self.next) {
            self.next = self.next.max(end);
            // What a probe sends again is not known to be lost.
            if self.scoreboard.first_lost(self.una).is_some_and(|(lost, _)| lost == start) {
                self.scoreboard.resent(self.buffer.slabs(), end, time, self.next);
            }
            self.count_resent(time, start, end);
            if start == self.una && self.timers.kind == Kind::Retransmit {
                self.restart_timer(now);
            }
        } else {
            let data_end = end.min(self.buffer_end());
            if !(data_end - start).is_multiple_of(self.mss) {
                self.small = data_end;
            }
            if self.timed.is_none() {
                self.timed = Some((end, time));
            }
            self.next = end;
            // RFC 6298 5.1
            if self.timers.kind == Kind::None {
                self.restart_timer(now);
            }
        }
        if self.recovery.phase == Phase::Recovery {
            self.recovery.sent(end - start);
        }
        self.sent_at = now;
        self.pace_sent(now, end - start);
        self.restart_probe(now);
    }
}

impl Sender<'_> {
    fn count_resent(&mut self, time: u32, start: Seq, end: Seq) {
        let bytes = end - start;
        self.retransmitted += u64::from(bytes);
        self.maybe_needless = self.maybe_needless.saturating_add(bytes);
        self.undo.resent(time, start, end);
        // Karn: what was sent twice is not timed (RFC 6298 3). Without SACK, it is not known when what follows arrives.
        if let Some((timed, _)) = self.timed
            && timed.is_after(start)
            && !(self.has_sack && timed.is_after(end))
        {
            self.timed = None;
        }
    }
}
