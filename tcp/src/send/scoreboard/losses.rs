//! What is lost, and what of it was sent again.

use rt_regions::Slabs;

use super::{
    Scoreboard,
    spans::{Span, State},
};
use crate::Seq;

/// What a look for lost data found.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::send) struct Losses {
    /// The bytes that count as lost now, and did not before.
    pub(in crate::send) bytes: u32,
    /// After how many microseconds more will, if they do not arrive.
    pub(in crate::send) wait: Option<u32>,
}

impl<'p> Scoreboard<'p> {
    /// Looks for lost data: what was passed at least `window` microseconds ago (RFC 8985 6.2). `window` is how long
    /// data may be late because it was reordered.
    pub(in crate::send) fn detect(&mut self, una: Seq, now: u32, window: u32) -> Losses {
        let mut losses = Losses::default();
        let mut found = false;
        for span in self.spans.as_slice() {
            match span.state {
                State::Resent => found |= self.is_passed(span),
                State::Passed | State::ResentPassed => {
                    let age = now.wrapping_sub(span.at);
                    found |= age >= window;
                    let wait = window.saturating_sub(age);
                    losses.wait = Some(losses.wait.map_or(wait, |other| other.min(wait)));
                }
                State::Sacked | State::Lost | State::LostAgain => {}
            }
        }
        if found { self.note_losses(una, now, window) } else { losses }
    }

    /// Whether something that was sent after this arrived, which was sent again.
    fn is_passed(&self, span: &Span) -> bool {
        self.newest.is_after(span.next) || self.newest_order.wrapping_sub(span.order) as i32 > 0
    }

    /// Notes what was passed, and what of that is lost.
    fn note_losses(&mut self, una: Seq, now: u32, window: u32) -> Losses {
        let mut losses = Losses::default();
        let (mut kept, mut start) = (0, una);
        for index in 0..self.spans.len() {
            let mut span = self.spans.as_slice()[index];
            if span.state == State::Resent && self.is_passed(&span) {
                (span.state, span.at) = (State::ResentPassed, now);
            }
            if let State::Passed | State::ResentPassed = span.state {
                let age = now.wrapping_sub(span.at);
                if age >= window {
                    span.state = match span.state {
                        State::Passed => State::Lost,
                        _ => State::LostAgain,
                    };
                    losses.bytes += span.end - start;
                    self.lost_from = self.lost_from.min(start);
                } else {
                    let wait = window - age;
                    losses.wait = Some(losses.wait.map_or(wait, |other| other.min(wait)));
                }
            }
            start = span.end;
            let lost = matches!(span.state, State::Lost | State::LostAgain);
            kept += usize::from(!self.spans.put(kept, span, lost));
        }
        self.lost += losses.bytes;
        self.spans.truncate(kept);
        losses
    }

    /// Everything in flight that the peer is not known to have counts as lost (RFC 6675 5.1). With `forget`, the peer
    /// is not believed to have anything that it did not acknowledge (RFC 2018 8).
    pub(in crate::send) fn lose_all(
        &mut self,
        slabs: &'p Slabs<'p>,
        una: Seq,
        next: Seq,
        forget: bool,
    ) {
        if forget {
            self.spans.truncate(0);
            self.sacked = 0;
        }
        let (mut kept, mut start) = (0, una);
        self.lost = 0;
        self.lost_from = una;
        if self.is_empty() {
            (self.newest, self.newest_order) = (una, self.orders);
        }
        let covered = self.end(una);
        for index in 0..self.spans.len() {
            let mut span = self.spans.as_slice()[index];
            if span.state != State::Sacked {
                span.state = match span.state {
                    State::Passed | State::Lost => State::Lost,
                    _ => State::LostAgain,
                };
                self.lost += span.end - start;
            }
            start = span.end;
            kept += usize::from(!self.spans.put(kept, span, true));
        }
        self.spans.truncate(kept);
        if next.is_after(covered) {
            self.lose_tail(slabs, covered, next);
        }
    }

    /// What was sent again and has not arrived is lost again. Returns how many bytes that are.
    pub(in crate::send) fn lose_resent(&mut self, una: Seq) -> u32 {
        let (mut start, mut bytes) = (una, 0);
        for span in self.spans.as_mut_slice() {
            if let State::Resent | State::ResentPassed = span.state {
                span.state = State::LostAgain;
                bytes += span.end - start;
            }
            start = span.end;
        }
        if bytes > 0 {
            self.lost += bytes;
            self.lost_from = una;
        }
        bytes
    }

