//! When which connection is due: a binary heap, in which each connection is once at most.

use layer::Instant;
use rt_regions::{Exhausted, Region};

use super::table::{Id, Table};

/// Not in the heap.
const NONE: u32 = u32::MAX;

/// The deadlines of connections. One that becomes later stays where it is until it is due: then it is put back. So an
/// acknowledgment that only moves a deadline costs nothing here.
pub(crate) struct Deadlines {
    heap: &'static mut [(Instant, Option<Id>)],
    len: usize,
}

impl Deadlines {
    /// What each connection takes, in bytes.
    pub(crate) const BYTES_EACH: usize = size_of::<(Instant, Option<Id>)>();

    pub(crate) fn new(limit: usize, memory: &'static Region<'static>) -> Result<Self, Exhausted> {
        let heap = memory.alloc_slice_with(limit, |_| (Instant::ZERO, None))?;
        Ok(Self { heap, len: 0 })
    }

    /// The earliest deadline, or a moment before it.
    #[inline]
    pub(crate) fn next(&self) -> Option<Instant> {
        self.heap[..self.len].first().map(|&(at, _)| at)
    }

    /// Makes sure that a connection comes up at `at` at the latest.
    #[inline]
    pub(crate) fn set(&mut self, id: Id, at: Instant, table: &mut Table) {
        let place = *table.heap_place(id) as usize;
        let place = match self.heap.get(place) {
            Some(&(known, _)) if known <= at => return,
            Some(_) => place,
            None if self.len < self.heap.len() => {
                self.len += 1;
                self.len - 1
            }
            None => return,
        };
        self.heap[place] = (at, Some(id));
        self.up(place, table);
    }

    /// Takes out a connection that is due.
    pub(crate) fn pop(&mut self, now: Instant, table: &mut Table) -> Option<Id> {
        match self.heap[..self.len].first() {
            Some(&(at, Some(id))) if at <= now => {
                self.remove(id, table);
                Some(id)
            }
            _ => None,
        }
    }

    /// Takes a connection out, if it is here.
    pub(crate) fn remove(&mut self, id: Id, table: &mut Table) {
        let place = core::mem::replace(table.heap_place(id), NONE) as usize;
        if place >= self.len {
            return;
        }
        self.len -= 1;
        if place < self.len {
            self.heap[place] = self.heap[self.len];
            self.note(place, table);
            self.down(place, table);
            self.up(place, table);
        }
    }

    /// Tells a connection where it is.
    fn note(&self, place: usize, table: &mut Table) {
        if let Some(id) = self.heap[place].1 {
            *table.heap_place(id) = place as u32;
        }
    }

    fn up(&mut self, mut place: usize, table: &mut Table) {
        while place > 0 {
            let parent = (place - 1) / 2;
            if self.heap[parent].0 <= self.heap[place].0 {
                break;
            }
            self.heap.swap(parent, place);
            self.note(place, table);
            place = parent;
        }
        self.note(place, table);
    }

    fn down(&mut self, mut place: usize, table: &mut Table) {
        loop {
            let mut least = place;
            for child in [2 * place + 1, 2 * place + 2] {
                if child < self.len && self.heap[child].0 < self.heap[least].0 {
                    least = child;
                }
            }
            if least == place {
                return self.note(place, table);
            }
            self.heap.swap(least, place);
            self.note(place, table);
            place = least;
        }
    }
}
