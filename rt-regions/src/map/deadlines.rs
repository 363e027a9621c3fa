//! The deadlines of entries: a binary heap, the earliest first, in which each entry knows its place.

use super::table::Table;
use crate::{Exhausted, Slabs, paged::Paged, pool::NONE};

/// Deadlines, each with the index of its entry.
pub(super) struct Deadlines<'s> {
    heap: Paged<'s, (u64, u32)>,
}

impl<'s> Deadlines<'s> {
    pub(super) fn new(slabs: &'s Slabs<'_>) -> Self {
        Self { heap: Paged::new(slabs) }
    }

    /// The earliest deadline, and its entry.
    pub(super) fn first(&self) -> Option<(u64, usize)> {
        (self.heap.len() > 0).then(|| {
            let (deadline, index) = self.heap[0];
            (deadline, index as usize)
        })
    }

    /// The deadline of an entry.
    pub(super) fn of<K, V>(&self, table: &Table<'_, K, V>, index: usize) -> Option<u64> {
        let place = table.entry(index).deadline.get();
        (place != NONE).then(|| self.heap[place as usize].0)
    }

    /// Makes room for one more deadline.
    pub(super) fn reserve_one(&mut self) -> Result<(), Exhausted> {
        self.heap.reserve_one()
    }

    /// Gives back what was reserved and is not used.
    pub(super) fn give_unused(&mut self) {
        self.heap.give_unused();
    }

    /// Gives an entry this deadline, for which room was made, instead of the one that it may have.
    pub(super) fn set<K, V>(
        &mut self,
        table: &Table<'_, K, V>,
        index: usize,
        deadline: Option<u64>,
    ) {
        let place = table.entry(index).deadline.get();
        match deadline {
            None => self.remove(table, index),
            Some(deadline) if place == NONE => {
                let place = self.heap.len();
                self.heap.push((deadline, index as u32));
                self.settle(table, place);
            }
            Some(deadline) => {
                self.heap[place as usize].0 = deadline;
                self.settle(table, place as usize);
                self.give_unused();
            }
        }
    }

    /// Takes the deadline from an entry, if it has one.
    pub(super) fn remove<K, V>(&mut self, table: &Table<'_, K, V>, index: usize) {
        let place = table.entry(index).deadline.replace(NONE);
        if place == NONE {
            return;
        }
        if let Some(last) = self.heap.pop()
            && (place as usize) < self.heap.len()
        {
            self.heap[place as usize] = last;
            self.settle(table, place as usize);
        }
    }

    /// Entry `from` of the table is about to be entry `to`.
    pub(super) fn rename<K, V>(&mut self, table: &Table<'_, K, V>, from: usize, to: usize) {
        let place = table.entry(from).deadline.get();
        if place != NONE {
            self.heap[place as usize].1 = to as u32;
        }
    }

    /// Moves the deadline at `place`, the only one that may be in the wrong one, to where it belongs.
    fn settle<K, V>(&mut self, table: &Table<'_, K, V>, mut place: usize) {
        let moving = self.heap[place];
        while place > 0 && moving.0 < self.heap[(place - 1) / 2].0 {
            let above = (place - 1) / 2;
            self.put(table, place, self.heap[above]);
            place = above;
        }
        loop {
            let (left, right) = (2 * place + 1, 2 * place + 2);
            if left >= self.heap.len() {
                break;
            }
            let has_earlier_right =
                right < self.heap.len() && self.heap[right].0 < self.heap[left].0;
            let below = if has_earlier_right { right } else { left };
            if self.heap[below].0 >= moving.0 {
                break;
            }
            self.put(table, place, self.heap[below]);
            place = below;
        }
        self.put(table, place, moving);
    }

    fn put<K, V>(&mut self, table: &Table<'_, K, V>, place: usize, deadline: (u64, u32)) {
        self.heap[place] = deadline;
        table.entry(deadline.1 as usize).deadline.set(place as u32);
    }
}
