//! Pages: one pool of memory, cut into pages, and the free lists that all regions share.
//!
//! A chain that is given back is spliced, never walked: a chain of single pages goes onto the list of single
//! pages, a chain of runs onto `returned`, both in O(1) whatever the chain holds. Sorting runs by their size,
//! and joining neighbours into larger runs, is done later, by an allocation that needs it. Its cost is
//! bounded by the pages that were given back since the last time.
//!
//! A larger run is split only when no smaller one is free, so single pages fill the runs that are already
//! broken before they break another. Hence single pages break at most as many runs of 2^c pages as the
//! highest number of single pages in use at once, divided by 2^c, plus one. A flood of small objects below a
//! cap leaves the rest of the pool whole.

#[cfg(feature = "owners")]
mod owners;
mod runs;

use core::{cell::Cell, fmt, marker::PhantomData, mem, ptr::NonNull};

use crate::{
    region::POISON,
    region_stats::{Labels, RegionStats},
    size::{CLASSES, PAGE_SIZE},
};

#[cfg(feature = "owners")]
pub use owners::Owners;

/// No page: the end of a chain.
pub(crate) const NONE: u32 = u32::MAX;

/// The bookkeeping of a page. It is outside the page, so that all of the page is payload, and writing into a
/// page cannot harm the lists.
#[derive(Default)]
struct PageInfo {
    /// The next run of the chain or free list that the run beginning here is on.
    next: Cell<u32>,
    /// The class of the run that begins here.
    class: Cell<u8>,
    /// Used only while runs are joined: a free run of `class` begins here.
    free: Cell<bool>,
    /// Used only in debug builds: a region or a [`Page`](crate::Page) has this page.
    used: Cell<bool>,
    /// The index of the label of the regions that the run beginning here is of, or was of before it was given back.
    #[cfg(feature = "owners")]
    owner: Cell<u8>,
}

/// A chain of runs, linked through the pool, with both ends known so that it can be spliced.
#[derive(Clone, Copy)]
pub(crate) struct Chain {
    pub(crate) first: u32,
    pub(crate) last: u32,
}

impl Chain {
    pub(crate) const EMPTY: Self = Self { first: NONE, last: NONE };
}

/// A pool of pages, shared by all the regions that are opened on it.
///
/// A pool serves one thread: it is neither `Send` nor `Sync` while it lives, so neither a region nor anything
/// else that can allocate moves to another thread.
///
/// ```compile_fail,E0277
/// fn other_thread(work: impl FnOnce() + Send) {}
///
/// fn share(region: &rt_regions::Region<'_>) {
///     other_thread(|| assert!(region.alloc(7).is_ok()));
/// }
/// ```
pub struct Pool<'m> {
    /// The first page.
    ///
    /// INVARIANT: `base` is aligned to [`PAGE_SIZE`] and the start of `pages.len() * PAGE_SIZE`
    /// bytes that belong to this pool alone for `'m`. A page is on a free list, in exactly one
    /// region, or in exactly one [`Page`](crate::Page).
    base: NonNull<u8>,
    /// One entry for each page.
    pages: &'m [PageInfo],
    /// The heads of the free lists, by class.
    free: [Cell<u32>; CLASSES],
    /// Runs of all classes that were given back and not yet sorted.
    returned: Cell<u32>,
    /// How many pages are on the lists above.
    free_pages: Cell<u32>,
    /// The fewest pages that were ever free.
    least_free: Cell<u32>,
    /// How many pages are kept back.
    kept_back: Cell<u32>,
    /// How many pages were given back since neighbours were last joined.
    unjoined: Cell<u32>,
    #[cfg(feature = "faults")]
    refusal: faults::Refusal,
    /// The counters of the regions, by name.
    labels: Labels,
    memory: PhantomData<&'m mut [u8]>,
}

