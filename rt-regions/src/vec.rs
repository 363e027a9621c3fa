//! A vector and a string that grow in a region.

use core::{
    alloc::Layout,
    fmt,
    marker::PhantomData,
    mem::{self, ManuallyDrop, MaybeUninit},
    ops::{Deref, DerefMut},
    ptr::NonNull,
};

use crate::{Exhausted, Limit, Region, alloc::assert_plain};

/// A vector in a region. While it is the newest allocation there, it grows in place. Otherwise it moves, and
/// the old place stays in the region until the region ends.
///
/// The vector owns its elements. They may have destructors, which run when the vector is dropped (not when
/// the region ends: a forgotten vector never drops its elements).
pub struct RegionVec<'r, T> {
    region: &'r Region<'r>,
    /// INVARIANT: room for `capacity` elements, allocated in `region` (dangling if there are none) and
    /// used by nobody else; the first `length` of them are written. A raw pointer, because a reference
    /// would have to be given up before the room can grow where it stands.
    room: NonNull<T>,
    capacity: usize,
    length: usize,
    elements: PhantomData<&'r mut [T]>,
}

impl<'r, T> RegionVec<'r, T> {
    /// An empty vector; takes no memory yet.
    pub fn new(region: &'r Region<'_>) -> Self {
        Self { region, room: NonNull::dangling(), capacity: 0, length: 0, elements: PhantomData }
    }

    /// An empty vector with room for `capacity` elements.
    ///
    /// # Errors
    /// [`Exhausted`].
    pub fn with_capacity(capacity: usize, region: &'r Region<'_>) -> Result<Self, Exhausted> {
        let room = region.allocate_array(capacity)?;
        Ok(Self { region, room, capacity, length: 0, elements: PhantomData })
    }

    /// Adds an element at the end.
    ///
    /// # Errors
    /// [`Exhausted`]; the vector is as it was.
    #[inline]
    pub fn push(&mut self, value: T) -> Result<(), Exhausted> {
        if self.length == self.capacity {
            self.grow(self.length + 1)?;
        }
        let length = self.length;
        self.all()[length].write(value);
        self.length += 1;
        Ok(())
    }

    /// Adds copies of `values` at the end.
    ///
    /// # Errors
    /// [`Exhausted`]; the vector is as it was.
    pub fn extend_from_slice(&mut self, values: &[T]) -> Result<(), Exhausted>
    where
        T: Copy,
    {
        let needed = self.length + values.len();
        if needed > self.capacity {
            self.grow(needed)?;
        }
        let length = self.length;
        self.all()[length..needed].write_copy_of_slice(values);
        self.length = needed;
        Ok(())
    }

    /// Removes the last element.
    pub fn pop(&mut self) -> Option<T> {
        let last = self.length.checked_sub(1)?;
        self.length = last;
        // SAFETY: by the invariant the element was written; it is no longer counted.
        Some(unsafe { self.all()[last].assume_init_read() })
    }

    /// Removes element `index` and puts the last one in its place.
    ///
    /// # Panics
    /// There is no such element.
    pub fn swap_remove(&mut self, index: usize) -> T {
        assert!(index < self.length);
        let last = self.length - 1;
        if index != last {
            self.swap(index, last);
        }
        self.length = last;
        // SAFETY: by the invariant the element was written; it is no longer counted.
        unsafe { self.all()[last].assume_init_read() }
    }

    /// Drops all elements after the first `length`, in their order. If a destructor panics, the others run
    /// all the same.
    pub fn truncate(&mut self, length: usize) {
        let Some(count) = self.length.checked_sub(length) else { return };
        // First, so that they are dropped once, even if a destructor panics.
        self.length = length;
        // SAFETY: by the invariant there is room for more elements than `length`, or as many.
        let first = unsafe { self.room.add(length) };
        // SAFETY: by the invariant these `count` elements were written, and nobody else uses them; they are no
        // longer counted.
        unsafe { NonNull::slice_from_raw_parts(first, count).drop_in_place() };
    }

    /// How many elements fit before the vector has to grow.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The elements, for as long as the region lives. Does not compile for elements with a
    /// destructor.
    pub fn into_slice(self) -> &'r mut [T] {
        const { assert_plain::<T>() };
        let vec = ManuallyDrop::new(self);
        // SAFETY: by the invariant these elements are written, nobody else uses them, and the region
        // is borrowed for `'r`.
        unsafe { core::slice::from_raw_parts_mut(vec.room.as_ptr(), vec.length) }
    }

    /// All the room, written or not.
    #[inline]
    fn all(&mut self) -> &mut [MaybeUninit<T>] {
        // SAFETY: by the invariant the room is there and nobody else uses it; MaybeUninit needs no
        // value.
        unsafe { core::slice::from_raw_parts_mut(self.room.as_ptr().cast(), self.capacity) }
    }

    #[cold]
    fn grow(&mut self, needed: usize) -> Result<(), Exhausted> {
        let Self { room, capacity, length, .. } = *self;
        let mut room = Room { place: room.cast(), capacity, length };
        // SAFETY: by the invariant the room is that, in this region, of such elements; the old place is not
        // used again.
        let grown = unsafe { room.grow(self.region, Layout::new::<T>(), needed) };
        (self.room, self.capacity) = (room.place.cast(), room.capacity);
        grown
    }
}

