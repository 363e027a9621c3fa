//! All entries of a map.

use core::fmt;

use super::table::Table;

/// The entries of a [`RegionMap`](crate::RegionMap), in no order that means something.
pub struct Iter<'m, K, V> {
    /// The entries from this one on.
    next: usize,
    table: &'m Table<'m, K, V>,
}

impl<'m, K, V> Iter<'m, K, V> {
    pub(super) fn new(table: &'m Table<'_, K, V>) -> Self {
        Self { next: 0, table }
    }
}

impl<'m, K, V> Iterator for Iter<'m, K, V> {
    type Item = (&'m K, &'m V);

    fn next(&mut self) -> Option<Self::Item> {
        let index = self.next;
        (index < self.table.len()).then(|| {
            self.next = index + 1;
            let entry = self.table.entry(index);
            (&entry.key, &entry.value)
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.table.len() - self.next;
        (left, Some(left))
    }
}

impl<K, V> ExactSizeIterator for Iter<'_, K, V> {}

impl<K, V> fmt::Debug for Iter<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Iter").field("left", &self.len()).finish_non_exhaustive()
    }
}
