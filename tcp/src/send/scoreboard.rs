//! What is known of the data in flight: what the peer has, what is lost, what was sent again (RFC 6675 3, RFC 8985).
//!
//! The sequence numbers from SND.UNA to the highest one that anything is known of are covered by spans, one after the
//! other. What comes after them was sent once, and nothing that was sent later has arrived. Without loss there is no
//! span at all.
//!
//! What was sent first is found without a time for each segment: first transmissions are in the order of their numbers,
//! retransmissions are counted, and each notes how far the first transmissions had come.

mod losses;
mod spans;

use rt_regions::Slabs;

use self::spans::{Span, Spans, State};
use crate::Seq;

/// What an acknowledgment says of data in flight.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Delivered {
    /// The bytes that the peer has and was not known to have.
    pub(super) bytes: u32,
    /// The first transmission of data arrived after data that was sent later.
    pub(super) reordered: bool,
    /// Data that was sent again arrived.
    pub(super) resent: bool,
}

#[derive(Debug)]
pub(super) struct Scoreboard<'p> {
    spans: Spans<'p>,
    /// How many bytes are in spans that are sacked, and that are lost.
    sacked: u32,
    lost: u32,
    /// The spans before this number are not lost.
    lost_from: Seq,
    /// The number of retransmissions, and the latest of those that arrived.
    orders: u32,
    newest_order: u32,
    /// The end of the latest first transmission that arrived.
    newest: Seq,
}

impl<'p> Scoreboard<'p> {
    pub(super) fn new() -> Self {
        Self {
            spans: Spans::new(),
            sacked: 0,
            lost: 0,
            lost_from: Seq(0),
            orders: 0,
            newest_order: 0,
            newest: Seq(0),
        }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.spans.len() == 0
    }

    /// How many bytes the peer has out of order.
    #[inline]
    pub(super) fn sacked(&self) -> u32 {
        self.sacked
    }

    /// How many bytes are to be sent again.
    #[inline]
    pub(super) fn lost(&self) -> u32 {
        self.lost
    }

    /// Where the spans end.
    pub(super) fn end(&self, una: Seq) -> Seq {
        self.spans.as_slice().last().map_or(una, |span| span.end)
    }

    fn start(&self, una: Seq, index: usize) -> Seq {
        match index {
            0 => una,
            _ => self.spans.as_slice()[index - 1].end,
        }
    }

    /// The first span that ends after `seq`.
    fn find(&self, seq: Seq) -> usize {
        self.spans.as_slice().partition_point(|span| !span.end.is_after(seq))
    }

    /// A part of a span arrived.
    fn arrived(
        &mut self,
        span: Span,
        end: Seq,
        bytes: u32,
        now: u32,
        least: u32,
        found: &mut Delivered,
    ) {
        match span.state {
            State::Sacked => return,
            State::Passed => found.reordered = true,
            State::Lost => {
                found.reordered = true;
                self.lost -= bytes;
            }
            State::LostAgain => {
                found.resent = true;
                self.lost -= bytes;
            }
            // What comes sooner than ever is rather the first transmission.
            State::Resent if now.wrapping_sub(span.at) < least => {
                (found.resent, found.reordered) = (true, true);
            }
            State::Resent | State::ResentPassed => {
                found.resent = true;
                if span.order.wrapping_sub(self.newest_order) as i32 > 0 {
                    self.newest_order = span.order;
                }
            }
        }
        if matches!(span.state, State::Passed | State::Lost) {
            self.newest = self.newest.max(end);
        }
        found.bytes += bytes;
    }

    /// Everything below `ack` arrived; it was `una` before.
    pub(super) fn acked(&mut self, una: Seq, ack: Seq, now: u32, least: u32) -> Delivered {
        let mut found = Delivered::default();
        let (mut start, mut whole) = (una, 0);
        while start.is_before(ack) {
            let Some(&span) = self.spans.as_slice().get(whole) else { break };
            let end = span.end.min(ack);
            self.arrived(span, end, end - start, now, least, &mut found);
            if span.state == State::Sacked {
                self.sacked -= end - start;
            }
            whole += usize::from(end == span.end);
            start = end;
        }
        self.spans.drop_first(whole);
        if start.is_before(ack) {
            found.bytes += ack - start;
            self.newest = self.newest.max(ack);
        }
        self.lost_from = self.lost_from.max(ack);
        found
    }

