//! The order in which entries were used: a list through the entries, by index.

use core::cell::Cell;

use super::table::Table;
use crate::pool::NONE;

/// The ends of the list.
pub(super) struct Recency {
    newest: Cell<u32>,
    oldest: Cell<u32>,
}

impl Recency {
    pub(super) const fn new() -> Self {
        Self { newest: Cell::new(NONE), oldest: Cell::new(NONE) }
    }

    /// The entry that was not used for the longest time.
    pub(super) fn oldest(&self) -> Option<usize> {
        let oldest = self.oldest.get();
        (oldest != NONE).then_some(oldest as usize)
    }

    /// Puts an entry that is not on the list onto it, as the one that was just used.
    pub(super) fn link<K, V>(&self, table: &Table<'_, K, V>, index: usize) {
        let older = self.newest.get();
        let entry = table.entry(index);
        entry.older.set(older);
        entry.newer.set(NONE);
        self.set_neighbours(table, older, NONE, index as u32);
    }

    /// Takes an entry from the list.
    pub(super) fn unlink<K, V>(&self, table: &Table<'_, K, V>, index: usize) {
        let entry = table.entry(index);
        let (older, newer) = (entry.older.get(), entry.newer.get());
        self.newer_of(table, older).set(newer);
        self.older_of(table, newer).set(older);
    }

    /// Entry `from` of the table, which is on the list, is about to be entry `to`.
    pub(super) fn rename<K, V>(&self, table: &Table<'_, K, V>, from: usize, to: usize) {
        let entry = table.entry(from);
        self.set_neighbours(table, entry.older.get(), entry.newer.get(), to as u32);
    }

    /// Says to both neighbours of an entry that it is this one.
    fn set_neighbours<K, V>(&self, table: &Table<'_, K, V>, older: u32, newer: u32, index: u32) {
        self.newer_of(table, older).set(index);
        self.older_of(table, newer).set(index);
    }

    /// What says which entry is newer than this one; before all entries, which is the oldest.
    fn newer_of<'a, K, V>(&'a self, table: &'a Table<'_, K, V>, index: u32) -> &'a Cell<u32> {
        if index == NONE { &self.oldest } else { &table.entry(index as usize).newer }
    }

    /// What says which entry is older than this one; after all entries, which is the newest.
    fn older_of<'a, K, V>(&'a self, table: &'a Table<'_, K, V>, index: u32) -> &'a Cell<u32> {
        if index == NONE { &self.newest } else { &table.entry(index as usize).older }
    }
}
