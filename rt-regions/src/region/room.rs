//! Room in a region: at the bump pointer, in a new page, or in a run of pages.

use core::{alloc::Layout, ptr::NonNull};

use super::Region;
use crate::{
    Exhausted, Limit, Pool,
    region_stats::{Filled, RegionStats},
    size::{LARGEST, PAGE_SIZE},
};

impl Region<'_> {
    /// How many bytes of the current chunk are free.
    pub(crate) fn room(&self) -> usize {
        self.end.get().addr() - self.next.get().addr()
    }

    /// Memory for `layout`, at the bump pointer or in a new page or run.
    #[inline]
    pub(crate) fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, Exhausted> {
        match self.allocate_here(layout) {
            Some(place) => Ok(place),
            None => self.allocate_slowly(layout),
        }
    }

    /// Room for an object, if there is any; a failure is not counted.
    pub(crate) fn try_allocate(&self, layout: Layout) -> Option<NonNull<u8>> {
        self.allocate_here(layout).or_else(|| self.allocate_elsewhere(layout).ok())
    }

    /// Memory in the current chunk.
    #[inline]
    fn allocate_here(&self, layout: Layout) -> Option<NonNull<u8>> {
        let next = self.next.get();
        let below = layout.align() - 1;
        let place = next.addr().wrapping_add(below) & !below;
        // Negative if alignment goes past the end, even if it wraps: no object is as large as half the
        // address space.
        let room = self.end.get().addr().wrapping_sub(place) as isize;
        if layout.size() as isize > room {
            return None;
        }
        let place = next.with_addr(place);
        // SAFETY: `next <= place` and `place + size <= end`, so this is inside the chunk or its end.
        self.next.set(unsafe { place.add(layout.size()) });
        // SAFETY: a pointer into a chunk is not null.
        Some(unsafe { NonNull::new_unchecked(place) })
    }

    #[cold]
    fn allocate_slowly(&self, layout: Layout) -> Result<NonNull<u8>, Exhausted> {
        self.allocate_elsewhere(layout).map_err(|limit| self.exhausted(layout.size(), limit))
    }

    /// Memory in a new page or run.
    // Else the way through a full page has one call more.
    #[inline(always)]
    fn allocate_elsewhere(&self, layout: Layout) -> Result<NonNull<u8>, Limit> {
        let size = layout.size();
        if size == 0 {
            return Ok(layout.dangling_ptr());
        }
        if size > LARGEST || layout.align() > PAGE_SIZE {
            return Err(Limit::Size);
        }
        let (pool, label) = self.source.ok_or(Limit::Cap)?;
        if size <= PAGE_SIZE {
            let page = self.take(0, pool, label)?;
            Ok(self.begin_page(page, size, pool, label))
        } else {
            self.new_run(size, pool, label)
        }
    }

    /// Makes a page, which is counted already and this region's alone, the current chunk, whose first
    /// `size` bytes, at most all, are allocated.
    #[inline]
    pub(crate) fn begin_page(
        &self,
        page: u32,
        size: usize,
        pool: &Pool<'_>,
        label: &RegionStats,
    ) -> NonNull<u8> {
        self.save();
        let chain = self.pages.get();
        self.last_but_one.set(chain.last);
        self.pages.set(pool.append(chain, page));
        if self.page_count.replace(self.page_count.get() + 1) > 0 {
            let Filled { bytes, waste } = self.filled.get();
            let unused = self.room();
            let used = PAGE_SIZE - unused;
            self.count(label, Filled { bytes: bytes + used, waste: waste + unused });
        }
        let place = pool.address(page);
        // SAFETY: `size <= PAGE_SIZE`, so this is inside the page or its end.
        self.next.set(unsafe { place.add(size) }.as_ptr());
        // SAFETY: one past the end of the page.
        self.end.set(unsafe { place.add(PAGE_SIZE) }.as_ptr());
        place
    }

    /// A run of pages for an object that is larger than a page.
    fn new_run(
        &self,
        size: usize,
        pool: &Pool<'_>,
        label: &RegionStats,
    ) -> Result<NonNull<u8>, Limit> {
        let class = size.div_ceil(PAGE_SIZE).next_power_of_two().trailing_zeros() as usize;
        let run = self.take(class, pool, label)?;
        self.save();
        self.runs.set(pool.append(self.runs.get(), run));
        self.run_pages.set(self.run_pages.get() + (1 << class));
        let Filled { bytes, waste } = self.filled.get();
        let unused = (PAGE_SIZE << class) - size;
        self.count(label, Filled { bytes: bytes + size, waste: waste + unused });
        Ok(pool.address(run))
    }

    /// Takes 2^`class` pages, if cap and pool allow it.
    #[inline]
    fn take(&self, class: usize, pool: &Pool<'_>, label: &RegionStats) -> Result<u32, Limit> {
        let count = 1 << class;
        if !self.budget.allows(count) {
            return Err(Limit::Cap);
        }
        let run = pool.take(class, self.has_reserve()).ok_or(Limit::Pool)?;
        self.budget.take(count);
        label.take(count);
        pool.note_owner(run, label);
        Ok(run)
    }

    /// Counts what the pages before the current one and the runs hold now.
    pub(crate) fn count(&self, label: &RegionStats, now: Filled) {
        let before = self.filled.replace(now);
        if before != now {
            label.fill(before, now);
        }
    }

    /// Makes a block longer in place, if it is the newest allocation in its chunk and there is room.
    pub(crate) fn grow_newest(&self, block: NonNull<u8>, size: usize, longer: usize) -> bool {
        let fits = self.is_newest(block, size) && longer - size <= self.room();
        if fits {
            // SAFETY: as many bytes are free from `next` on.
            self.next.set(unsafe { self.next.get().add(longer - size) });
        }
        fits
    }

    /// Whether a block is the newest allocation in the current chunk.
    pub(crate) fn is_newest(&self, block: NonNull<u8>, size: usize) -> bool {
        (1..=PAGE_SIZE).contains(&size)
            && block.addr().get() + size == self.next.get().addr()
            && self.end.get().addr() - block.addr().get() <= PAGE_SIZE.max(self.buffer)
    }

    /// How many bytes an allocation of `size` really has: all of its run, if it has one.
    pub(crate) fn capacity_of(size: usize) -> usize {
        if size > PAGE_SIZE {
            size.div_ceil(PAGE_SIZE).next_power_of_two() * PAGE_SIZE
        } else {
            size
        }
    }
}
