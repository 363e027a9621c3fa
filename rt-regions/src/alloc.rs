//! What can be put into a region.

use core::{
    alloc::Layout,
    mem::{self, MaybeUninit},
    ptr::NonNull,
};

use crate::{Exhausted, Limit, Region, size::PAGE_SIZE};

impl Region<'_> {
    /// Moves `value` into the region.
    ///
    /// # Errors
    /// [`Exhausted`]. The value is lost then, which is harmless because it has no destructor.
    #[allow(clippy::mut_from_ref, reason = "each call lends memory that no other call lends")]
    #[inline]
    pub fn alloc<T>(&self, value: T) -> Result<&mut T, Exhausted> {
        const { assert_plain::<T>() };
        let place = self.allocate(Layout::new::<T>())?.cast::<T>();
        // SAFETY: `place` is aligned, valid for a T and lent to nobody else.
        unsafe { place.write(value) };
        // SAFETY: a T was just written; the memory stays this object's until the region is reset
        // or dropped, and both need the borrow of `self` to have ended.
        Ok(unsafe { &mut *place.as_ptr() })
    }

    /// Moves the result of `make` into the region. Its place is allocated first: if there is none, `make` is
    /// not called.
    ///
    /// # Errors
    /// [`Exhausted`].
    #[allow(clippy::mut_from_ref, reason = "each call lends memory that no other call lends")]
    #[inline]
    pub fn alloc_with<T>(&self, make: impl FnOnce() -> T) -> Result<&mut T, Exhausted> {
        let [place] = self.alloc_uninit::<T>(1)? else { unreachable!("one was asked for") };
        Ok(place.write(make()))
    }

    /// A slice of `length` elements, element `i` being `element(i)`.
    ///
    /// # Errors
    /// [`Exhausted`].
    #[allow(clippy::mut_from_ref, reason = "each call lends memory that no other call lends")]
    pub fn alloc_slice_with<T>(
        &self,
        length: usize,
        mut element: impl FnMut(usize) -> T,
    ) -> Result<&mut [T], Exhausted> {
        const { assert_plain::<T>() };
        let places = self.alloc_uninit::<T>(length)?;
        for (index, place) in places.iter_mut().enumerate() {
            place.write(element(index));
        }
        // SAFETY: every element was just written.
        Ok(unsafe { places.assume_init_mut() })
    }

    /// A copy of `slice`.
    ///
    /// # Errors
    /// [`Exhausted`].
    #[allow(clippy::mut_from_ref, reason = "each call lends memory that no other call lends")]
    pub fn alloc_slice<T: Copy>(&self, slice: &[T]) -> Result<&mut [T], Exhausted> {
        Ok(self.alloc_uninit::<T>(slice.len())?.write_copy_of_slice(slice))
    }

    /// A copy of `text`.
    ///
    /// # Errors
    /// [`Exhausted`].
    #[allow(clippy::mut_from_ref, reason = "each call lends memory that no other call lends")]
    pub fn alloc_str(&self, text: &str) -> Result<&mut str, Exhausted> {
        let bytes = self.alloc_slice(text.as_bytes())?;
        // SAFETY: the bytes are a copy of a str's.
        Ok(unsafe { core::str::from_utf8_unchecked_mut(bytes) })
    }

    /// Room for `length` elements, not yet written.
    ///
    /// # Errors
    /// [`Exhausted`].
    #[allow(clippy::mut_from_ref, reason = "each call lends memory that no other call lends")]
    pub fn alloc_uninit<T>(&self, length: usize) -> Result<&mut [MaybeUninit<T>], Exhausted> {
        const { assert_plain::<T>() };
        let place = self.allocate_array::<T>(length)?;
        // SAFETY: `place` is aligned and valid for `length` elements, lent to nobody else, and
        // stays so until the borrow of `self` ends; MaybeUninit needs no value.
        Ok(unsafe { core::slice::from_raw_parts_mut(place.as_ptr().cast(), length) })
    }

    /// Room for `length` elements of any type, for a caller that runs their destructors.
    pub(crate) fn allocate_array<T>(&self, length: usize) -> Result<NonNull<T>, Exhausted> {
        const { assert!(align_of::<T>() <= PAGE_SIZE, "the alignment is larger than a page") };
        match Layout::array::<T>(length) {
            Ok(layout) => Ok(self.allocate(layout)?.cast()),
            Err(_) => Err(self.exhausted(usize::MAX, Limit::Size)),
        }
    }

    /// Lets `fill` write up to `most` bytes into the region, and keeps the slice that it returns, which
    /// begins where its argument begins. The rest is given back. `None` keeps nothing.
    ///
    /// # Errors
    /// [`Exhausted`], and `fill` was not called.
    #[allow(clippy::mut_from_ref, reason = "each call lends memory that no other call lends")]
    pub fn fill<'r, R>(
        &'r self,
        most: usize,
        fill: impl for<'b> FnOnce(&'b mut [MaybeUninit<u8>]) -> (Option<&'b mut [u8]>, R),
    ) -> Result<(Option<&'r mut [u8]>, R), Exhausted> {
        let buffer: &'r mut [MaybeUninit<u8>] = self.alloc_uninit(most)?;
        let (end, chunk_end) = (buffer.as_mut_ptr_range().end.cast::<u8>(), self.end.get());
        let start = buffer.as_mut_ptr().cast::<u8>();
        let (filled, result) = fill(buffer);
        let filled = filled.filter(|bytes| core::ptr::eq(bytes.as_ptr(), start));
        let length = filled.as_ref().map_or(0, |bytes| bytes.len().min(most));
        // Still the newest allocation of the current chunk?
        if most <= PAGE_SIZE && self.next.get() == end && self.end.get() == chunk_end {
            // From `next`, not from the buffer, which is lent. SAFETY: the buffer's `most` bytes end at
            // `next`, and `length <= most`.
            self.next.set(unsafe { self.next.get().sub(most - length) });
        }
        Ok((filled, result))
    }
}

/// Refuses, when it compiles, a value that a region could not hold.
///
/// The assertions have no message of their own, because rustc would show it inside the sources of
/// `core`; the names say it.
pub(crate) const fn assert_plain<T>() {
    let value_has_a_destructor_and_cannot_live_in_a_region = mem::needs_drop::<T>();
    assert!(!value_has_a_destructor_and_cannot_live_in_a_region);
    let alignment_is_at_most_a_page = align_of::<T>() <= PAGE_SIZE;
    assert!(alignment_is_at_most_a_page);
}
