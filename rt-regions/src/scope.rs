//! Scopes: a region inside a region, for the length of a call, at the cost of a few instructions.

use core::{cell::Cell, mem::MaybeUninit, ops::Deref, ptr::NonNull};

use crate::{
    Exhausted, Region,
    dropping::{Defer, Record},
    pool::{Chain, NONE},
    region::POISON,
    region_stats::Filled,
};

/// The scope that [`Region::scope`] lends: a region that ends with the call.
///
/// An object that is allocated by the scope's own methods lives for `'s`, until the scope ends, and so can be
/// kept while an inner scope is open. An object that is allocated by the [`Region`] that the scope derefs to
/// (for example a [`RegionVec`](crate::RegionVec)) lives as long as that borrow.
#[derive(Debug)]
pub struct Scope<'s> {
    /// INVARIANT: while this scope can be used, nothing else allocates in the region, because the region, or
    /// the scope around, is mutably borrowed.
    region: &'s Region<'s>,
}

/// The state of a region when a scope was opened in it. What was added later can be given back in O(1),
/// because pages and runs are added at the ends of their chains.
///
/// Most scopes end in the page in which they began, and need only the place there. So the mark is written
/// only when the state is about to change, by [`Region::save`]. The scopes around need no mark for this: when
/// the inner scope has ended, the region is again as they left it.
///
/// INVARIANT: it is written if the region has [`WRITTEN`] in its place.
pub(crate) type Mark = Cell<MaybeUninit<Saved>>;

/// What a region has in the place of the mark of its innermost scope when that mark is written.
const WRITTEN: NonNull<Mark> = NonNull::dangling();

/// A region before a page, a run, or a value to be dropped was added to it.
#[derive(Clone, Copy)]
pub(crate) struct Saved {
    end: *mut u8,
    last_page: u32,
    last_but_one: u32,
    last_run: u32,
    page_count: u32,
    run_pages: u32,
    filled: Filled,
    dropping: Option<NonNull<Record>>,
}

/// Restores the state of the region, however the scope is left.
struct Rewind<'a> {
    region: &'a Region<'a>,
    mark: &'a Mark,
    /// Where the region was, in its chunk.
    next: *mut u8,
    /// What the region had for the innermost mark before.
    outer: Option<NonNull<Mark>>,
}

impl Drop for Rewind<'_> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: what was allocated since lives for the `'s` that only the closure of the scope
        // knows, and the closure has returned or unwinds.
        unsafe { self.region.rewind(self) };
    }
}

#[inline]
fn enter<R>(region: &Region<'_>, work: impl for<'s> FnOnce(&mut Scope<'s>) -> R) -> R {
    let mark = Mark::new(MaybeUninit::uninit());
    let (next, outer) = (region.next.get(), region.innermost.get());
    let rewind = Rewind { region, mark: &mark, next, outer };
    region.innermost.set(Some(NonNull::from(&mark)));
    let result = work(&mut Scope { region: rewind.region });
    // Not left to the end of the block: if a destructor panics here, the result is dropped, and does not leak.
    drop(rewind);
    result
}

impl Region<'_> {
    /// Writes the state of the region into the mark of the innermost scope, unless it is written already.
    /// Called before a page, a run or a value to be dropped is added.
    pub(crate) fn save(&self) {
        if let Some(mark) = self.innermost.get().filter(|&mark| mark != WRITTEN) {
            let saved = Saved {
                end: self.end.get(),
                last_page: self.pages.get().last,
                last_but_one: self.last_but_one.get(),
                last_run: self.runs.get().last,
                page_count: self.page_count.get(),
                run_pages: self.run_pages.get(),
                filled: self.filled.get(),
                dropping: self.dropping.newest(),
            };
            // SAFETY: by the invariant of `innermost` the mark is there.
            unsafe { mark.as_ref() }.set(MaybeUninit::new(saved));
            self.innermost.set(Some(WRITTEN));
        }
    }

    /// Restores the state of the region when a scope was opened.
    ///
    /// # Safety
    /// No object that was allocated since is used any more.
    #[inline]
    unsafe fn rewind(&self, to: &Rewind<'_>) {
        // Last, and even if a destructor panics: `next` belongs to the chunk that is there again then.
        let _next = Defer(|| {
            self.next.set(to.next);
            if self.is_zeroing() || cfg!(debug_assertions) {
                let byte = if self.is_zeroing() { 0 } else { POISON };
                // SAFETY: the rest of the chunk of the mark; what was allocated there since is not used.
                unsafe { to.next.write_bytes(byte, self.room()) };
            }
        });
        if self.innermost.replace(to.outer) == Some(WRITTEN) {
            // SAFETY: by the invariant of the mark it is written.
            self.end_later(unsafe { to.mark.get().assume_init() });
        }
    }

    /// Drops the values that came since the scope was opened, gives back the pages and runs, and goes
    /// back to the chunk.
    #[cold]
    fn end_later(&self, saved: Saved) {
        // Even if a destructor panics: the scopes around do not know of what is given back here.
        let _later = Defer(|| self.give_later(&saved));
        self.dropping.run(saved.dropping);
    }

    /// Gives back the pages and runs that came since the scope was opened, in which nothing is left.
    fn give_later(&self, saved: &Saved) {
        let Some((pool, label)) = self.source else { return };
        let later = |chain: &Cell<Chain>, last: u32| {
            let Chain { first, last: newest } = chain.get();
            if newest == last {
                return Chain::EMPTY;
            }
            let kept = if last == NONE { NONE } else { first };
            chain.set(Chain { first: kept, last });
            Chain { first: if last == NONE { first } else { pool.next(last) }, last: newest }
        };
        let pages = self.page_count.replace(saved.page_count) - saved.page_count;
        self.give_back(pool, label, later(&self.pages, saved.last_page), pages);
        let pages = self.run_pages.replace(saved.run_pages) - saved.run_pages;
        self.give_runs(pool, label, later(&self.runs, saved.last_run), pages);
        self.count(label, saved.filled);
        self.last_but_one.set(saved.last_but_one);
        self.end.set(saved.end);
    }

    /// Calls `work` with a region inside this one, which ends when `work` returns or panics: `letregion` of
    /// the region calculus. The scope takes no page while the current one has room, counts as this region,
    /// and ends in O(1), except for [destructors](Region::alloc_dropping). If a destructor panics, the others
    /// run, and the scope ends all the same.
    ///
    /// ```
    /// use rt_regions::{Exhausted, Pool, Region};
    ///
    /// let mut memory = vec![std::mem::MaybeUninit::uninit(); 64 << 10];
    /// let pool = Pool::new(&mut memory);
    /// let mut region = Region::new(&pool, "sum");
    /// let sum = region.scope(|outer| {
    ///     let first = outer.alloc(1)?;
    ///     // What the outer scope has allocated can be used in the inner one.
    ///     *first += outer.scope(|inner| inner.alloc_slice(&[2, 3]).map(|s| s.iter().sum::<i32>()))?;
    ///     Ok::<i32, Exhausted>(*first)
    /// })?;
    /// assert_eq!(sum, 6);
    /// # Ok::<(), Exhausted>(())
    /// ```
    #[inline]
    pub fn scope<R>(&mut self, work: impl for<'s> FnOnce(&mut Scope<'s>) -> R) -> R {
        enter(self, work)
    }
}

