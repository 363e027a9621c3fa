//! Small blocks of a few size classes, in pages of a pool: what comes and goes one by one.
//!
//! A slab is a page that is cut into blocks of one class. It begins with a header; the blocks lie at its
//! end, so that a block whose size is a power of two is aligned to its size. The slabs of a class that have
//! room are linked to each other, and the blocks of a slab that were given back are linked inside them.

mod classes;

use core::{alloc::Layout, cell::Cell, fmt, panic::Location, ptr::NonNull};

use self::classes::{CLASS_COUNT, SIZES, class_of};
use crate::{
    Exhausted, Limit, Pool, Region,
    budget::Budget,
    pool::{Chain, NONE},
    region::POISON,
    region_stats::RegionStats,
    size::{LARGEST, PAGE_SIZE},
};

/// What a slab begins with.
struct Header {
    /// The slabs before and after this one on the list of those that have room.
    previous: Cell<u32>,
    next: Cell<u32>,
    /// Where in the page the first block is that was given back; 0: there is none.
    free: Cell<u16>,
    /// How many blocks were ever lent; those after them are fresh.
    begun: Cell<u16>,
    /// How many blocks are lent.
    lent: Cell<u16>,
}

/// How many bytes of a page its header takes.
const HEADER: usize = 16;

const _: () = assert!(size_of::<Header>() <= HEADER);

/// Memory for small values that come and go one by one: blocks of 16 to 2,032 bytes, in 20 size classes, in
/// pages of a pool, below a cap.
///
/// Taking a block and giving it back are O(1). A page has blocks of one class; when its last block is given
/// back, the page goes back to the pool at once. What is larger than a block gets pages of its own: 1, 2, 4
/// and so on up to 1,024. A block is aligned to 16 bytes, or to what its type asks for.
///
/// [`alloc`](Self::alloc) gives a [`SlabBox`](crate::SlabBox), which owns its block. A
/// [`RegionMap`](crate::RegionMap) keeps all that it has here. With the feature `allocator-api2`, `&Slabs` is an
/// allocator for the collections of other crates.
///
/// ```
/// # let mut memory = vec![std::mem::MaybeUninit::uninit(); 64 << 10];
/// # let pool = rt_regions::Pool::new(&mut memory);
/// let slabs = rt_regions::Slabs::new(&pool, "sessions").with_cap(16 << 10);
/// let one = slabs.alloc(1_u64)?;
/// let name = slabs.alloc_slice(b"name")?;
/// assert_eq!((*one, &*name, slabs.pages()), (1, &b"name"[..], 1));
/// drop((one, name));
/// assert_eq!(slabs.pages(), 0);
/// # Ok::<(), rt_regions::Exhausted>(())
/// ```
pub struct Slabs<'p> {
    pool: &'p Pool<'p>,
    label: &'p RegionStats,
    budget: Budget<'p>,
    pages: Cell<u32>,
    /// How many slabs without a lent block are kept, at most, and now.
    most_kept: u32,
    kept: Cell<u32>,
    name: &'static str,
    /// The first slab of each class that has room, or [`NONE`].
    ///
    /// The slabs without a lent block are `kept` many, `most_kept` at most.
    ///
    /// INVARIANT: each slab that has a block that is not lent is on the list of its class, begins with its
    /// `Header`, and is this value's alone, but for the blocks that are lent. `begun` is at most the number of
    /// blocks of the class; a block that is neither lent nor fresh is on the list `free` of its slab, and begins
    /// with the place of the next one. A slab that is not on a list has its header all the same.
    with_room: [Cell<u32>; CLASS_COUNT],
}

const _: () = assert!(blocks(CLASS_COUNT - 1) > 1);

/// How many blocks of a class are in a slab.
const fn blocks(class: usize) -> u16 {
    ((PAGE_SIZE - HEADER) / SIZES[class] as usize) as u16
}

impl<'p> Slabs<'p> {
    /// No blocks yet, and no page. `name` is what errors and counters call them, as those of a region.
    #[track_caller]
    pub fn new(pool: &'p Pool<'p>, name: &'static str) -> Self {
        Self::open(pool, name, Location::caller(), Budget::unlimited(None))
    }

    /// No blocks yet, and no page. Their pages count against the cap of `region` as well, as those of its
    /// [children](Region::child) do.
    ///
    /// # Errors
    /// [`Exhausted`]: a finite region has no pages.
    #[track_caller]
    pub fn below(region: &'p Region<'p>, name: &'static str) -> Result<Self, Exhausted> {
        let (pool, place) = (region.require_pool()?, Location::caller());
        Ok(Self::open(pool, name, place, Budget::unlimited(Some(&region.budget))))
    }

    fn open(
        pool: &'p Pool<'p>,
        name: &'static str,
        place: &'static Location<'static>,
        budget: Budget<'p>,
    ) -> Self {
        let label = pool.label(name, place);
        label.open();
        let with_room = [const { Cell::new(NONE) }; CLASS_COUNT];
        let (pages, kept) = (Cell::new(0), Cell::new(0));
        Self { pool, label, budget, pages, most_kept: 0, kept, name, with_room }
    }

