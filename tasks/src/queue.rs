//! A queue of slots that are linked to each other.

use core::cell::Cell;

use crate::slot::{Link, Slot};

/// Slots in the order in which they were added. A slot is in one queue at most.
pub(crate) struct Queue {
    first: Link,
    last: Link,
    len: Cell<usize>,
}

impl Queue {
    pub(crate) const fn new() -> Self {
        Self { first: Cell::new(None), last: Cell::new(None), len: Cell::new(0) }
    }

    pub(crate) fn len(&self) -> usize {
        self.len.get()
    }

    pub(crate) fn push(&self, slot: &'static Slot) {
        slot.next.set(None);
        match self.last.replace(Some(slot)) {
            None => self.first.set(Some(slot)),
            Some(last) => last.next.set(Some(slot)),
        }
        self.len.set(self.len.get() + 1);
    }

    pub(crate) fn pop(&self) -> Option<&'static Slot> {
        let slot = self.first.get()?;
        let next = slot.next.take();
        self.first.set(next);
        if next.is_none() {
            self.last.set(None);
        }
        self.len.set(self.len.get() - 1);
        Some(slot)
    }
}
