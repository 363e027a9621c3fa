//! The rooms for frames in the pages that are lent to the device.

use rt_regions::{Exhausted, PAGE_SIZE, Region};

/// The rooms in the pages of the queue: those that are free, and how many there are. A frame takes as many as it needs.
pub(super) struct Rooms {
    /// The rooms that are free, in the first `free_count` entries.
    ///
    /// INVARIANT: each is a room of a page that is lent, is there once, and is not with the device.
    free: &'static mut [u16],
    free_count: usize,
    /// How many rooms there are, free or with the device.
    usable: usize,
    /// How many rooms a page has: 1 or 2.
    pub(super) per_page: usize,
    /// Whether a frame has waited for room in vain, and half of the rooms have not been free since. Meanwhile, no other
    /// frame waits. So a device that is stuck costs one wait, and one that takes too little costs one wait for every
    /// half a queue.
    pub(super) has_given_up: bool,
}

impl Rooms {
    /// No rooms, with place for `most`. The table is in `memory`.
    pub(super) fn new(most: usize, memory: &'static Region<'static>) -> Result<Self, Exhausted> {
        Ok(Self {
            free: memory.alloc_slice_with(most, |_| 0)?,
            free_count: 0,
            usable: 0,
            per_page: 1,
            has_given_up: false,
        })
    }

    /// Forgets all rooms.
    pub(super) fn clear(&mut self) {
        self.free_count = 0;
        self.usable = 0;
        self.has_given_up = false;
    }

    /// Adds a room of a page that is lent from now on.
    pub(super) fn add(&mut self, id: u16) {
        self.give_back(id);
        self.usable += 1;
    }

    /// Makes a room free that the device has given back.
    #[inline]
    pub(super) fn give_back(&mut self, id: u16) {
        self.free[self.free_count] = id;
        self.free_count += 1;
    }

    /// A free room, which is free no more. There must be one.
    #[inline]
    pub(super) fn take(&mut self) -> u16 {
        self.free_count -= 1;
        self.free[self.free_count]
    }

    /// How many rooms are free.
    #[inline]
    pub(super) fn free(&self) -> usize {
        self.free_count
    }

    /// How many rooms there are, free or not.
    #[inline]
    pub(super) fn usable(&self) -> usize {
        self.usable
    }

    /// The size of a room in bytes.
    #[inline]
    pub(super) fn size(&self) -> usize {
        PAGE_SIZE / self.per_page
    }
}