    /// These blocks, none of them lent yet, with a cap: they never hold more than `bytes`, rounded up to whole
    /// pages.
    #[must_use]
    pub fn with_cap(mut self, bytes: usize) -> Self {
        self.budget.set_cap(bytes.div_ceil(PAGE_SIZE));
        self
    }

    /// These blocks, which keep up to `most` pages whose last block was given back, so that values that come and go one
    /// after the other do not take a page each time. They are given back when they are needed elsewhere below the cap.
    #[must_use]
    pub fn with_kept_pages(mut self, most: usize) -> Self {
        self.most_kept = most.min(CLASS_COUNT) as u32;
        self
    }

    /// Gives back the pages that are kept though no block of them is lent.
    pub fn give_kept(&self) {
        for (class, first) in self.with_room.iter().enumerate() {
            let mut next = first.get();
            while next != NONE && self.kept.get() > 0 {
                let (page, header) = (next, self.header(next));
                next = header.next.get();
                if header.lent.get() == 0 {
                    self.kept.set(self.kept.get() - 1);
                    self.unlink(header, class);
                    self.give_run(page, 0);
                }
            }
        }
    }

    /// The name they were made with.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The number of pages that are held.
    pub fn pages(&self) -> usize {
        self.pages.get() as usize
    }

    /// How many more pages can be held: below the caps, and of those that are free in the pool.
    pub fn room(&self) -> usize {
        let (used, cap) = self.budget.tightest();
        cap.saturating_sub(used).min(self.pool.free_pages())
    }

    /// Memory for `layout`, which is the caller's until it is given back by [`deallocate`](Self::deallocate).
    #[inline]
    pub(crate) fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, Exhausted> {
        if layout.size() == 0 {
            return Ok(layout.dangling_ptr());
        }
        match class_of(layout) {
            Some(class) => self.take_block(class),
            None => self.take_run(layout),
        }
    }

    /// Takes back a block.
    ///
    /// # Safety
    /// `place` is from [`allocate`](Self::allocate) of this value with this layout, and nobody uses it any more.
    #[inline]
    pub(crate) unsafe fn deallocate(&self, place: NonNull<u8>, layout: Layout) {
        if layout.size() == 0 {
            return;
        }
        debug_assert!(self.pool.contains(place.as_ptr()), "the block is not of this pool");
        match class_of(layout) {
            // SAFETY: `allocate` took it from a slab of this class; the rest is the caller's word.
            Some(class) => unsafe { self.give_block(place, class) },
            None => {
                let run = self.pool.page_of(place);
                self.give_run(run, run_class(layout.size()));
            }
        }
    }

    #[inline]
    fn take_block(&self, class: usize) -> Result<NonNull<u8>, Exhausted> {
        let page = match self.with_room[class].get() {
            NONE => self.begin_slab(class)?,
            page => {
                if self.header(page).lent.get() == 0 {
                    self.kept.set(self.kept.get() - 1);
                }
                page
            }
        };
        let header = self.header(page);
        let offset = match header.free.get() {
            0 => {
                let begun = header.begun.get() + 1;
                header.begun.set(begun);
                PAGE_SIZE - usize::from(begun) * usize::from(SIZES[class])
            }
            offset => {
                let offset = usize::from(offset);
                // SAFETY: by the invariant a block begins there, which nobody has and which begins with a `u16`.
                header.free.set(unsafe { self.link(page, offset).read() });
                offset
            }
        };
        let lent = header.lent.get() + 1;
        header.lent.set(lent);
        if lent == blocks(class) {
            self.unlink(header, class);
        }
        // SAFETY: a block begins there: `begun` is at most the number of blocks, since the slab had room.
        Ok(unsafe { self.pool.address(page).add(offset) })
    }

    /// # Safety
    /// The block is lent, of this class and of this value, and nobody uses it any more.
    #[inline]
    unsafe fn give_block(&self, place: NonNull<u8>, class: usize) {
        let page = self.pool.page_of(place);
        let offset = place.addr().get() % PAGE_SIZE;
        let header = self.header(page);
        let lent = header.lent.get();
        if lent == 1 {
            // It has room, since it has two blocks or more.
            if self.kept.get() == self.most_kept {
                self.unlink(header, class);
                self.give_run(page, 0);
                return;
            }
            self.kept.set(self.kept.get() + 1);
        }
        let link = self.link(page, offset);
        if cfg!(debug_assertions) {
            // SAFETY: all of the block is given back, and it is as long as its class says.
            unsafe { link.cast::<u8>().write_bytes(POISON, usize::from(SIZES[class])) };
        }
        // SAFETY: the block is given back, is at least 16 bytes long, and is aligned to as many.
        unsafe { link.write(header.free.get()) };
        header.free.set(offset as u16);
        header.lent.set(lent - 1);
        if lent == blocks(class) {
            self.link_first(page, header, class);
        }
    }

