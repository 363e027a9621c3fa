//! A region: a chain of pages with a bump pointer, and a chain of runs for large objects.

mod room;

use core::{cell::Cell, fmt, mem::MaybeUninit, panic::Location, ptr::NonNull};

use crate::{
    Exhausted, Limit, Pool,
    budget::Budget,
    dropping::{Defer, Dropping},
    pool::{Chain, NONE},
    region_stats::{Filled, RegionStats},
    scope::Mark,
    size::{LARGEST, PAGE_SIZE},
};

/// The byte that a debug build writes over memory that is given back.
pub(crate) const POISON: u8 = 0xdd;

/// A flag of a region: it may use what the pool keeps back.
const RESERVE: u32 = 1;

/// A flag of a region: its pages are zeroed before they are given back.
const ZEROING: u32 = 2;

/// A region: everything allocated in it lives until it is reset or dropped. Then all of it is released at
/// once, in O(1), whatever it holds.
///
/// Opening a region takes no page: the first object takes the first page. Allocating takes `&self`, and the
/// object lives as long as that borrow. [`reset`](Self::reset) takes `&mut self`, so it does not compile
/// while an object of the region can still be used.
///
/// A value with a destructor does not go into a region, because the destructor would never run: that does not
/// compile. [`alloc_dropping`](Self::alloc_dropping) takes such values, and runs their destructors when the
/// region ends.
pub struct Region<'p> {
    /// The next free byte of the current chunk.
    ///
    /// INVARIANT: `next..end` is either empty or part of one page of this region (or of the
    /// buffer of a finite region), and no allocation that was made overlaps it.
    pub(crate) next: Cell<*mut u8>,
    /// The end of the current chunk.
    pub(crate) end: Cell<*mut u8>,
    /// The pool of the pages and their counters; nothing for a finite region.
    pub(crate) source: Option<(&'p Pool<'p>, &'p RegionStats)>,
    pub(crate) name: &'static str,
    /// The single pages, the current one last.
    ///
    /// INVARIANT: these pages, and the runs of `runs`, belong to this region alone.
    pub(crate) pages: Cell<Chain>,
    pub(crate) page_count: Cell<u32>,
    /// The page before the last one of `pages`, if there is one.
    pub(crate) last_but_one: Cell<u32>,
    /// The runs of large objects.
    pub(crate) runs: Cell<Chain>,
    pub(crate) run_pages: Cell<u32>,
    pub(crate) budget: Budget<'p>,
    /// How many bytes were allocated in the pages before the current one and in the runs, and how
    /// many of their bytes are not used.
    pub(crate) filled: Cell<Filled>,
    /// The values whose destructors run when the region ends, the newest first.
    pub(crate) dropping: Dropping,
    /// The mark of the innermost scope that is open in the region, if there is one.
    ///
    /// INVARIANT: that mark is there, or it is not a mark but says that the scope's is written. A scope
    /// that ends puts back what was here before.
    pub(crate) innermost: Cell<Option<NonNull<Mark>>>,
    /// The size of the buffer of a finite region, in bytes.
    pub(crate) buffer: usize,
    /// [`RESERVE`] and [`ZEROING`], each if it is set. No `bool`s: the compiler would tell `None` from a region by one of
    /// them, and move what is before and behind that byte on its own. So it takes a pointer.
    flags: u32,
}