impl<'m> Pool<'m> {
    /// Makes a pool in `memory`: as many whole pages as fit, with 8 bytes of bookkeeping for each.
    ///
    /// Memory that is too small gives a pool without pages: every allocation from it fails.
    pub fn new(memory: &'m mut [mem::MaybeUninit<u8>]) -> Self {
        let start = memory.as_mut_ptr().cast::<u8>();
        let length = memory.len();
        let infos = start.align_offset(align_of::<PageInfo>());
        // Where the pages begin depends on how many there are: start with too many and correct.
        let mut count = length / PAGE_SIZE;
        let first = loop {
            let table = infos.saturating_add(count * size_of::<PageInfo>());
            let address = start.addr().saturating_add(table);
            let padding = address.next_multiple_of(PAGE_SIZE) - address;
            let first = table.saturating_add(padding);
            if count == 0 || first + count * PAGE_SIZE <= length {
                break first;
            }
            count -= 1;
        };
        let count = count.min(NONE as usize - 1);
        let (pages, base): (&'m [PageInfo], _) = if count == 0 {
            (&[], NonNull::dangling())
        } else {
            // SAFETY: the loop ended with the table (aligned, `count` entries from `infos` on) and
            // the pages after it inside `memory`.
            let table = unsafe { start.add(infos) }.cast::<PageInfo>();
            for index in 0..count {
                // SAFETY: entry `index < count` of the table is inside `memory`.
                let entry = unsafe { table.add(index) };
                // SAFETY: the entry is aligned, inside `memory`, which is ours for 'm.
                unsafe { entry.write(PageInfo::default()) };
            }
            // SAFETY: all `count` entries were written, nobody else refers to them for 'm, and
            // PageInfo has interior mutability.
            let table = unsafe { core::slice::from_raw_parts(table, count) };
            // SAFETY: `first` is inside `memory`, see the loop.
            let base = unsafe { start.add(first) };
            // SAFETY: a pointer into `memory` is not null.
            (table, unsafe { NonNull::new_unchecked(base) })
        };
        let pool = Self {
            base,
            pages,
            free: [const { Cell::new(NONE) }; CLASSES],
            returned: Cell::new(NONE),
            free_pages: Cell::new(count as u32),
            least_free: Cell::new(count as u32),
            kept_back: Cell::new(0),
            unjoined: Cell::new(0),
            #[cfg(feature = "faults")]
            refusal: faults::Refusal::default(),
            labels: Labels::new(),
            memory: PhantomData,
        };
        pool.put_all();
        pool
    }

    /// The number of pages, free or in use.
    pub fn pages(&self) -> usize {
        self.pages.len()
    }

    /// The number of pages that are on the free lists: in no region, and no [`Page`](crate::Page).
    pub fn free_pages(&self) -> usize {
        self.free_pages.get() as usize
    }

    /// The highest number of pages that were in use at once.
    pub fn most_pages_used(&self) -> usize {
        self.pages.len() - self.least_free.get() as usize
    }

    /// The counters of every region name that was ever used, in the order of first use.
    pub fn labels(&self) -> impl Iterator<Item = &RegionStats> {
        self.labels.iter()
    }

    pub(crate) fn label(
        &self,
        name: &'static str,
        place: &'static core::panic::Location<'static>,
    ) -> &RegionStats {
        self.labels.find(name, place)
    }

    /// Keeps `pages` pages back for regions that were opened [with the reserve](crate::Region::with_reserve).
    /// For all other regions the pool is used up when only these are left.
    pub fn keep_back(&self, pages: usize) {
        self.kept_back.set(u32::try_from(pages).unwrap_or(u32::MAX));
    }

    /// The counters of the regions and [pages](crate::Page) that are in use. Once a program has ended all its
    /// regions, a region that is still listed was forgotten (`core::mem::forget`), and so were its pages.
    pub fn open_regions(&self) -> impl Iterator<Item = &RegionStats> {
        self.labels().filter(|label| label.live() > 0)
    }

    /// Whether `address` is inside a page of this pool.
    pub fn contains<T: ?Sized>(&self, address: *const T) -> bool {
        let offset = address.addr().wrapping_sub(self.base.addr().get());
        offset < self.pages.len() * PAGE_SIZE
    }

    /// Takes a run of 2^`class` pages, or nothing. `reserve` says whether it may be one of those that
    /// are kept back.
    #[inline]
    pub(crate) fn take(&self, class: usize, reserve: bool) -> Option<u32> {
        #[cfg(feature = "faults")]
        if self.refusal.is_now() {
            return None;
        }
        let kept_back = if reserve { 0 } else { self.kept_back.get() };
        if self.free_pages.get().saturating_sub(kept_back) < 1 << class {
            return None;
        }
        let run = self.pop(class).or_else(|| self.take_slowly(class))?;
        let free = self.free_pages.get() - (1 << class);
        self.free_pages.set(free);
        if free < self.least_free.get() {
            self.least_free.set(free);
        }
        self.note_use(run, class, true);
        Some(run)
    }

    #[cold]
    fn take_slowly(&self, class: usize) -> Option<u32> {
        self.sort_returned();
        self.pop(class).or_else(|| self.split(class)).or_else(|| {
            self.join();
            self.pop(class).or_else(|| self.split(class))
        })
    }

