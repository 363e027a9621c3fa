//! A region: a chain of pages with a bump pointer, and a chain of runs for large objects.

use core::{
    alloc::Layout,
    cell::Cell,
    fmt,
    mem::{self, MaybeUninit},
    panic::Location,
    ptr::NonNull,
};

use crate::{
    Exhausted, Limit, Pool,
    budget::Budget,
    label::Label,
    pool::{CLASSES, Chain, NONE, PAGE_SIZE},
};

/// A region: everything allocated in it lives until it is reset or dropped, and then goes at once,
/// in O(1), whatever it holds.
///
/// Opening one costs no page: the first page is taken when the first object comes. Allocating
/// takes `&self` and lends for as long as the region is borrowed; [`reset`](Self::reset) takes
/// `&mut self`, so it does not compile while anything that lives in the region can still be used.
///
/// Values with a destructor do not go into a region (it would never run); that does not compile.
pub struct Region<'p> {
    /// The next free byte of the current chunk.
    ///
    /// INVARIANT: `next..end` is either empty or part of one page of this region (or of the
    /// buffer of a finite region), and no allocation that was made overlaps it.
    next: Cell<*mut u8>,
    /// The end of the current chunk.
    end: Cell<*mut u8>,
    /// Where the pages come from and who counts them; nothing for a finite region.
    source: Option<(&'p Pool<'p>, &'p Label)>,
    name: &'static str,
    /// The single pages, the current one first.
    ///
    /// INVARIANT: these pages, and the runs of `runs`, belong to this region alone.
    pages: Cell<Chain>,
    page_count: Cell<u32>,
    /// The runs of large objects.
    runs: Cell<Chain>,
    run_pages: Cell<u32>,
    budget: Budget<'p>,
    /// The size of the buffer of a finite region, in bytes.
    buffer: usize,
}

impl<'p> Region<'p> {
    /// Opens a region on `pool`. `name` is what errors and counters call it.
    #[track_caller]
    pub fn new(pool: &'p Pool<'p>, name: &'static str) -> Self {
        Self::open(pool, name, Location::caller(), Budget::unlimited(None))
    }

    fn open(
        pool: &'p Pool<'p>,
        name: &'static str,
        place: &'static Location<'static>,
        budget: Budget<'p>,
    ) -> Self {
        let label = pool.label(name, place);
        label.open();
        Self::empty(Some((pool, label)), name, budget)
    }

