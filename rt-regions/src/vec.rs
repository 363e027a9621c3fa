//! A vector and a string that grow in a region.

use core::{
    fmt,
    mem::{self, ManuallyDrop, MaybeUninit},
    ops::{Deref, DerefMut},
};

use crate::{Exhausted, Region, region::assert_plain};

/// A vector in a region. While it is the newest thing there it grows in place; else it moves, and
/// the old place stays in the region until the region ends.
///
/// The vector owns its elements: those that have a destructor may go in, and it runs when the vector
/// is dropped (not when the region ends: a vector that is forgotten forgets them).
pub struct RegionVec<'r, T> {
    region: &'r Region<'r>,
    /// INVARIANT: the first `length` elements are written.
    buffer: &'r mut [MaybeUninit<T>],
    length: usize,
}

impl<'r, T> RegionVec<'r, T> {
    /// An empty vector; takes no memory yet.
    pub fn new(region: &'r Region<'_>) -> Self {
        Self { region, buffer: &mut [], length: 0 }
    }

    /// An empty vector with room for `capacity` elements.
    ///
    /// # Errors
    /// [`Exhausted`].
    pub fn with_capacity(capacity: usize, region: &'r Region<'_>) -> Result<Self, Exhausted> {
        Ok(Self { region, buffer: region.alloc_places(capacity)?, length: 0 })
    }

    /// Adds an element at the end.
    ///
    /// # Errors
    /// [`Exhausted`]; the vector is as it was.
    #[inline]
    pub fn push(&mut self, value: T) -> Result<(), Exhausted> {
        if self.length == self.buffer.len() {
            self.grow(self.length + 1)?;
        }
        self.buffer[self.length].write(value);
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
        if needed > self.buffer.len() {
            self.grow(needed)?;
        }
        self.buffer[self.length..needed].write_copy_of_slice(values);
        self.length = needed;
        Ok(())
    }

    /// Removes the last element.
    pub fn pop(&mut self) -> Option<T> {
        self.length = self.length.checked_sub(1)?;
        // SAFETY: by the invariant the element was written; it is no longer counted.
        Some(unsafe { self.buffer[self.length].assume_init_read() })
    }

    /// Removes element `index` and puts the last one in its place.
    ///
    /// # Panics
    /// There is no such element.
    pub fn swap_remove(&mut self, index: usize) -> T {
        let last = self.length - 1;
        self.swap(index, last);
        self.length = last;
        // SAFETY: by the invariant the element was written; it is no longer counted.
        unsafe { self.buffer[last].assume_init_read() }
    }

    /// Drops all elements after the first `length`.
    pub fn truncate(&mut self, length: usize) {
        while self.length > length {
            drop(self.pop());
        }
    }

    /// How many elements fit before the vector has to grow.
    pub fn capacity(&self) -> usize {
        self.buffer.len()
    }

    /// The elements, for as long as the region lives. Does not compile for elements with a
    /// destructor.
    pub fn into_slice(self) -> &'r mut [T] {
        const { assert_plain::<T>() };
        let mut vec = ManuallyDrop::new(self);
        let length = vec.length;
        // SAFETY: by the invariant these elements are written.
        unsafe { mem::take(&mut vec.buffer)[..length].assume_init_mut() }
    }

    #[cold]
    fn grow(&mut self, needed: usize) -> Result<(), Exhausted> {
        let (capacity, size) = (self.buffer.len(), size_of::<T>());
        let wanted = needed.max(2 * capacity).max(64 / size.max(1)).max(4);
        let region = self.region;
        for longer in [wanted, needed] {
            match region.extend(mem::take(&mut self.buffer), longer) {
                Ok(buffer) => {
                    self.buffer = buffer;
                    return Ok(());
                }
                Err(buffer) => self.buffer = buffer,
            }
        }
        let room = Region::capacity_of(wanted.saturating_mul(size)) / size.max(1);
        let larger = match self.region.alloc_places(room.max(wanted)) {
            Ok(larger) => larger,
            Err(_) if needed < wanted => self.region.alloc_places(needed)?,
            Err(exhausted) => return Err(exhausted),
        };
        for (new, old) in larger.iter_mut().zip(&self.buffer[..self.length]) {
            // SAFETY: by the invariant the element was written, and after the move below the old
            // place is no longer read.
            new.write(unsafe { old.assume_init_read() });
        }
        self.buffer = larger;
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
        unsafe { self.buffer[..self.length].assume_init_ref() }
    }
}

impl<T> DerefMut for RegionVec<'_, T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: by the invariant these elements are written.
        unsafe { self.buffer[..self.length].assume_init_mut() }
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
    /// The text that `arguments` (of `format_args!`) make. A `Display` that fails by itself ends
    /// the text where it failed.
    ///
    /// # Errors
    /// [`Exhausted`].
    pub fn format(&self, arguments: fmt::Arguments<'_>) -> Result<&str, Exhausted> {
        let mut text = Text::new(self);
        let done = fmt::Write::write_fmt(&mut text, arguments);
        match (done, text.exhausted) {
            (Err(fmt::Error), Some(exhausted)) => Err(exhausted),
            _ => Ok(text.into_str()),
        }
    }
}
