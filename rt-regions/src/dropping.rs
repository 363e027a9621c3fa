//! Values with destructors, which the region keeps in a list and drops at its end.

use core::{cell::Cell, fmt, ptr::NonNull};

use crate::{Exhausted, Region};

/// Calls its closure when it is dropped, at the end of its block or by a panic: to restore state after
/// foreign code.
pub(crate) struct Defer<F: FnMut()>(pub(crate) F);

impl<F: FnMut()> Drop for Defer<F> {
    #[inline(always)]
    fn drop(&mut self) {
        (self.0)();
    }
}

/// A value that is to be dropped.
pub(crate) struct Record {
    older: Option<NonNull<Record>>,
    value: NonNull<u8>,
    /// INVARIANT: drops the value at `value`, which is of the type that this was made for.
    drop: unsafe fn(NonNull<u8>),
}

/// The values of a region that are to be dropped, the newest first.
pub(crate) struct Dropping {
    /// INVARIANT: records and values live in the region that has this list.
    newest: Cell<Option<NonNull<Record>>>,
}

impl Dropping {
    pub(crate) const fn new() -> Self {
        Self { newest: Cell::new(None) }
    }

    pub(crate) fn newest(&self) -> Option<NonNull<Record>> {
        self.newest.get()
    }

    /// Drops the values that are newer than `until`, the newest first. If a destructor panics, the others
    /// are dropped before the panic goes on.
    #[inline]
    pub(crate) fn run(&self, until: Option<NonNull<Record>>) {
        if self.newest.get() != until {
            self.run_slowly(until);
        }
    }

    #[cold]
    fn run_slowly(&self, until: Option<NonNull<Record>>) {
        let _others = Defer(|| self.drop_down_to(until));
        self.drop_down_to(until);
    }

    fn drop_down_to(&self, until: Option<NonNull<Record>>) {
        while let Some(record) = self.newest.get()
            && Some(record) != until
        {
            // SAFETY: by the invariant the record is there.
            let &Record { older, value, drop } = unsafe { record.as_ref() };
            // First, so that it is dropped once, even if its destructor panics.
            self.newest.set(older);
            // SAFETY: by the invariant of the record; the region ends, so nobody refers to the value.
            unsafe { drop(value) };
        }
    }
}

impl Region<'_> {
    /// Moves `value` into the region, and drops it when the region is reset or ends: the newest value
    /// first. Releasing is then linear in the number of such values.
    ///
    /// A region that is forgotten never drops its values. They own what they refer to (`'static`), because
    /// nothing else is certain to live as long as the region.
    ///
    /// ```
    /// # let mut memory = vec![std::mem::MaybeUninit::uninit(); 64 << 10];
    /// # let pool = rt_regions::Pool::new(&mut memory);
    /// let region = rt_regions::Region::new(&pool, "r");
    /// let shared = std::rc::Rc::new(7);
    /// region.alloc_dropping(shared.clone())?;
    /// assert_eq!(std::rc::Rc::strong_count(&shared), 2);
    /// drop(region);
    /// assert_eq!(std::rc::Rc::strong_count(&shared), 1);
    /// # Ok::<(), rt_regions::Exhausted>(())
    /// ```
    ///
    /// # Errors
    /// [`Exhausted`], and the value is dropped at once.
    #[allow(clippy::mut_from_ref, reason = "each call lends memory that no other call lends")]
    pub fn alloc_dropping<T: 'static>(&self, value: T) -> Result<&mut T, Exhausted> {
        /// # Safety
        /// There is a `T` at `value`, which nobody uses any more.
        unsafe fn drop_value<T>(value: NonNull<u8>) {
            // SAFETY: see above.
            unsafe { value.cast::<T>().drop_in_place() };
        }

        let mut place = self.allocate_array::<T>(1)?;
        let record =
            Record { older: self.dropping.newest(), value: place.cast(), drop: drop_value::<T> };
        let record = NonNull::from(self.alloc(record)?);
        // SAFETY: allocated above, aligned, and lent to nobody.
        unsafe { place.write(value) };
        self.save();
        self.dropping.newest.set(Some(record));
        // SAFETY: written above; the memory is this value's until the region is reset or ends, and
        // both need the borrow of `self` to have ended.
        Ok(unsafe { place.as_mut() })
    }
}

impl fmt::Debug for Dropping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.newest().is_some() { "Dropping" } else { "Nothing" })
    }
}