    /// A new slab, the first and only one of its class that has room.
    #[cold]
    fn begin_slab(&self, class: usize) -> Result<u32, Exhausted> {
        let page = self.take_pages(0, usize::from(SIZES[class]))?;
        let (previous, next) = (Cell::new(NONE), Cell::new(NONE));
        let (free, begun, lent) = (Cell::new(0), Cell::new(0), Cell::new(0));
        let header = Header { previous, next, free, begun, lent };
        // SAFETY: the page was just taken, is ours alone and is aligned to its size.
        unsafe { self.pool.address(page).cast().write(header) };
        self.with_room[class].set(page);
        Ok(page)
    }

    /// Takes a slab from the list of those that have room.
    fn unlink(&self, header: &Header, class: usize) {
        let (previous, next) = (header.previous.get(), header.next.get());
        match previous {
            NONE => self.with_room[class].set(next),
            _ => self.header(previous).next.set(next),
        }
        if next != NONE {
            self.header(next).previous.set(previous);
        }
    }

    /// Puts a slab, which begins with this header, onto the list of those that have room.
    fn link_first(&self, page: u32, header: &Header, class: usize) {
        let next = self.with_room[class].replace(page);
        if next != NONE {
            self.header(next).previous.set(page);
        }
        header.previous.set(NONE);
        header.next.set(next);
    }

    /// What a slab begins with. It must not be used any more when the page is given back.
    #[inline]
    fn header(&self, page: u32) -> &Header {
        // SAFETY: by the invariant the page is ours and begins with its header, which is never lent and has
        // nothing but cells.
        unsafe { self.pool.address(page).cast().as_ref() }
    }

    /// Where the block at `offset`, below [`PAGE_SIZE`], has the place of the next one while it is not lent.
    #[inline]
    fn link(&self, page: u32, offset: usize) -> NonNull<u16> {
        debug_assert!((HEADER..PAGE_SIZE).contains(&offset));
        // SAFETY: the place is inside the page.
        unsafe { self.pool.address(page).add(offset % PAGE_SIZE) }.cast()
    }

    #[cold]
    fn take_run(&self, layout: Layout) -> Result<NonNull<u8>, Exhausted> {
        if layout.size() > LARGEST || layout.align() > PAGE_SIZE {
            return Err(self.exhausted(layout.size(), Limit::Size));
        }
        Ok(self.pool.address(self.take_pages(run_class(layout.size()), layout.size())?))
    }

    /// Whether there would be room for this if nothing else were held.
    pub(crate) fn could_hold(&self, layout: Layout) -> bool {
        let pages = 1 << run_class(layout.size());
        layout.size() <= LARGEST && pages <= self.budget.cap().min(self.pool.pages())
    }

    /// Takes 2^`class` pages, if cap and pool allow it, for `size` bytes.
    fn take_pages(&self, class: usize, size: usize) -> Result<u32, Exhausted> {
        let count = 1 << class;
        if !self.budget.allows(count) {
            self.give_kept();
            if !self.budget.allows(count) {
                return Err(self.exhausted(size, Limit::Cap));
            }
        }
        let taken = self.pool.take(class, false).or_else(|| {
            if self.kept.get() == 0 {
                return None;
            }
            self.give_kept();
            self.pool.take(class, false)
        });
        let run = taken.ok_or_else(|| self.exhausted(size, Limit::Pool))?;
        self.budget.take(count);
        self.label.take(count);
        self.pool.note_owner(run, self.label);
        self.pages.set(self.pages.get() + count);
        Ok(run)
    }

    /// Gives 2^`class` pages back, in which nothing is lent.
    #[cold]
    fn give_run(&self, run: u32, class: usize) {
        let (count, chain) = (1 << class, Chain { first: run, last: run });
        self.pool.poison(chain);
        if class == 0 {
            self.pool.give_pages(chain, count);
        } else {
            self.pool.give_runs(chain, count);
        }
        self.budget.give(count);
        self.label.give(count);
        self.pages.set(self.pages.get() - count);
    }

    #[cold]
    pub(crate) fn exhausted(&self, requested: usize, limit: Limit) -> Exhausted {
        self.label.refuse();
        let (used, cap) = self.budget.tightest();
        let allowed = match limit {
            Limit::Cap => cap * PAGE_SIZE,
            Limit::Size => LARGEST,
            _ => (used + self.pool.free_pages()) * PAGE_SIZE,
        };
        Exhausted::new(self.name, limit, requested, used * PAGE_SIZE, allowed)
    }
}

/// The class of the run of pages for so many bytes, which are more than a block has.
const fn run_class(size: usize) -> usize {
    size.div_ceil(PAGE_SIZE).next_power_of_two().trailing_zeros() as usize
}

impl Drop for Slabs<'_> {
    /// All blocks were given back, but for those that were forgotten: these keep their pages, and the name stays
    /// among the [open regions](Pool::open_regions).
    fn drop(&mut self) {
        self.give_kept();
        if self.pages.get() == 0 {
            self.label.close();
        }
    }
}

impl fmt::Debug for Slabs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slabs")
            .field("name", &self.name)
            .field("pages", &self.pages())
            .finish_non_exhaustive()
    }
}