    /// Notes which regions the run is of that begins with page `run`.
    #[inline]
    pub(crate) fn note_owner(&self, run: u32, label: &RegionStats) {
        #[cfg(feature = "owners")]
        self.pages[run as usize].owner.set(self.labels.index(label) as u8);
        let _ = (run, label);
    }

    /// Gives back a chain of `pages` single pages. O(1).
    pub(crate) fn give_pages(&self, chain: Chain, pages: u32) {
        if chain.first != NONE {
            self.note_end(chain, 0);
            self.set_next(chain.last, self.free[0].get());
            self.free[0].set(chain.first);
            self.count_given(pages);
        }
    }

    /// Gives back a chain of runs of any class, `pages` pages in all. O(1).
    pub(crate) fn give_runs(&self, chain: Chain, pages: u32) {
        if chain.first != NONE {
            self.note_end(chain, 1);
            self.set_next(chain.last, self.returned.get());
            self.returned.set(chain.first);
            self.count_given(pages);
        }
    }

    /// Writes `byte` over every page of a chain.
    pub(crate) fn fill(&self, chain: Chain, byte: u8) {
        for run in self.runs(chain) {
            let length = PAGE_SIZE << self.pages[run as usize].class.get();
            // SAFETY: all pages of the run belong to whoever gives the chain back, who does not use
            // them any more.
            unsafe { self.address(run).write_bytes(byte, length) };
        }
    }

    /// Writes [`POISON`] over pages that are given back, in a debug build, to detect a use after the end.
    #[inline]
    pub(crate) fn poison(&self, chain: Chain) {
        if cfg!(debug_assertions) {
            self.fill(chain, POISON);
        }
    }

    /// The runs of a chain, in order.
    fn runs(&self, chain: Chain) -> impl Iterator<Item = u32> {
        let first = (chain.first != NONE).then_some(chain.first);
        core::iter::successors(first, move |&run| (run != chain.last).then(|| self.next(run)))
    }

    /// In a debug build, notes whether a run is in use, and detects a run that two regions have, or that is
    /// given back unused.
    fn note_use(&self, run: u32, class: usize, used: bool) {
        if cfg!(debug_assertions) {
            for page in run..run + (1 << class) {
                let before = self.pages[page as usize].used.replace(used);
                assert_ne!(before, used, "page {page} is on a list and in use");
            }
        }
    }

    /// Notes the end of a chain that is given back, whose runs are of class `least` or above.
    fn note_end(&self, chain: Chain, least: usize) {
        if cfg!(debug_assertions) {
            for run in self.runs(chain) {
                let class = self.pages[run as usize].class.get() as usize;
                assert!((class == 0) == (least == 0), "a run of class {class} is on a wrong chain");
                self.note_use(run, class, false);
            }
        }
    }

    fn count_given(&self, pages: u32) {
        self.free_pages.set(self.free_pages.get() + pages);
        self.unjoined.set(self.unjoined.get().saturating_add(pages));
    }

    pub(crate) fn next(&self, run: u32) -> u32 {
        self.pages[run as usize].next.get()
    }

    /// The chain with `run` at its end. So pages are taken again in the order in which they were taken
    /// before, mostly upwards, which helps the prefetching of processors.
    #[inline]
    pub(crate) fn append(&self, chain: Chain, run: u32) -> Chain {
        if chain.first == NONE {
            return Chain { first: run, last: run };
        }
        self.set_next(chain.last, run);
        Chain { first: chain.first, last: run }
    }

    pub(crate) fn set_next(&self, run: u32, next: u32) {
        self.pages[run as usize].next.set(next);
    }

    /// The page that `place`, which is in one of this pool's, is in.
    #[inline]
    pub(crate) fn page_of(&self, place: NonNull<u8>) -> u32 {
        ((place.addr().get() - self.base.addr().get()) / PAGE_SIZE) as u32
    }

    /// Where a run begins.
    #[inline]
    pub(crate) fn address(&self, run: u32) -> NonNull<u8> {
        assert!((run as usize) < self.pages.len(), "page {run} is not of this pool");
        // SAFETY: the page is one of the `pages.len()` pages that begin at `base`.
        unsafe { self.base.add(run as usize * PAGE_SIZE) }
    }
}

impl fmt::Debug for Pool<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("pages", &self.pages())
            .field("free_pages", &self.free_pages())
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "faults")]
mod faults;

#[cfg(test)]
mod tests;
