//! A region, or slabs, as the allocator of other crates' collections (feature `allocator-api2`).

use core::{alloc::Layout, ptr::NonNull};

use allocator_api2::alloc::{AllocError, Allocator};

use crate::{Region, Slabs};

/// Memory that a collection frees stays in the region until the region ends, unless it is the newest
/// allocation there.
// SAFETY: a block is the block's alone and stays where it is until the region is reset or ends; both
// need the borrow that is the allocator, and all its copies, to have ended.
unsafe impl Allocator for &Region<'_> {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let place = Region::allocate(self, layout).map_err(|_| AllocError)?;
        Ok(NonNull::slice_from_raw_parts(place, layout.size()))
    }

    #[inline]
    unsafe fn deallocate(&self, place: NonNull<u8>, layout: Layout) {
        self.check_owner(place, layout);
        // SAFETY: the caller gives the block back, so nobody uses it.
        unsafe { self.give_newest(place, layout.size()) };
    }

    unsafe fn grow(
        &self,
        place: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        self.check_owner(place, old);
        if new.align() <= old.align() && self.grow_newest(place, old.size(), new.size()) {
            return Ok(NonNull::slice_from_raw_parts(place, new.size()));
        }
        let larger = self.allocate(new)?;
        // SAFETY: both blocks have at least the old size, and are not the same.
        unsafe { larger.cast::<u8>().copy_from_nonoverlapping(place, old.size()) };
        Ok(larger)
    }

    unsafe fn shrink(
        &self,
        place: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        self.check_owner(place, old);
        if new.align() <= old.align() {
            if self.is_newest(place, old.size()) {
                // SAFETY: the block's `old.size()` bytes end at `next`, and the caller gives the last
                // of them back.
                self.next.set(unsafe { self.next.get().sub(old.size() - new.size()) });
            }
            return Ok(NonNull::slice_from_raw_parts(place, new.size()));
        }
        let smaller = self.allocate(new)?;
        // SAFETY: both blocks have at least the new size, and are not the same.
        unsafe { smaller.cast::<u8>().copy_from_nonoverlapping(place, new.size()) };
        // SAFETY: the caller gives the old block back.
        unsafe { self.deallocate(place, old) };
        Ok(smaller)
    }
}

impl Region<'_> {
    /// Gives a block back if it is the newest allocation in its chunk.
    ///
    /// # Safety
    /// The block was allocated here, with `size` bytes, and nobody uses it any more.
    unsafe fn give_newest(&self, block: NonNull<u8>, size: usize) {
        if self.is_newest(block, size) {
            // SAFETY: the block's `size` bytes end at `next`, in the same chunk.
            self.next.set(unsafe { self.next.get().sub(size) });
        }
    }

    /// In a debug build, notices a block that is not of this region's pool.
    fn check_owner(&self, block: NonNull<u8>, layout: Layout) {
        let foreign = self.pool().is_some_and(|pool| !pool.contains(block.as_ptr()));
        debug_assert!(!foreign || layout.size() == 0, "the block is not of this region");
    }
}

/// What a collection gives back can be taken again at once, by any other: a table that grows leaves its old place.
// SAFETY: a block is the block's alone and stays where it is until it is given back; the blocks stay as long as the
// borrow that is the allocator, and all its copies.
unsafe impl Allocator for &Slabs<'_> {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let place = Slabs::allocate(self, layout).map_err(|_| AllocError)?;
        Ok(NonNull::slice_from_raw_parts(place, layout.size()))
    }

    #[inline]
    unsafe fn deallocate(&self, place: NonNull<u8>, layout: Layout) {
        // SAFETY: the block was allocated here with this layout, says the caller, who gives it back.
        unsafe { Slabs::deallocate(self, place, layout) };
    }
}
