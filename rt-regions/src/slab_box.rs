//! A value in a block of its own.

use core::{
    alloc::Layout,
    borrow::Borrow,
    fmt,
    hash::{Hash, Hasher},
    mem::MaybeUninit,
    ops::{Deref, DerefMut},
    ptr::NonNull,
};

use crate::{Exhausted, Limit, Slabs, dropping::Defer, size::PAGE_SIZE};

/// A value in a block of [`Slabs`]; when the box goes, the value is dropped and the block is given back.
///
/// It is compared and hashed as its value is, so a box of bytes is a key that is found by `&[u8]`.
pub struct SlabBox<'s, T: ?Sized> {
    /// INVARIANT: the value is there, in memory of its layout that `slabs` lent, and only the box refers to it.
    value: NonNull<T>,
    slabs: &'s Slabs<'s>,
}

impl Slabs<'_> {
    /// Moves `value` into a block.
    ///
    /// # Errors
    /// [`Exhausted`], and the value is dropped.
    #[inline]
    pub fn alloc<T>(&self, value: T) -> Result<SlabBox<'_, T>, Exhausted> {
        const { assert!(align_of::<T>() <= PAGE_SIZE, "the alignment is larger than a page") };
        let place = self.allocate(Layout::new::<T>())?.cast::<T>();
        // SAFETY: the block is aligned for a T, as large, and nobody else's.
        unsafe { place.write(value) };
        Ok(SlabBox { value: place, slabs: self })
    }

    /// A copy of `slice` in a block.
    ///
    /// # Errors
    /// [`Exhausted`].
    #[inline]
    pub fn alloc_slice<T: Copy>(&self, slice: &[T]) -> Result<SlabBox<'_, [T]>, Exhausted> {
        let mut places = self.alloc_uninit(slice.len())?;
        places.write_copy_of_slice(slice);
        // SAFETY: all elements are written.
        Ok(unsafe { places.assume_init() })
    }

    /// A slice of `length` elements in a block, each the default of its type. If making one of them panics, the
    /// ones before it are forgotten.
    ///
    /// # Errors
    /// [`Exhausted`].
    pub fn alloc_default<T: Default>(&self, length: usize) -> Result<SlabBox<'_, [T]>, Exhausted> {
        let mut places = self.alloc_uninit(length)?;
        for place in &mut *places {
            place.write(T::default());
        }
        // SAFETY: all elements are written.
        Ok(unsafe { places.assume_init() })
    }

    fn alloc_uninit<T>(&self, length: usize) -> Result<SlabBox<'_, [MaybeUninit<T>]>, Exhausted> {
        const { assert!(align_of::<T>() <= PAGE_SIZE, "the alignment is larger than a page") };
        let layout =
            Layout::array::<T>(length).map_err(|_| self.exhausted(usize::MAX, Limit::Size))?;
        let place = self.allocate(layout)?.cast::<MaybeUninit<T>>();
        // The block has room for the elements, which need not be written.
        Ok(SlabBox { value: NonNull::slice_from_raw_parts(place, length), slabs: self })
    }
}

impl<'s, T> SlabBox<'s, [MaybeUninit<T>]> {
    /// # Safety
    /// All elements are written.
    unsafe fn assume_init(self) -> SlabBox<'s, [T]> {
        let (value, slabs) = (self.value, self.slabs);
        core::mem::forget(self);
        SlabBox { value: NonNull::slice_from_raw_parts(value.cast(), value.len()), slabs }
    }
}

impl<T: ?Sized> Drop for SlabBox<'_, T> {
    #[inline]
    fn drop(&mut self) {
        let (place, layout) = (self.value.cast(), Layout::for_value(&**self));
        let slabs = self.slabs;
        // Even if the destructor panics.
        // SAFETY: by the invariant the block is of this layout and of `slabs`; the value in it has ended.
        let _given = Defer(|| unsafe { slabs.deallocate(place, layout) });
        // SAFETY: by the invariant the value is there; nobody refers to it, and the box ends.
        unsafe { self.value.drop_in_place() };
    }
}

impl<T: ?Sized> Deref for SlabBox<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: by the invariant the value is there and only the box refers to it.
        unsafe { self.value.as_ref() }
    }
}

impl<T: ?Sized> DerefMut for SlabBox<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: by the invariant the value is there and only the box refers to it.
        unsafe { self.value.as_mut() }
    }
}

impl<T: ?Sized> Borrow<T> for SlabBox<'_, T> {
    fn borrow(&self) -> &T {
        self
    }
}

impl<T: ?Sized + PartialEq> PartialEq for SlabBox<'_, T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: ?Sized + Eq> Eq for SlabBox<'_, T> {}

impl<T: ?Sized + Hash> Hash for SlabBox<'_, T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for SlabBox<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