/// The room of a vector of any elements. The code that grows it is long, so one copy serves all element
/// types.
struct Room {
    place: NonNull<u8>,
    /// How many elements have room, and how many of them are written.
    capacity: usize,
    length: usize,
}

impl Room {
    /// Makes room for `needed` elements, which is more than the present room, and for more if possible. The
    /// elements move with it. If there is no room, the vector stays as it is.
    ///
    /// # Safety
    /// The room was allocated in `region` for `capacity` elements of this layout, and the first `length` are
    /// written. If the place is another one afterwards, the old one is not used again.
    #[inline(never)]
    unsafe fn grow(
        &mut self,
        region: &Region<'_>,
        element: Layout,
        needed: usize,
    ) -> Result<(), Exhausted> {
        let size = element.size();
        let wanted = needed.max(2 * self.capacity).max(64 / size.max(1)).max(4);
        for longer in [wanted, needed] {
            if region.grow_newest(self.place, self.capacity * size, longer.saturating_mul(size)) {
                self.capacity = longer;
                return Ok(());
            }
        }
        let fits = Region::capacity_of(wanted.saturating_mul(size)) / size.max(1);
        let roomy = fits.max(wanted);
        let array = |length: usize| {
            let bytes = length.checked_mul(size)?;
            Layout::from_size_align(bytes, element.align()).ok()
        };
        // Counted as refused only if there is no room at all.
        let (capacity, place) = match array(roomy).and_then(|all| region.try_allocate(all)) {
            Some(place) => (roomy, place),
            None => {
                let all = array(needed).ok_or_else(|| region.exhausted(usize::MAX, Limit::Size))?;
                (needed, region.allocate(all)?)
            }
        };
        // SAFETY: both have room for the `length` elements that are written, and are not the same.
        unsafe { place.copy_from_nonoverlapping(self.place, self.length * size) };
        (self.place, self.capacity) = (place, capacity);
        Ok(())
    }
}

impl<T> Drop for RegionVec<'_, T> {
    fn drop(&mut self) {
        if mem::needs_drop::<T>() {
            self.truncate(0);
        }
    }
}

impl<T> Deref for RegionVec<'_, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: by the invariant these elements are written.
        unsafe { core::slice::from_raw_parts(self.room.as_ptr(), self.length) }
    }
}

impl<T> DerefMut for RegionVec<'_, T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: by the invariant these elements are written, and nobody else uses them.
        unsafe { core::slice::from_raw_parts_mut(self.room.as_ptr(), self.length) }
    }
}

impl<T: fmt::Debug> fmt::Debug for RegionVec<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.deref().fmt(f)
    }
}

/// A string that grows in a region; `write!` works on it.
pub struct Text<'r> {
    bytes: RegionVec<'r, u8>,
    exhausted: Option<Exhausted>,
}

impl<'r> Text<'r> {
    /// An empty string; takes no memory yet.
    pub fn new(region: &'r Region<'_>) -> Self {
        Self { bytes: RegionVec::new(region), exhausted: None }
    }

    /// Adds `text` at the end.
    ///
    /// # Errors
    /// [`Exhausted`]; the string is as it was.
    pub fn push_str(&mut self, text: &str) -> Result<(), Exhausted> {
        self.bytes.extend_from_slice(text.as_bytes())
    }

    /// The string, for as long as the region lives.
    pub fn into_str(self) -> &'r mut str {
        // SAFETY: only whole strs were ever added.
        unsafe { core::str::from_utf8_unchecked_mut(self.bytes.into_slice()) }
    }
}

impl fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push_str(text).map_err(|exhausted| {
            self.exhausted = Some(exhausted);
            fmt::Error
        })
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        // SAFETY: only whole strs were ever added.
        unsafe { core::str::from_utf8_unchecked(&self.bytes) }
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.deref().fmt(f)
    }
}

impl Region<'_> {
    /// The text of `arguments` (of `format_args!`). If a `Display` fails by itself, the text ends there.
    ///
    /// # Errors
    /// [`Exhausted`].
    pub fn format(&self, arguments: fmt::Arguments<'_>) -> Result<&str, Exhausted> {
        let mut text = Text::new(self);
        let _ = fmt::Write::write_fmt(&mut text, arguments);
        // A `Display` may swallow the error of the writing: the text is not whole all the same.
        match text.exhausted {
            Some(exhausted) => Err(exhausted),
            None => Ok(text.into_str()),
        }
    }
}