impl<'s> Scope<'s> {
    /// Calls `work` with a scope inside this one, see [`Region::scope`].
    #[inline]
    pub fn scope<R>(&mut self, work: impl for<'t> FnOnce(&mut Scope<'t>) -> R) -> R {
        enter(self.region, work)
    }

    /// Moves `value` into the scope.
    ///
    /// # Errors
    /// [`Exhausted`].
    #[allow(clippy::mut_from_ref, reason = "each call lends memory that no other call lends")]
    #[inline]
    pub fn alloc<T>(&self, value: T) -> Result<&'s mut T, Exhausted> {
        self.region.alloc(value)
    }

    /// A copy of `slice`.
    ///
    /// # Errors
    /// [`Exhausted`].
    #[allow(clippy::mut_from_ref, reason = "each call lends memory that no other call lends")]
    pub fn alloc_slice<T: Copy>(&self, slice: &[T]) -> Result<&'s mut [T], Exhausted> {
        self.region.alloc_slice(slice)
    }

    /// A slice of `length` elements, element `i` being `element(i)`.
    ///
    /// # Errors
    /// [`Exhausted`].
    #[allow(clippy::mut_from_ref, reason = "each call lends memory that no other call lends")]
    pub fn alloc_slice_with<T>(
        &self,
        length: usize,
        element: impl FnMut(usize) -> T,
    ) -> Result<&'s mut [T], Exhausted> {
        self.region.alloc_slice_with(length, element)
    }

    /// A copy of `text`.
    ///
    /// # Errors
    /// [`Exhausted`].
    #[allow(clippy::mut_from_ref, reason = "each call lends memory that no other call lends")]
    pub fn alloc_str(&self, text: &str) -> Result<&'s mut str, Exhausted> {
        self.region.alloc_str(text)
    }

    /// Room for `length` elements, not yet written.
    ///
    /// # Errors
    /// [`Exhausted`].
    #[allow(clippy::mut_from_ref, reason = "each call lends memory that no other call lends")]
    pub fn alloc_uninit<T>(&self, length: usize) -> Result<&'s mut [MaybeUninit<T>], Exhausted> {
        self.region.alloc_uninit(length)
    }
}

impl<'s> Deref for Scope<'s> {
    type Target = Region<'s>;

    fn deref(&self) -> &Region<'s> {
        self.region
    }
}
