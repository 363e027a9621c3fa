//! A value that owns the region in which it lives, and so outlives a packet.

use core::{
    fmt,
    ops::{Deref, DerefMut},
    ptr::NonNull,
};

use crate::{Exhausted, Region};

/// A value in a region of its own. Dropping the box ends the region.
pub struct RegionBox<'p, T: ?Sized> {
    /// INVARIANT: the value lives in `region`, which is neither reset nor lent while the box lives,
    /// so nobody but the box refers to it.
    value: NonNull<T>,
    region: Region<'p>,
}

impl<'p, T> RegionBox<'p, T> {
    /// Moves `value` into `region`, and the region into the box.
    ///
    /// # Errors
    /// [`Exhausted`].
    pub fn new(region: Region<'p>, value: T) -> Result<Self, Exhausted> {
        let value = NonNull::from(region.alloc(value)?);
        Ok(Self { value, region })
    }

    /// This box with the value seen as something unsized: `boxed.unsize(|value| value as _)`.
    ///
    /// The type of the box no longer shows what the value borrows, so that has to live as long as the pool.
    pub fn unsize<U: ?Sized>(
        mut self,
        coerce: impl for<'a> FnOnce(&'a mut T) -> &'a mut U,
    ) -> RegionBox<'p, U>
    where
        T: 'p,
    {
        let value = NonNull::from(coerce(&mut self));
        RegionBox { value, region: self.region }
    }
}

impl<'p, T: ?Sized> RegionBox<'p, T> {
    /// The region in which the value lives, for other objects beside it.
    pub(crate) fn region(&self) -> &Region<'p> {
        &self.region
    }
}

impl<T: ?Sized> Deref for RegionBox<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: by the invariant the value is there and only the box refers to it.
        unsafe { self.value.as_ref() }
    }
}

impl<T: ?Sized> DerefMut for RegionBox<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: by the invariant the value is there and only the box refers to it.
        unsafe { self.value.as_mut() }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RegionBox<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.deref().fmt(f)
    }
}
