//! The deadlines of tasks: a pairing heap of linked slots, the earliest first.
//!
//! It needs no memory beyond the slots, so waiting for a moment cannot fail. Adding is O(1), removing O(log n)
//! amortised.

use core::{cell::Cell, ptr};

use layer::Instant;

use crate::slot::{Link, Slot};

/// The slots that have a deadline.
pub(crate) struct Timers {
    root: Link,
}

impl Timers {
    pub(crate) const fn new() -> Self {
        Self { root: Cell::new(None) }
    }

    /// The slot with the earliest deadline, and that deadline.
    pub(crate) fn first(&self) -> Option<(Instant, &'static Slot)> {
        let slot = self.root.get()?;
        slot.deadline.get().map(|deadline| (deadline, slot))
    }

    /// Adds a slot, which has a deadline and is not in the heap.
    pub(crate) fn insert(&self, slot: &'static Slot) {
        self.root.set(meld(self.root.get(), Some(slot)));
    }

    /// Removes a slot, which is in the heap, and takes its deadline from it.
    pub(crate) fn remove(&self, slot: &'static Slot) {
        let below = combine(slot.child.take());
        match slot.previous.take() {
            None => self.root.set(below),
            Some(previous) => {
                let next = slot.sibling.take();
                let is_first = previous.child.get().is_some_and(|child| ptr::eq(child, slot));
                if is_first { &previous.child } else { &previous.sibling }.set(next);
                if let Some(next) = next {
                    next.previous.set(Some(previous));
                }
                self.root.set(meld(self.root.get(), below));
            }
        }
        slot.deadline.set(None);
    }
}

/// One heap of two: the root with the later deadline becomes a child of the other.
fn meld(one: Option<&'static Slot>, other: Option<&'static Slot>) -> Option<&'static Slot> {
    let (Some(one), Some(other)) = (one, other) else { return one.or(other) };
    let (top, under) =
        if other.deadline.get() < one.deadline.get() { (other, one) } else { (one, other) };
    let first = top.child.replace(Some(under));
    if let Some(first) = first {
        first.previous.set(Some(under));
    }
    under.sibling.set(first);
    under.previous.set(Some(top));
    Some(top)
}

/// One heap of all that begin with these siblings: first in pairs from left to right, then from the last to the first.
fn combine(mut list: Option<&'static Slot>) -> Option<&'static Slot> {
    let mut pairs: Option<&'static Slot> = None;
    while let Some(one) = list {
        let other = one.sibling.take();
        one.previous.set(None);
        list = other.and_then(|other| {
            other.previous.set(None);
            other.sibling.take()
        });
        if let Some(pair) = meld(Some(one), other) {
            pair.sibling.set(pairs);
            pairs = Some(pair);
        }
    }
    let mut heap = None;
    while let Some(pair) = pairs {
        pairs = pair.sibling.take();
        heap = meld(heap, Some(pair));
    }
    heap
}

#[cfg(test)]
mod tests {
    use std::{boxed::Box, collections::BTreeSet, vec::Vec};

    use super::*;

    #[test]
    fn the_earliest_comes_first_whatever_was_removed_before() {
        let (timers, mut state) = (Timers::new(), 7_u64);
        let mut random = move |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as usize % below
        };
        let slots: Vec<&'static Slot> =
            (0..100).map(|_| &*Box::leak(Box::new(Slot::new(None)))).collect();
        let mut waiting = BTreeSet::new();
        let steps = if cfg!(miri) { 1_000 } else { 50_000 };
        for _ in 0..steps {
            let index = random(slots.len());
            let slot = slots[index];
            match slot.deadline.get() {
                Some(deadline) => {
                    timers.remove(slot);
                    assert!(waiting.remove(&(deadline, index)));
                }
                None => {
                    let deadline = Instant::from_millis(random(40) as u64);
                    slot.deadline.set(Some(deadline));
                    timers.insert(slot);
                    waiting.insert((deadline, index));
                }
            }
            let first = timers.first().map(|(deadline, _)| deadline);
            assert_eq!(first, waiting.first().map(|&(deadline, _)| deadline));
        }
        while let Some((deadline, slot)) = timers.first() {
            assert_eq!(Some(deadline), waiting.pop_first().map(|(deadline, _)| deadline));
            timers.remove(slot);
        }
        assert!(waiting.is_empty());
    }
}
