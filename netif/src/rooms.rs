//! The rooms for frames in the pages that a driver lends to the other side of a queue.

use rt_regions::{Exhausted, PAGE_SIZE, Region};

/// The rooms in some of the pages of a queue: those that are free, and how many there are. A room is a page, or half of
/// one; a frame takes as many as it needs. For drivers of interfaces that read frames where the driver has put them, of
/// Xen and of virtio.
///
/// ```
/// use netif::Rooms;
/// # fn count(memory: &'static rt_regions::Region<'static>) -> Result<(), rt_regions::Exhausted> {
/// let mut rooms = Rooms::new(2, memory)?;
/// rooms.add(0);
/// rooms.add(1);
/// assert_eq!((rooms.free(), rooms.take(), rooms.free()), (2, 1, 1));
/// rooms.give_back(1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Rooms {
    /// The rooms that are free, in the first `free_count` entries.
    ///
    /// INVARIANT: each was added or given back, and not taken since.
    free: &'static mut [u16],
    free_count: usize,
    /// How many rooms there are, free or not.
    usable: usize,
    /// How many rooms a page has: 1 or 2.
    pub per_page: usize,
    /// Whether a frame has waited for room in vain, and half of the rooms have not been free since. Meanwhile, no other
    /// frame waits. So another side that is stuck costs one wait, and one that takes too little costs one wait for every
    /// half a queue.
    pub has_given_up: bool,
}

impl Rooms {
    /// No rooms, with place for `most`. The table is in `memory`.
    ///
    /// # Errors
    /// There is no memory for the table.
    pub fn new(most: usize, memory: &'static Region<'static>) -> Result<Self, Exhausted> {
        Ok(Self {
            free: memory.alloc_slice_with(most, |_| 0)?,
            free_count: 0,
            usable: 0,
            per_page: 1,
            has_given_up: false,
        })
    }

    /// Forgets all rooms.
    pub fn clear(&mut self) {
        self.free_count = 0;
        self.usable = 0;
        self.has_given_up = false;
    }

    /// Adds a room of a page that is lent from now on.
    pub fn add(&mut self, id: u16) {
        self.give_back(id);
        self.usable += 1;
    }

    /// Makes a room free that was taken, and that the other side does not use any more.
    ///
    /// # Panics
    /// More rooms are free than there is place for: one is given back twice.
    #[inline]
    pub fn give_back(&mut self, id: u16) {
        self.free[self.free_count] = id;
        self.free_count += 1;
    }

    /// A free room, which is free no more.
    ///
    /// # Panics
    /// None is [free](Self::free).
    #[inline]
    pub fn take(&mut self) -> u16 {
        self.free_count -= 1;
        self.free[self.free_count]
    }

    /// How many rooms are free.
    #[inline]
    pub fn free(&self) -> usize {
        self.free_count
    }

    /// How many rooms there are, free or not.
    #[inline]
    pub fn usable(&self) -> usize {
        self.usable
    }

    /// The size of a room in bytes.
    #[inline]
    pub fn size(&self) -> usize {
        PAGE_SIZE / self.per_page
    }
}
