//! Single pages that their holder owns: a device driver lends them to a device, and a region takes them over
//! when the device has filled them.

use core::{fmt, mem::MaybeUninit, panic::Location, ptr::NonNull};

use crate::{
    Exhausted, Limit, Pool, Region, pool::Chain, region_stats::RegionStats, size::PAGE_SIZE,
};

/// A page of a pool that is on no free list and in no region: this value owns it.
///
/// It is counted under the name that it was taken with, as a region that holds one page. When it is dropped,
/// it goes back to its pool in O(1). [`Region::adopt`] makes it a page of a region.
///
/// Its bytes may be uninitialised. While the driver lends the page to a device or another domain, they may
/// change at any time: then the driver uses only [`as_ptr`](Self::as_ptr), and ends the loan before the page
/// is dropped, adopted or lent out as a slice.
pub struct Page<'p> {
    pool: &'p Pool<'p>,
    label: &'p RegionStats,
    /// INVARIANT: this page of `pool` is this value's alone.
    index: u32,
}

impl Pool<'_> {
    /// Takes a page. Errors and counters show it under `name`, as they do a region.
    ///
    /// ```
    /// use rt_regions::{PAGE_SIZE, Pool, Region};
    ///
    /// let mut memory = vec![std::mem::MaybeUninit::uninit(); 64 << 10];
    /// let pool = Pool::new(&mut memory);
    /// let mut page = pool.page("receive")?;
    /// page.zero()[..5].copy_from_slice(b"frame");
    ///
    /// let packet = Region::new(&pool, "packet");
    /// // SAFETY: all of the page is written, and it was lent to nobody.
    /// let frame = unsafe { packet.adopt(page, 5) }?;
    /// assert_eq!(frame, b"frame");
    /// assert_eq!(packet.pages(), 1);
    /// # Ok::<(), rt_regions::Exhausted>(())
    /// ```
    ///
    /// # Errors
    /// [`Exhausted`]: no page is left but those that are [kept back](Self::keep_back).
    #[inline]
    #[track_caller]
    pub fn page(&self, name: &'static str) -> Result<Page<'_>, Exhausted> {
        let label = self.label(name, Location::caller());
        match self.take(0, false) {
            Some(index) => {
                label.open();
                label.take(1);
                self.note_owner(index, label);
                Ok(Page { pool: self, label, index })
            }
            None => Err(self.no_page(name, label)),
        }
    }

    #[cold]
    fn no_page(&self, region: &'static str, label: &RegionStats) -> Exhausted {
        label.refuse();
        let used = label.pages() * PAGE_SIZE;
        let allowed = used + self.free_pages() * PAGE_SIZE;
        Exhausted::new(region, Limit::Pool, PAGE_SIZE, used, allowed)
    }
}

impl<'p> Page<'p> {
    /// The start of the page: [`PAGE_SIZE`] bytes, aligned to as many. They may be written as long as this
    /// value lives, and read once written.
    #[inline]
    pub fn as_ptr(&self) -> NonNull<u8> {
        self.pool.address(self.index)
    }

    /// The bytes of the page, written or not.
    pub fn as_uninit(&mut self) -> &mut [MaybeUninit<u8>; PAGE_SIZE] {
        // SAFETY: by the invariant the page is ours alone, and it is borrowed with `self`;
        // MaybeUninit needs no value.
        unsafe { self.as_ptr().cast().as_mut() }
    }

    /// Writes zeroes over the page, so that the borrower cannot see its former contents.
    pub fn zero(&mut self) -> &mut [u8; PAGE_SIZE] {
        // SAFETY: by the invariant the page is ours alone.
        unsafe { self.as_ptr().write_bytes(0, PAGE_SIZE) };
        // SAFETY: all of it is written now, and it is borrowed with `self`.
        unsafe { self.as_ptr().cast().as_mut() }
    }

    /// The pool that the page is of.
    pub fn pool(&self) -> &'p Pool<'p> {
        self.pool
    }

    /// Stops counting the page here; its ownership passes to the caller.
    #[inline]
    fn into_index(self) -> u32 {
        self.label.give(1);
        self.label.close();
        core::mem::ManuallyDrop::new(self).index
    }
}

impl Drop for Page<'_> {
    #[inline]
    fn drop(&mut self) {
        let chain = Chain { first: self.index, last: self.index };
        self.pool.poison(chain);
        self.pool.give_pages(chain, 1);
        self.label.give(1);
        self.label.close();
    }
}

impl fmt::Debug for Page<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page")
            .field("name", &self.label.name())
            .field("at", &self.as_ptr())
            .finish_non_exhaustive()
    }
}

impl Region<'_> {
    /// Makes `page` a page of this region without copying it. Its first `length` bytes are the returned
    /// object, which lives as long as the other objects of the region. The next allocations go into the rest
    /// of the page. The page counts against the region's cap.
    ///
    /// If the region kept a page when it was reset, and has not used it since, that page is given back in
    /// exchange. So a region that adopts a page after each reset holds one page.
    ///
    /// # Safety
    /// The first `length` bytes of the page were written, and no device and no other domain can access the
    /// page any more.
    ///
    /// # Errors
    /// [`Exhausted`], and the page goes back to its pool: the region's cap is reached, the region is finite,
    /// the page is of another pool ([`Limit::OtherPool`]), or `length` is more than a page ([`Limit::Size`]).
    #[allow(clippy::mut_from_ref, reason = "each call lends memory that no other call lends")]
    #[inline]
    pub unsafe fn adopt(&self, page: Page<'_>, length: usize) -> Result<&mut [u8], Exhausted> {
        let Some((pool, label)) = self.source else {
            return Err(self.exhausted(length, Limit::Cap));
        };
        if !core::ptr::addr_eq(pool, page.pool) {
            return Err(self.exhausted(length, Limit::OtherPool));
        }
        if length > PAGE_SIZE {
            let error = self.exhausted(length, Limit::Size);
            return Err(error.with_allowed(PAGE_SIZE));
        }
        let exchanged = self.exchange(pool);
        if !exchanged && !self.budget.allows(1) {
            return Err(self.exhausted(length, Limit::Cap));
        }
        // First uncounted there, then counted here: the two may have the same name.
        let page = page.into_index();
        if !exchanged {
            self.budget.take(1);
            label.take(1);
        }
        pool.note_owner(page, label);
        let place = self.begin_page(page, length, pool, label);
        // SAFETY: the first `length` bytes are written, says the caller; by the invariant of the page
        // nobody else had it, now it is the region's, and `begin_page` has put `next` after them:
        // they stay this object's until the region is reset or dropped, and both need the borrow of
        // `self` to have ended.
        Ok(unsafe { core::slice::from_raw_parts_mut(place.as_ptr(), length) })
    }

    /// Gives the one page of a region that was reset and not used since back to the pool, if there is one. It
    /// stays counted, for the page that comes in exchange. Not inside a scope, because a scope goes back to
    /// the page in which it was opened.
    #[inline]
    fn exchange(&self, pool: &Pool<'_>) -> bool {
        let is_unused = self.page_count.get() == 1
            && self.innermost.get().is_none()
            && self.end.get().addr() - self.next.get().addr() == PAGE_SIZE;
        if is_unused {
            let chain = self.pages.replace(Chain::EMPTY);
            self.wipe(pool, chain);
            pool.give_pages(chain, 1);
            self.page_count.set(0);
        }
        is_unused
    }
}
