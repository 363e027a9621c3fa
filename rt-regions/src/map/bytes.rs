//! Maps from byte strings to byte strings.

use core::{alloc::Layout, hash::BuildHasher};

use super::RegionMap;
use crate::{Exhausted, SlabBox};

impl<'s, S: BuildHasher> RegionMap<'s, SlabBox<'s, [u8]>, SlabBox<'s, [u8]>, S> {
    /// Gives a copy of `key` a copy of `value`, until `deadline`, if there is one: a time in the caller's units, at which
    /// [`expire`](Self::expire) removes it. Counts as use. A value that is as long as the one before it takes its place.
    ///
    /// # Errors
    /// [`Exhausted`]: there is no room, and none that eviction could make. The map is as it was, but for what was
    /// evicted. What is larger than cap or pool evicts nothing.
    pub fn insert_bytes(
        &mut self,
        key: &[u8],
        value: &[u8],
        deadline: Option<u64>,
    ) -> Result<(), Exhausted> {
        if let Some(index) = self.find(key)
            && self.table.entry(index).value.len() == value.len()
            && self.reserve(false, deadline.is_some()).is_ok()
        {
            self.table.entry_mut(index).value.copy_from_slice(value);
            self.touch(index);
            self.deadlines.set(&self.table, index, deadline);
            return Ok(());
        }
        let value = self.alloc_bytes(value)?;
        let key = self.alloc_bytes(key)?;
        self.insert_entry(key, value, deadline).map(drop)
    }

    fn alloc_bytes(&mut self, bytes: &[u8]) -> Result<SlabBox<'s, [u8]>, Exhausted> {
        loop {
            match self.slabs.alloc_slice(bytes) {
                Ok(copy) => return Ok(copy),
                Err(error) if !self.slabs.could_hold(Layout::for_value(bytes)) => {
                    return Err(error);
                }
                Err(error) => self.make_room(error)?,
            }
        }
    }
}