    fn empty(
        source: Option<(&'p Pool<'p>, &'p Label)>,
        name: &'static str,
        budget: Budget<'p>,
    ) -> Self {
        let nowhere = NonNull::<u8>::dangling().as_ptr();
        Self {
            next: Cell::new(nowhere),
            end: Cell::new(nowhere),
            source,
            name,
            pages: Cell::new(Chain::EMPTY),
            page_count: Cell::new(0),
            runs: Cell::new(Chain::EMPTY),
            run_pages: Cell::new(0),
            budget,
            buffer: 0,
        }
    }

    /// A region that has `buffer` and no pages.
    pub(crate) fn finite(buffer: &'p mut [MaybeUninit<u8>], name: &'static str) -> Self {
        let mut region = Self::empty(None, name, Budget::unlimited(None));
        region.buffer = buffer.len();
        let range = buffer.as_mut_ptr_range();
        region.next.set(range.start.cast());
        region.end.set(range.end.cast());
        region
    }

    /// The same region, not yet used, with a cap: it and its children together never hold more
    /// than `bytes`, rounded up to whole pages.
    #[must_use]
    pub fn with_cap(mut self, bytes: usize) -> Self {
        self.budget.set_cap(bytes.div_ceil(PAGE_SIZE));
        self
    }

    /// Opens a region for the length of a borrow of this one; its pages count against this
    /// region's cap as well. A child of a finite region has no room at all.
    #[track_caller]
    pub fn child(&self, name: &'static str) -> Region<'_> {
        match self.source {
            Some((pool, _)) => {
                Region::open(pool, name, Location::caller(), Budget::unlimited(Some(&self.budget)))
            }
            None => Region::empty(None, name, Budget::unlimited(None)),
        }
    }

    /// The name the region was opened with.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The pool that the pages come from; nothing for a finite region.
    pub fn pool(&self) -> Option<&'p Pool<'p>> {
        self.source.map(|(pool, _)| pool)
    }

    /// The pool that the pages come from.
    ///
    /// # Errors
    /// A finite region has none.
    pub fn require_pool(&self) -> Result<&'p Pool<'p>, Exhausted> {
        self.pool().ok_or_else(|| self.exhausted(PAGE_SIZE, Limit::Cap))
    }

    /// The number of pages that the region holds, those of large objects included, those of
    /// children not.
    pub fn pages(&self) -> usize {
        (self.page_count.get() + self.run_pages.get()) as usize
    }

    /// Moves `value` into the region.
    ///
    /// # Errors
    /// [`Exhausted`], and the value is gone, which is why it has no destructor.
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
        self.alloc_places(length)
    }

    /// Room for `length` elements of any type, for an owner that runs their destructors.
    #[allow(clippy::mut_from_ref, reason = "each call lends memory that no other call lends")]
    pub(crate) fn alloc_places<T>(
        &self,
        length: usize,
    ) -> Result<&mut [MaybeUninit<T>], Exhausted> {
        const { assert!(align_of::<T>() <= PAGE_SIZE, "the alignment is larger than a page") };
        let Ok(layout) = Layout::array::<T>(length) else {
            return Err(self.exhausted(usize::MAX, Limit::Size));
        };
        let place = self.allocate(layout)?.cast::<MaybeUninit<T>>();
        // SAFETY: `place` is aligned and valid for `length` elements, lent to nobody else, and
        // stays so until the borrow of `self` ends; MaybeUninit needs no value.
        Ok(unsafe { core::slice::from_raw_parts_mut(place.as_ptr(), length) })
    }

    /// Lets `fill` write up to `most` bytes into the region, and keeps what it wrote: the slice
    /// that it returns, which begins where its argument begins. The rest is given back. `None`
    /// keeps nothing.
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
            // SAFETY: `length <= most`, so this is inside the buffer or its end.
            self.next.set(unsafe { start.add(length) });
        }
        Ok((filled, result))
    }

    /// Empties the region: all that was allocated in it is gone. One page is kept for what comes
    /// next. O(1).
    pub fn reset(&mut self) {
        let Some((pool, label)) = self.source else { return };
        label.reset();
        self.give_runs(pool, label);
        let Chain { first, last } = self.pages.get();
        let count = self.page_count.get();
        if count > 1 {
            pool.give_pages(Chain { first: pool.next(first), last }, count - 1);
            self.pages.set(Chain { first, last: first });
            self.page_count.set(1);
            label.give(count - 1);
            self.budget.give(count - 1);
        }
        if count > 0 {
            let page = pool.address(first).as_ptr();
            self.next.set(page);
            // SAFETY: one past the end of the page.
            self.end.set(unsafe { page.add(PAGE_SIZE) });
        }
    }

    /// Memory for `layout`, at the bump pointer or in a new page or run.
    #[inline]
    pub(crate) fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, Exhausted> {
        let next = self.next.get();
        let padding = next.addr().wrapping_neg() & (layout.align() - 1);
        let room = self.end.get().addr() - next.addr();
        // A Layout's size is at most isize::MAX, and so is the padding: no overflow.
        if padding + layout.size() <= room {
            // SAFETY: `padding <= room`, so this is inside the chunk or its end.
            let place = unsafe { next.add(padding) };
            // SAFETY: `padding + size <= room`, likewise.
            self.next.set(unsafe { place.add(layout.size()) });
            // SAFETY: a pointer into a chunk is not null.
            return Ok(unsafe { NonNull::new_unchecked(place) });
        }
        self.allocate_slowly(layout)
    }

    #[cold]
    fn allocate_slowly(&self, layout: Layout) -> Result<NonNull<u8>, Exhausted> {
        let size = layout.size();
        if size == 0 {
            return Ok(layout.dangling_ptr());
        }
        if size > PAGE_SIZE << (CLASSES - 1) || layout.align() > PAGE_SIZE {
            return Err(self.exhausted(size, Limit::Size));
        }
        let class = size.div_ceil(PAGE_SIZE).next_power_of_two().trailing_zeros() as usize;
        let count = 1 << class;
        let Some((pool, label)) = self.source else {
            return Err(self.exhausted(size, Limit::Cap));
        };
        if !self.budget.allows(count) {
            return Err(self.exhausted(size, Limit::Cap));
        }
        let Some(run) = pool.take(class) else {
            return Err(self.exhausted(size, Limit::Pool));
        };
        self.budget.take(count);
        label.take(count);
        let chain = if class == 0 { &self.pages } else { &self.runs };
        let Chain { first, last } = chain.get();
        pool.set_next(run, first);
        chain.set(Chain { first: run, last: if first == NONE { run } else { last } });
        let place = pool.address(run);
        if class == 0 {
            self.page_count.set(self.page_count.get() + 1);
            // SAFETY: `size <= PAGE_SIZE`, so this is inside the page or its end.
            self.next.set(unsafe { place.add(size) }.as_ptr());
            // SAFETY: one past the end of the page.
            self.end.set(unsafe { place.add(PAGE_SIZE) }.as_ptr());
        } else {
            self.run_pages.set(self.run_pages.get() + count);
        }
        Ok(place)
    }

    /// Makes `buffer` longer where it stands, if it is the newest thing in its chunk and there is
    /// room; else gives it back as it was.
    pub(crate) fn extend<'r, T>(
        &'r self,
        buffer: &'r mut [MaybeUninit<T>],
        length: usize,
    ) -> Result<&'r mut [MaybeUninit<T>], &'r mut [MaybeUninit<T>]> {
        let next = self.next.get();
        let size = size_of_val(buffer);
        let more = length.saturating_mul(size_of::<T>()).saturating_sub(size);
        let newest = size > 0 && buffer.as_mut_ptr_range().end.cast::<u8>() == next;
        if !newest || size > PAGE_SIZE || more > self.end.get().addr() - next.addr() {
            return Err(buffer);
        }
        // SAFETY: `more` bytes are free from `next` on, see above.
        self.next.set(unsafe { next.add(more) });
        // SAFETY: the buffer's `size` bytes end at `next`, in the same chunk.
        let start = unsafe { next.sub(size) }.cast::<MaybeUninit<T>>();
        // SAFETY: the bytes of `buffer`, which this replaces, and the `more` bytes that were just
        // taken; elements of MaybeUninit need no value.
        Ok(unsafe { core::slice::from_raw_parts_mut(start, length) })
    }

    /// How many bytes an allocation of `size` really has: all of its run, if it has one.
    pub(crate) fn capacity_of(size: usize) -> usize {
        if size > PAGE_SIZE {
            size.div_ceil(PAGE_SIZE).next_power_of_two() * PAGE_SIZE
        } else {
            size
        }
    }

    pub(crate) fn exhausted(&self, requested: usize, limit: Limit) -> Exhausted {
        let (used, allowed) = match self.source {
            None => (self.buffer - (self.end.get().addr() - self.next.get().addr()), self.buffer),
            Some((pool, label)) => {
                label.refuse();
                let (used, cap) = self.budget.tightest();
                let used = used * PAGE_SIZE;
                match limit {
                    Limit::Cap => (used, cap * PAGE_SIZE),
                    Limit::Pool => (used, used + pool.free_pages() * PAGE_SIZE),
                    Limit::Size => (used, PAGE_SIZE << (CLASSES - 1)),
                }
            }
        };
        Exhausted { region: self.name, requested, used, allowed, limit }
    }

    fn give_runs(&self, pool: &Pool<'_>, label: &Label) {
        let pages = self.run_pages.replace(0);
        pool.give_runs(self.runs.replace(Chain::EMPTY), pages);
        label.give(pages);
        self.budget.give(pages);
    }
}

impl Drop for Region<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some((pool, label)) = self.source {
            let count = self.page_count.get();
            pool.give_pages(self.pages.get(), count);
            label.give(count);
            self.budget.give(count);
            if self.run_pages.get() > 0 {
                self.give_runs(pool, label);
            }
            label.close();
        }
    }
}

impl fmt::Debug for Region<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Region")
            .field("name", &self.name)
            .field("pages", &self.pages())
            .finish_non_exhaustive()
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
