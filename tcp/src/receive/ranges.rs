//! What was received out of order: ranges of sequence numbers in a sorted list with a bound.

use rt_regions::{SlabBox, Slabs};

use super::work;
use crate::{MAX_SACK_BLOCKS, SackBlocks, Seq};

/// How many ranges there can be: 254, which fill the largest block of [`Slabs`], 2,032 bytes.
pub(super) const MAX_RANGES: usize = 2032 / size_of::<Range>();

const FIRST_RANGES: usize = 8;

/// From the first number to the one after the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Range {
    pub(super) start: Seq,
    pub(super) end: Seq,
}

/// Ranges that neither overlap nor touch, in ascending order. All of them are in one window, so they can be compared.
///
/// To find a place takes a binary search. To put a range there moves at most 2 KiB. A range that is passed over is
/// joined to another one, and so never passed over again. So the work for a segment is bounded, whatever came before.
pub(super) struct Ranges<'p> {
    /// The first `count` are ranges.
    list: Option<SlabBox<'p, [Range]>>,
    count: u16,
    /// How many of `recent` count.
    recent_count: u8,
    /// Numbers in the ranges that grew last, the latest first.
    recent: [Seq; MAX_SACK_BLOCKS],
}

impl<'p> Ranges<'p> {
    pub(super) const fn new() -> Self {
        Self { list: None, count: 0, recent_count: 0, recent: [Seq(0); MAX_SACK_BLOCKS] }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    #[inline]
    pub(super) fn as_slice(&self) -> &[Range] {
        let list = self.list.as_deref().unwrap_or_default();
        list.get(..usize::from(self.count)).unwrap_or_default()
    }

    /// The number after the last range.
    pub(super) fn end(&self) -> Option<Seq> {
        self.as_slice().last().map(|range| range.end)
    }

    /// The ranges that overlap `start..end` or touch it.
    fn touching(&self, start: Seq, end: Seq) -> core::ops::Range<usize> {
        let list = self.as_slice();
        let first = list.partition_point(|range| range.end.is_before(start));
        let after = |range: &&Range| !range.start.is_after(end);
        let touching = list[first..].iter().take_while(after).count();
        work::count(
            size_of::<Range>() * (touching + 1 + list.len().checked_ilog2().unwrap_or(0) as usize),
        );
        first..first + touching
    }

    /// Whether there is room for the range `start..end`: it touches another one, or the list has a place for it.
    pub(super) fn has_room_for(&mut self, slabs: &'p Slabs<'p>, start: Seq, end: Seq) -> bool {
        let length = self.list.as_ref().map_or(0, |list| list.len());
        if usize::from(self.count) < length || !self.touching(start, end).is_empty() {
            return true;
        }
        if length == MAX_RANGES {
            return false;
        }
        let larger = (2 * length).clamp(FIRST_RANGES, MAX_RANGES);
        let Ok(mut list) = slabs.alloc_default::<Range>(larger) else { return false };
        list[..length].copy_from_slice(self.as_slice());
        work::count(size_of::<Range>() * larger);
        self.list = Some(list);
        true
    }

    /// Calls `each` with the parts of `start..end` that are in no range, in order. Returns the first part that is in
    /// one.
    pub(super) fn missing(
        &self,
        start: Seq,
        end: Seq,
        mut each: impl FnMut(Seq, Seq),
    ) -> Option<Range> {
        let (mut at, mut present) = (start, None);
        for range in &self.as_slice()[self.touching(start, end)] {
            if at.is_before(range.start) {
                each(at, range.start);
            }
            let overlap = Range { start: range.start.max(start), end: range.end.min(end) };
            if overlap.start.is_before(overlap.end) {
                present = present.or(Some(overlap));
            }
            at = at.max(range.end);
        }
        if at.is_before(end) {
            each(at, end);
        }
        present
    }

    /// Puts the range `start..end` into the list, joined to those that it overlaps or touches.
    /// Nothing happens if there is no room, which [`has_room_for`](Self::has_room_for) tells.
    pub(super) fn insert(&mut self, start: Seq, end: Seq) {
        let touching = self.touching(start, end);
        let count = usize::from(self.count);
        let Some(list) = self.list.as_deref_mut() else { return };
        let joined = match list.get(touching.clone()) {
            Some([first, .., last]) => {
                Range { start: start.min(first.start), end: end.max(last.end) }
            }
            Some([one]) => Range { start: start.min(one.start), end: end.max(one.end) },
            _ => Range { start, end },
        };
        if touching.is_empty() && count == list.len() {
            return;
        }
        list.copy_within(touching.end..count, touching.start + 1);
        work::count(size_of::<Range>() * (count - touching.end));
        list[touching.start] = joined;
        self.count = (count + 1 - touching.len()) as u16;
        self.note_recent(joined);
    }

    /// Puts `range`, which just grew, before the others in the order of reports.
    fn note_recent(&mut self, range: Range) {
        let older = self.recent;
        let older = older[..usize::from(self.recent_count)].iter();
        self.recent[0] = range.start;
        self.recent_count = 1;
        for seq in older.filter(|seq| seq.is_before(range.start) || !seq.is_before(range.end)) {
            if let Some(place) = self.recent.get_mut(usize::from(self.recent_count)) {
                *place = *seq;
                self.recent_count += 1;
            }
        }
    }

    /// Takes the ranges away that begin at or before `next`. Returns the number up to which all is there then.
    pub(super) fn take_until(&mut self, mut next: Seq) -> Seq {
        let taken = self.as_slice().partition_point(|range| !range.start.is_after(next));
        if let Some(last) = taken.checked_sub(1) {
            next = next.max(self.as_slice()[last].end);
            let count = usize::from(self.count);
            if let Some(list) = &mut self.list {
                list.copy_within(taken..count, 0);
                work::count(size_of::<Range>() * (count - taken));
            }
            self.keep(count - taken);
        }
        next
    }

    /// Takes away what is at or after `end`.
    pub(super) fn cut(&mut self, end: Seq) {
        let kept = self.as_slice().partition_point(|range| range.start.is_before(end));
        if let (Some(list), Some(last)) = (&mut self.list, kept.checked_sub(1)) {
            list[last].end = list[last].end.min(end);
        }
        self.keep(kept);
    }

    fn keep(&mut self, count: usize) {
        self.count = count as u16;
        self.release_unused();
    }

    /// Gives the memory of the list back if there are no ranges.
    pub(super) fn release_unused(&mut self) {
        if self.count == 0 {
            *self = Self::new();
        }
    }

    /// Adds the ranges to `blocks` until there are `room`: the one that grew last first, then those before it.
    pub(super) fn report(&self, blocks: &mut SackBlocks, room: usize) {
        // `blocks` may begin with a report of a duplicate, which is not one of the ranges.
        let other = blocks.as_slice().len();
        let mut add = |range: &Range| {
            let reported = blocks.as_slice()[other..].contains(&(range.start, range.end));
            if !reported && blocks.as_slice().len() < room {
                blocks.push(range.start, range.end);
            }
        };
        for seq in &self.recent[..usize::from(self.recent_count)] {
            let at = self.as_slice().partition_point(|range| !range.end.is_after(*seq));
            // The number may have been taken away, and others with it.
            if let Some(range) = self.as_slice().get(at)
                && !range.start.is_after(*seq)
            {
                add(range);
            }
        }
        self.as_slice().iter().take(2 * MAX_SACK_BLOCKS).for_each(add);
    }
}
