//! A short list, which lies in the connection while it has two entries and in a block of its own while it has more.

use core::ops::Range;

use rt_regions::{SlabBox, Slabs};

use crate::Seq;

/// What is known of a range of sequence numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) enum State {
    /// The peer has it, out of order (RFC 2018). It may still drop it, so it is kept.
    #[default]
    Sacked,
    /// It was sent once, and something that was sent later has arrived.
    Passed,
    /// It was sent once and counts as lost: to be sent again.
    Lost,
    /// It was sent more than once and counts as lost.
    LostAgain,
    /// It was sent again and is in flight.
    Resent,
    /// It was sent again, and something that was sent after that has arrived.
    ResentPassed,
}

/// A range of sequence numbers. It begins where the one before it ends.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    pub(super) end: Seq,
    pub(super) state: State,
    /// When it was sent again, or passed, in microseconds.
    pub(super) at: u32,
    /// Which retransmission it was, if it was sent again; they are counted.
    pub(super) order: u32,
    /// SND.NXT at that time: data from here on was sent later.
    pub(super) next: Seq,
}

/// How many spans lie in the list itself.
const INLINE: usize = 2;

/// How many bytes the blocks have: what size classes and runs of pages give.
const BLOCKS: [usize; 6] = [496, 2032, 4096, 8192, 16_384, 32_768];

/// The most spans there are.
#[cfg(test)]
pub(super) const MOST: usize = BLOCKS[BLOCKS.len() - 1] / size_of::<Span>();

/// Spans one after the other.
#[derive(Debug)]
pub(super) struct Spans<'p> {
    inline: [Span; INLINE],
    boxed: Option<SlabBox<'p, [Span]>>,
    head: u16,
    len: u16,
}

impl<'p> Spans<'p> {
    pub(super) fn new() -> Self {
        Self { inline: [Span::default(); INLINE], boxed: None, head: 0, len: 0 }
    }

    fn storage(&mut self) -> &mut [Span] {
        match &mut self.boxed {
            Some(boxed) => boxed,
            None => &mut self.inline,
        }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        usize::from(self.len)
    }

    #[inline]
    pub(super) fn as_slice(&self) -> &[Span] {
        let storage: &[Span] = self.boxed.as_deref().unwrap_or(&self.inline);
        &storage[usize::from(self.head)..][..usize::from(self.len)]
    }

    #[inline]
    pub(super) fn as_mut_slice(&mut self) -> &mut [Span] {
        let (head, len) = (usize::from(self.head), usize::from(self.len));
        &mut self.storage()[head..][..len]
    }

    /// Puts `span` at this place, which is not after its own; with `join`, it is joined to the one before if that is in the
    /// same state. Returns whether it was.
    pub(super) fn put(&mut self, place: usize, span: Span, join: bool) -> bool {
        let spans = self.as_mut_slice();
        if join
            && let Some(before) = place.checked_sub(1).map(|before| &mut spans[before])
            && before.state == span.state
        {
            before.end = span.end;
            return true;
        }
        spans[place] = span;
        false
    }

    /// Drops the first `count` spans. The block is given back with the last one.
    pub(super) fn drop_first(&mut self, count: usize) {
        self.head += count as u16;
        self.len -= count as u16;
        self.give_back_if_empty();
    }

    /// Keeps the first `count` spans.
    pub(super) fn truncate(&mut self, count: usize) {
        self.len = count as u16;
        self.give_back_if_empty();
    }

    fn give_back_if_empty(&mut self) {
        if self.len == 0 {
            (self.boxed, self.head) = (None, 0);
        }
    }

    /// Replaces the spans of `range` by those of `new`. Returns false, and does nothing, if there is no memory or there
    /// would be more than the largest block holds.
    pub(super) fn splice(
        &mut self,
        slabs: &'p Slabs<'p>,
        range: Range<usize>,
        new: &[Span],
    ) -> bool {
        let len = self.len() - range.len() + new.len();
        if !self.has_room(slabs, len) {
            return false;
        }
        let (head, old) = (usize::from(self.head), self.len());
        let storage = &mut self.storage()[head..];
        storage.copy_within(range.end..old, range.start + new.len());
        storage[range.start..range.start + new.len()].copy_from_slice(new);
        self.len = len as u16;
        self.give_back_if_empty();
        true
    }

    /// Makes room for `more` spans. Returns false if there is no memory or there would be more than the largest block holds.
    pub(super) fn reserve(&mut self, slabs: &'p Slabs<'p>, more: usize) -> bool {
        self.has_room(slabs, self.len() + more)
    }

    /// Makes room for `len` spans from the head on.
    fn has_room(&mut self, slabs: &'p Slabs<'p>, len: usize) -> bool {
        let (head, old) = (usize::from(self.head), self.len());
        let storage = self.storage();
        if head + len <= storage.len() {
            return true;
        }
        // Moving down pays if it is not for the next few only.
        if len <= storage.len() && (head >= storage.len() / 4 || storage.len() == INLINE) {
            storage.copy_within(head..head + old, 0);
            self.head = 0;
            return true;
        }
        let size = storage.len();
        for count in BLOCKS.map(|bytes| bytes / size_of::<Span>()) {
            if count >= len && count > size {
                let Ok(mut larger) = slabs.alloc_default::<Span>(count) else { break };
                larger[..old].copy_from_slice(self.as_slice());
                (self.boxed, self.head) = (Some(larger), 0);
                return true;
            }
        }
        let storage = self.storage();
        if len <= storage.len() {
            storage.copy_within(head..head + old, 0);
            self.head = 0;
            return true;
        }
        false
    }
}