    /// The peer has what is from `start` to `end`, which is in flight.
    pub(super) fn sacked_block(
        &mut self,
        slabs: &'p Slabs<'p>,
        una: Seq,
        (start, end): (Seq, Seq),
        now: u32,
        least: u32,
        found: &mut Delivered,
    ) {
        if self.is_empty() {
            (self.newest, self.lost_from, self.newest_order) = (una, una, self.orders);
        }
        let covered = self.end(una);
        if end.is_after(covered) {
            let fresh = start.max(covered);
            let passed = Span { end: fresh, state: State::Passed, at: now, ..Span::default() };
            let sacked = Span { end, state: State::Sacked, ..Span::default() };
            let len = self.spans.len();
            let done = if fresh.is_after(covered) {
                self.spans.splice(slabs, len..len, &[passed, sacked])
            } else if let Some(last) =
                self.spans.as_mut_slice().last_mut().filter(|last| last.state == State::Sacked)
            {
                last.end = end;
                true
            } else {
                self.spans.splice(slabs, len..len, &[sacked])
            };
            if !done {
                return;
            }
            self.sacked += end - fresh;
            found.bytes += end - fresh;
            self.newest = self.newest.max(end);
        }
        if start.is_before(covered) {
            self.sacked_inside(slabs, una, (start, end.min(covered)), now, least, found);
        }
    }

    /// A block that lies in the spans.
    fn sacked_inside(
        &mut self,
        slabs: &'p Slabs<'p>,
        una: Seq,
        (start, end): (Seq, Seq),
        now: u32,
        least: u32,
        found: &mut Delivered,
    ) {
        let first = self.find(start);
        let spans = self.spans.as_slice();
        if spans[first].state == State::Sacked && !end.is_after(spans[first].end) {
            return;
        }
        let mut last = first;
        while spans[last].end.is_before(end) {
            last += 1;
        }
        // What is left of the first and of the last span; the block grows into those that are sacked too.
        let mut new = [Span::default(); 3];
        let (mut count, mut range, mut block_end) = (0, first..last + 1, end);
        let first_start = self.start(una, first);
        if first_start.is_before(start) && spans[first].state != State::Sacked {
            new[count] = Span { end: start, ..spans[first] };
            count += 1;
        } else if first_start == start && first > 0 && spans[first - 1].state == State::Sacked {
            range.start -= 1;
        }
        let mut rest = None;
        if spans[last].state == State::Sacked {
            block_end = spans[last].end;
        } else if spans[last].end.is_after(end) {
            rest = Some(spans[last]);
        } else if let Some(after) = spans.get(last + 1).filter(|span| span.state == State::Sacked) {
            block_end = after.end;
            range.end += 1;
        }
        new[count] = Span { end: block_end, state: State::Sacked, ..Span::default() };
        count += 1;
        if let Some(rest) = rest {
            new[count] = rest;
            count += 1;
        }
        if !self.spans.reserve(slabs, count.saturating_sub(range.len())) {
            return;
        }
        let mut position = first_start.max(start);
        for index in first..=last {
            let span = self.spans.as_slice()[index];
            let part_end = span.end.min(end);
            if span.state != State::Sacked {
                self.sacked += part_end - position;
                self.arrived(span, part_end, part_end - position, now, least, found);
            }
            position = part_end;
        }
        self.spans.splice(slabs, range, &new[..count]);
    }

    /// Whether the peer dropped what it had out of order: the first data in flight was sacked (RFC 2018 8).
    pub(super) fn is_reneged(&self) -> bool {
        self.spans.as_slice().first().is_some_and(|first| first.state == State::Sacked)
    }

    #[cfg(test)]
    pub(super) fn check(&self, una: Seq, next: Seq) {
        let (mut start, mut sacked, mut lost) = (una, 0, 0);
        for span in self.spans.as_slice() {
            assert!(span.end.is_after(start) && !span.end.is_after(next));
            match span.state {
                State::Sacked => sacked += span.end - start,
                State::Lost | State::LostAgain => {
                    assert!(!start.is_before(self.lost_from), "it would be overlooked");
                    lost += span.end - start;
                }
                _ => {}
            }
            start = span.end;
        }
        assert_eq!((sacked, lost), (self.sacked, self.lost));
        assert!(self.spans.len() <= spans::MOST);
    }
}
