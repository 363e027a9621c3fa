//! The entries and the buckets: a hash table that grows by one bucket at a time (linear hashing, Litwin 1980).
//!
//! The entries are dense in a vector. Each is on the chain of its bucket, by index. With n buckets, where 2^k is the
//! largest power of two not above n - 1, the bucket of a hash is its lowest k + 1 bits, or, where there is no such bucket
//! yet, its lowest k. So a new bucket takes entries from one other only. There are as many buckets as entries, at
//! most two for each.

use core::{cell::Cell, num::NonZeroU32};

use crate::{Exhausted, Limit, Slabs, paged::Paged, pool::NONE};

/// An entry of the map, and its links by index; [`NONE`] where there is nothing.
pub(super) struct Entry<K, V> {
    pub(super) key: K,
    pub(super) value: V,
    /// The hash of the key, whose lowest bit is set and says nothing.
    hash: NonZeroU32,
    /// The next entry of the bucket.
    next: Cell<u32>,
    /// The entries that were used next after this one and last before it.
    pub(super) newer: Cell<u32>,
    pub(super) older: Cell<u32>,
    /// Where its deadline is in the heap.
    pub(super) deadline: Cell<u32>,
}

pub(super) struct Table<'s, K, V> {
    slabs: &'s Slabs<'s>,
    /// The entries: all of them `Some`.
    entries: Paged<'s, Option<Entry<K, V>>>,
    /// The first entry of each bucket.
    heads: Paged<'s, u32>,
}

impl<'s, K, V> Table<'s, K, V> {
    pub(super) fn new(slabs: &'s Slabs<'_>) -> Self {
        Self { slabs, entries: Paged::new(slabs), heads: Paged::new(slabs) }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn entry(&self, index: usize) -> &Entry<K, V> {
        match &self.entries[index] {
            Some(entry) => entry,
            None => unreachable!("there is no such entry"),
        }
    }

    pub(super) fn entry_mut(&mut self, index: usize) -> &mut Entry<K, V> {
        match &mut self.entries[index] {
            Some(entry) => entry,
            None => unreachable!("there is no such entry"),
        }
    }

    /// The bucket of a hash; there is one at least.
    fn bucket(&self, hash: NonZeroU32) -> usize {
        let count = self.heads.len();
        let mask = count.next_power_of_two() - 1;
        let bucket = (hash.get() >> 1) as usize & mask;
        if bucket < count { bucket } else { bucket & (mask >> 1) }
    }

    /// The entry with this hash whose key is the right one.
    pub(super) fn find(&self, hash: NonZeroU32, is_key: impl Fn(&K) -> bool) -> Option<usize> {
        if self.heads.len() == 0 {
            return None;
        }
        let mut at = self.heads[self.bucket(hash)];
        while at != NONE {
            let entry = self.entry(at as usize);
            if entry.hash == hash && is_key(&entry.key) {
                return Some(at as usize);
            }
            at = entry.next.get();
        }
        None
    }

    /// Makes room for one more entry.
    pub(super) fn reserve_one(&mut self) -> Result<(), Exhausted> {
        if self.len() >= NONE as usize {
            return Err(self.slabs.exhausted(size_of::<Entry<K, V>>(), Limit::Size));
        }
        if self.heads.len() <= self.len() {
            self.heads.reserve_one()?;
        }
        self.entries.reserve_one()
    }

    /// Gives back what was reserved and is not used.
    pub(super) fn give_unused(&mut self) {
        self.heads.give_unused();
        self.entries.give_unused();
    }

    /// Adds an entry, for which room was made, that is on no other list yet; says where it is.
    pub(super) fn push(&mut self, hash: NonZeroU32, key: K, value: V) -> usize {
        let nothing = || Cell::new(NONE);
        let (next, newer, older, deadline) = (nothing(), nothing(), nothing(), nothing());
        let index = self.len();
        self.entries.push(Some(Entry { key, value, hash, next, newer, older, deadline }));
        if self.heads.len() <= index {
            self.add_bucket();
        }
        self.link(index);
        index
    }

    /// Removes an entry; the last one gets its place. Whoever knows the last one by its index knows that already.
    pub(super) fn swap_remove(&mut self, index: usize) -> (K, V) {
        let last = self.len() - 1;
        self.replace_link(index, self.entry(index).next.get());
        if index != last {
            self.replace_link(last, index as u32);
        }
        let mut removed = self.entries.pop().flatten();
        if index != last {
            core::mem::swap(&mut self.entries[index], &mut removed);
        }
        for _ in 0..2 {
            if self.heads.len() > 2 * self.len() {
                self.remove_bucket();
            }
        }
        match removed {
            Some(entry) => (entry.key, entry.value),
            None => unreachable!("there is no such entry"),
        }
    }

    /// Puts an entry onto the chain of its bucket.
    fn link(&mut self, index: usize) {
        let bucket = self.bucket(self.entry(index).hash);
        let next = core::mem::replace(&mut self.heads[bucket], index as u32);
        self.entry(index).next.set(next);
    }

    /// Lets what links to entry `index` link to `to` instead.
    fn replace_link(&mut self, index: usize, to: u32) {
        let bucket = self.bucket(self.entry(index).hash);
        let mut at = self.heads[bucket];
        if at as usize == index {
            self.heads[bucket] = to;
            return;
        }
        loop {
            let next = &self.entry(at as usize).next;
            if next.get() as usize == index {
                next.set(to);
                return;
            }
            at = next.get();
        }
    }

    /// Adds a bucket, for which room was made, and gives it its entries, which were all in one bucket.
    fn add_bucket(&mut self) {
        let count = self.heads.len();
        let source = count.checked_ilog2().map(|bits| count & !(1 << bits));
        self.heads.push(NONE);
        if let Some(source) = source {
            let chain = core::mem::replace(&mut self.heads[source], NONE);
            self.link_all(chain);
        }
    }

    /// Removes the last bucket; its entries all go into one other. The only bucket is empty when it is removed.
    fn remove_bucket(&mut self) {
        let chain = self.heads.pop().unwrap_or(NONE);
        self.link_all(chain);
    }

    /// Puts all entries of a chain, which begins with this one, onto the chains of their buckets.
    fn link_all(&mut self, mut at: u32) {
        while at != NONE {
            let next = self.entry(at as usize).next.get();
            self.link(at as usize);
            at = next;
        }
    }
}