    /// What counts as lost and was not sent again is only late.
    pub(in crate::send) fn unlose(&mut self, now: u32) {
        for span in self.spans.as_mut_slice() {
            match span.state {
                State::Lost => (span.state, span.at) = (State::Passed, now),
                State::LostAgain => (span.state, span.at) = (State::ResentPassed, now),
                _ => {}
            }
        }
        self.lost = 0;
    }

    /// What is between the spans and SND.NXT is lost.
    fn lose_tail(&mut self, slabs: &'p Slabs<'p>, covered: Seq, next: Seq) {
        self.lost += next - covered;
        let len = self.spans.len();
        if self.spans.as_slice().last().is_none_or(|last| last.state != State::Lost) {
            let span = Span { end: next, state: State::Lost, ..Span::default() };
            if self.spans.splice(slabs, len..len, &[span]) {
                return;
            }
        }
        // Either the last span is lost too, or there is no room: then it is not believed to have arrived.
        let start = self.start(covered, len.saturating_sub(1));
        if let Some(last) = self.spans.as_mut_slice().last_mut() {
            if last.state == State::Sacked {
                self.sacked -= last.end - start;
                self.lost += last.end - start;
            }
            (last.state, last.end) = (State::Lost, next);
            self.lost_from = self.lost_from.min(start);
        }
    }

    /// The first `length` bytes count as lost, though no later data is known to have arrived: what is done without
    /// SACK.
    pub(in crate::send) fn lose_front(
        &mut self,
        slabs: &'p Slabs<'p>,
        una: Seq,
        length: u32,
    ) -> u32 {
        let end = una + length;
        match self.spans.as_slice().first().copied() {
            None => {
                (self.newest, self.newest_order) = (una, self.orders);
                let span = Span { end, state: State::Lost, ..Span::default() };
                self.spans.splice(slabs, 0..0, &[span]);
            }
            Some(first) => {
                let state = match first.state {
                    State::Passed => State::Lost,
                    State::Resent | State::ResentPassed => State::LostAgain,
                    State::Sacked | State::Lost | State::LostAgain => return 0,
                };
                let end = end.min(first.end);
                let new = [Span { end, state, ..first }, first];
                let count = 1 + usize::from(end.is_before(first.end));
                if !self.spans.splice(slabs, 0..1, &new[..count]) {
                    self.spans.as_mut_slice()[0].state = state;
                }
            }
        }
        let end = self.spans.as_slice()[0].end;
        self.lost += end - una;
        self.lost_from = una;
        end - una
    }

    /// Where the first lost data is.
    pub(in crate::send) fn first_lost(&mut self, una: Seq) -> Option<(Seq, Seq)> {
        if self.lost == 0 {
            return None;
        }
        let mut index = self.find(self.lost_from.max(una));
        loop {
            let span = *self.spans.as_slice().get(index)?;
            if let State::Lost | State::LostAgain = span.state {
                self.lost_from = self.start(una, index);
                return Some((self.lost_from, span.end));
            }
            index += 1;
        }
    }

    /// The first lost data was sent again, as far as `end`, which is after it if new data followed in the same segment.
    /// SND.NXT is `next`.
    pub(in crate::send) fn resent(&mut self, slabs: &'p Slabs<'p>, end: Seq, now: u32, next: Seq) {
        let index = self.find(self.lost_from);
        let Some(&span) = self.spans.as_slice().get(index) else { return };
        self.orders = self.orders.wrapping_add(1);
        let mut resent = Span { end, state: State::Resent, at: now, order: self.orders, next };
        let start = self.lost_from;
        if !end.is_before(span.end) {
            self.spans.as_mut_slice()[index] = resent;
        } else if !self.spans.splice(slabs, index..index + 1, &[resent, span]) {
            // Without memory it is joined to what was sent again before it, or to the rest, which waits for its turn
            // as if it had been sent too.
            match index.checked_sub(1).map(|before| &mut self.spans.as_mut_slice()[before]) {
                Some(before) if before.state == State::Resent => *before = resent,
                _ => {
                    resent.end = span.end;
                    self.spans.as_mut_slice()[index] = resent;
                }
            }
        }
        self.lost -= resent.end.min(span.end) - start;
        self.lost_from = resent.end;
    }
}