impl<'p> Region<'p> {
    /// Opens a region on `pool`. Errors and counters show it under `name`.
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
        source: Option<(&'p Pool<'p>, &'p RegionStats)>,
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
            last_but_one: Cell::new(NONE),
            runs: Cell::new(Chain::EMPTY),
            run_pages: Cell::new(0),
            budget,
            filled: Cell::new(Filled::default()),
            dropping: Dropping::new(),
            innermost: Cell::new(None),
            buffer: 0,
            flags: 0,
        }
    }

    /// A region that has `buffer` and no pages.
    // One copy: it fills in all fields, and is not called for each packet.
    #[inline(never)]
    pub(crate) fn finite(buffer: &'p mut [MaybeUninit<u8>], name: &'static str) -> Self {
        let mut region = Self::empty(None, name, Budget::unlimited(None));
        region.buffer = buffer.len();
        let range = buffer.as_mut_ptr_range();
        region.next.set(range.start.cast());
        region.end.set(range.end.cast());
        region
    }

    /// This region, which is not used yet, with a cap: it and its children together never hold more than
    /// `bytes`, rounded up to whole pages.
    #[must_use]
    pub fn with_cap(mut self, bytes: usize) -> Self {
        self.budget.set_cap(bytes.div_ceil(PAGE_SIZE));
        self
    }

    /// This region, allowed to use the pages that [`Pool::keep_back`] keeps back: for paths that
    /// report that memory has run out.
    #[must_use]
    pub fn with_reserve(mut self) -> Self {
        self.flags |= RESERVE;
        self
    }

    /// This region, whose pages are zeroed before they are given back. Releasing is then linear
    /// in the number of pages.
    #[must_use]
    pub fn with_zeroing(mut self) -> Self {
        self.flags |= ZEROING;
        self
    }

    pub(crate) fn has_reserve(&self) -> bool {
        self.flags & RESERVE != 0
    }

    pub(crate) fn is_zeroing(&self) -> bool {
        self.flags & ZEROING != 0
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

    /// Empties the region, and keeps one page for the next objects. O(1), except for
    /// [destructors](Self::alloc_dropping). If a destructor panics, the others run, and the region is empty
    /// all the same.
    #[inline]
    pub fn reset(&mut self) {
        self.clear();
    }

    /// Drops the values and gives back all pages but the newest, for a caller that has the region mutably
    /// borrowed.
    #[inline]
    fn clear(&self) {
        // Even if a destructor panics: what it leaves behind is used again.
        let _emptied = Defer(|| self.rewind_to_newest_page());
        self.dropping.run(None);
    }

    /// Gives back all pages but the newest, and begins that again.
    // Else a build that unwinds, which has it twice, calls it.
    #[inline(always)]
    fn rewind_to_newest_page(&self) {
        let Some((pool, label)) = self.source else {
            let used = self.buffer - self.room();
            // SAFETY: the chunk of a finite region is its buffer, of which `used` bytes lie before.
            self.next.set(unsafe { self.next.get().sub(used) });
            return;
        };
        label.reset();
        if self.page_count.get() > 1 || self.run_pages.get() > 0 {
            self.give_all_but_last(pool, label);
        }
        if self.page_count.get() > 0 {
            self.wipe(pool, self.pages.get());
            // SAFETY: the current chunk is all of the last page, of which this is the beginning.
            self.next.set(unsafe { self.end.get().sub(PAGE_SIZE) });
        }
    }

    /// Gives back the runs and all the pages but the last, which is the current chunk, and in the processor's
    /// caches.
    #[cold]
    fn give_all_but_last(&self, pool: &Pool<'_>, label: &RegionStats) {
        let Chain { first, last } = self.pages.get();
        if first != last {
            self.pages.set(Chain { first: last, last });
            let pages = self.page_count.replace(1) - 1;
            let rest = Chain { first, last: self.last_but_one.replace(NONE) };
            self.give_back(pool, label, rest, pages);
        }
        self.give_runs(pool, label, self.runs.replace(Chain::EMPTY), self.run_pages.replace(0));
        self.count(label, Filled::default());
    }

    /// Empties the region and keeps no page. O(1), except for [destructors](Self::alloc_dropping). If a
    /// destructor panics, the others run, and the region is empty all the same.
    pub fn release(&mut self) {
        let region = &*self;
        // Even if a destructor panics.
        let _released = Defer(|| region.give_newest_page());
        region.clear();
    }

    /// Gives back the page that an emptied region has kept.
    // Else a build that unwinds, which has it twice, calls it.
    #[inline(always)]
    fn give_newest_page(&self) {
        if let Some((pool, label)) = self.source {
            let (page, count) = (self.pages.replace(Chain::EMPTY), self.page_count.replace(0));
            self.give_back(pool, label, page, count);
            self.next.set(self.end.get());
        }
    }

    /// Gives back all that the region has, which ends.
    // Else a build that unwinds, which has it twice, calls it.
    #[inline(always)]
    fn give_all(&self) {
        if let Some((pool, label)) = self.source {
            self.give_back(pool, label, self.pages.get(), self.page_count.get());
            self.give_runs(pool, label, self.runs.get(), self.run_pages.get());
            self.count(label, Filled::default());
            label.close();
        }
    }

    #[cold]
    pub(crate) fn exhausted(&self, requested: usize, limit: Limit) -> Exhausted {
        let (used, allowed) = match self.source {
            None => (self.buffer - self.room(), self.buffer),
            Some((pool, label)) => {
                label.refuse();
                let (used, cap) = self.budget.tightest();
                let left = pool.free_pages() * PAGE_SIZE;
                let cap =
                    if limit == Limit::Cap { cap * PAGE_SIZE } else { used * PAGE_SIZE + left };
                (used * PAGE_SIZE, cap)
            }
        };
        let allowed = if limit == Limit::Size { LARGEST } else { allowed };
        Exhausted::new(self.name, limit, requested, used, allowed)
    }

    /// Gives single pages back. O(1) but for [`wipe`](Self::wipe).
    #[inline]
    pub(crate) fn give_back(&self, pool: &Pool<'_>, label: &RegionStats, pages: Chain, count: u32) {
        if count > 0 {
            self.wipe(pool, pages);
            pool.give_pages(pages, count);
            label.give(count);
            self.budget.give(count);
        }
    }

    /// Gives runs back. O(1) but for [`wipe`](Self::wipe).
    #[inline]
    pub(crate) fn give_runs(&self, pool: &Pool<'_>, label: &RegionStats, runs: Chain, pages: u32) {
        if pages > 0 {
            self.wipe(pool, runs);
            pool.give_runs(runs, pages);
            label.give(pages);
            self.budget.give(pages);
        }
    }

    /// Zeroes pages that are given back, if that was asked for. Otherwise a debug build writes [`POISON`]
    /// over them, to detect a use after the end.
    #[inline]
    pub(crate) fn wipe(&self, pool: &Pool<'_>, chain: Chain) {
        if self.is_zeroing() {
            pool.fill(chain, 0);
        } else {
            pool.poison(chain);
        }
    }
}

impl Drop for Region<'_> {
    // One copy: regions end in many places, and seldom.
    #[inline(never)]
    fn drop(&mut self) {
        let region = &*self;
        // Even if a destructor panics: nobody else knows of the pages.
        let _given = Defer(|| region.give_all());
        region.dropping.run(None);
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
