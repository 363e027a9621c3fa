//! Scopes: a region inside a region, for the length of a call, at the cost of a few instructions.

use core::{cell::Cell, mem::MaybeUninit, ops::Deref, ptr::NonNull};

use crate::{
    Exhausted, Region,
    dropping::Record,
    pool::{Chain, NONE},
    region::{Filled, POISON},
};

/// What [`Region::scope`] lends: a region that ends with the call.
///
/// What is allocated through its own methods lives for `'s`, until the scope ends, and so can be kept
/// while an inner scope is open. What is allocated through the [`Region`] that it derefs to (a
/// [`RegionVec`](crate::RegionVec), say) lives as long as that borrow.
#[derive(Debug)]
pub struct Scope<'s> {
    /// INVARIANT: while this scope can be used, nothing else allocates in the region: who opened it
    /// holds the region, or the scope around it, mutably borrowed.
    region: &'s Region<'s>,
}

/// Where a region was at some moment: what came later can be given back in O(1), because pages and
/// runs are added at the ends of their chains.
pub(crate) struct Mark {
    next: *mut u8,
    end: *mut u8,
    last_page: u32,
    last_run: u32,
    page_count: u32,
    run_pages: u32,
    filled: Filled,
    dropping: Option<NonNull<Record>>,
}

/// Goes back to where the region was, however the scope is left.
struct Rewind<'a> {
    region: &'a Region<'a>,
    mark: Mark,
}

impl Drop for Rewind<'_> {
    #[inline]
    fn drop(&mut self) {
        self.region.dropping.run(self.mark.dropping);
        // SAFETY: what was allocated since lives for the `'s` that only the closure of the scope
        // knows, and the closure has returned or unwinds.
        unsafe { self.region.rewind(&self.mark) };
    }
}

#[inline]
fn enter<R>(region: &Region<'_>, work: impl for<'s> FnOnce(&mut Scope<'s>) -> R) -> R {
    let rewind = Rewind { region, mark: region.mark() };
    work(&mut Scope { region: rewind.region })
}

impl Region<'_> {
    /// Where the region is now.
    #[inline]
    fn mark(&self) -> Mark {
        self.unmarked.set(false);
        Mark {
            next: self.next.get(),
            end: self.end.get(),
            last_page: self.pages.get().last,
            last_run: self.runs.get().last,
            page_count: self.page_count.get(),
            run_pages: self.run_pages.get(),
            filled: self.filled.get(),
            dropping: self.dropping.newest(),
        }
    }

    /// Goes back to where the region was at `mark`, the newest mark that was not gone back to.
    ///
    /// # Safety
    /// Nothing that was allocated since is used any more.
    #[inline]
    unsafe fn rewind(&self, mark: &Mark) {
        if self.page_count.get() != mark.page_count || self.run_pages.get() != mark.run_pages {
            self.give_later(mark);
        }
        self.next.set(mark.next);
        if self.zeroing || cfg!(debug_assertions) {
            let byte = if self.zeroing { 0 } else { POISON };
            // SAFETY: the rest of the chunk of the mark; what was allocated there since is not used.
            unsafe { mark.next.write_bytes(byte, self.room()) };
        }
    }

    /// Gives back the pages and runs that came after `mark`, and goes back to its chunk.
    #[cold]
    fn give_later(&self, mark: &Mark) {
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
        let pages = self.page_count.replace(mark.page_count) - mark.page_count;
        self.give_back(pool, label, later(&self.pages, mark.last_page), pages);
        let pages = self.run_pages.replace(mark.run_pages) - mark.run_pages;
        self.give_runs(pool, label, later(&self.runs, mark.last_run), pages);
        self.count(label, mark.filled);
        self.end.set(mark.end);
    }

    /// Calls `work` with a region inside this one, which ends when `work` returns, errors and panics
    /// included: `letregion` of the region calculus. It takes no page while the current one has room,
    /// counts as this region, and ends in O(1), but for
    /// [destructors](Region::alloc_dropping).
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
