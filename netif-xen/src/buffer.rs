//! Pages that are lent to the backend and taken back. Only here are grants made and ended.

use core::{
    mem::{self, ManuallyDrop},
    ptr::NonNull,
};

use rt_regions::{Exhausted, PAGE_SIZE, Page, Pool, Region, RegionVec};
use rt_xen::{Access, DomainId, GrantError, GrantRef, Guest, StillInUse};

/// What errors and counters call the pages of an interface.
pub(crate) const NAME: &str = "netfront";

/// A page, and the grant under which the backend may use it.
pub(crate) struct Buffer {
    /// INVARIANT: while `grant` is some, nothing but [`bytes`](Self::bytes) refers to the page. All of it
    /// was written when it was lent.
    page: ManuallyDrop<Page<'static>>,
    /// INVARIANT: a grant of `page`.
    grant: Option<GrantRef>,
}

impl Buffer {
    /// Takes a page.
    ///
    /// # Errors
    /// The pool has none.
    pub(crate) fn new(pool: &'static Pool<'static>) -> Result<Self, Exhausted> {
        Ok(Self { page: ManuallyDrop::new(pool.page(NAME)?), grant: None })
    }

    /// The grant, while the page is lent.
    pub(crate) fn grant(&self) -> Option<GrantRef> {
        self.grant
    }

    /// Where the page begins.
    pub(crate) fn as_ptr(&self) -> NonNull<u8> {
        self.page.as_ptr()
    }

    /// Lends the page, zeroed, if it is not lent: whatever it held is not seen by the backend.
    ///
    /// # Errors
    /// No room in the grant table.
    #[inline]
    pub(crate) fn lend(
        &mut self,
        guest: &(impl Guest + ?Sized),
        to: DomainId,
        access: Access,
    ) -> Result<GrantRef, GrantError> {
        if let Some(grant) = self.grant {
            return Ok(grant);
        }
        self.page.zero();
        // SAFETY: it is a whole page of the pool, mapped for ever; by the invariant, `bytes` alone refers
        // to it from now on, which asks for a page that is lent for reading.
        let grant = unsafe { guest.grant(to, self.page.as_ptr(), access) }?;
        self.grant = Some(grant);
        Ok(grant)
    }

    /// Takes the page back, if it is lent.
    ///
    /// # Errors
    /// The backend still uses it: it stays lent.
    #[inline]
    pub(crate) fn take_back(&mut self, guest: &(impl Guest + ?Sized)) -> Result<(), StillInUse> {
        if let Some(grant) = self.grant {
            guest.end_grant(grant)?;
            self.grant = None;
        }
        Ok(())
    }

    /// The page, which is not lent, in exchange for another.
    #[inline]
    pub(crate) fn exchange(&mut self, other: Page<'static>) -> Page<'static> {
        debug_assert!(self.grant.is_none(), "a page that is lent is nobody else's");
        ManuallyDrop::into_inner(mem::replace(&mut self.page, ManuallyDrop::new(other)))
    }

    /// `length` bytes of the page, from `offset` on.
    ///
    /// # Safety
    /// The page is not lent, or lent for reading only. It was lent before.
    #[inline]
    pub(crate) unsafe fn bytes(&mut self, offset: usize, length: usize) -> &mut [u8] {
        assert!(offset <= PAGE_SIZE && length <= PAGE_SIZE - offset, "not in one page");
        // SAFETY: `offset` is in the page or its end.
        let start = unsafe { self.page.as_ptr().add(offset) };
        // SAFETY: the bytes are in the page and were written when it was lent; nobody writes them while
        // `self` is borrowed, says the caller.
        unsafe { core::slice::from_raw_parts_mut(start.as_ptr(), length) }
    }
}

/// The page goes back to its pool, unless it is lent: then it is left alone for ever.
impl Drop for Buffer {
    fn drop(&mut self) {
        if self.grant.is_none() {
            // SAFETY: by the invariant nobody refers to the page, and it is not used again.
            unsafe { ManuallyDrop::drop(&mut self.page) };
        }
    }
}

/// The pages of a queue.
pub(crate) struct Buffers {
    /// That of the ring.
    pub(crate) ring: Buffer,
    /// Those that requests name.
    pub(crate) pages: RegionVec<'static, Buffer>,
}

impl Buffers {
    /// Takes the page of the ring and `count` others; the table of them stands in `memory`.
    ///
    /// # Errors
    /// The pool has not as many, or the table does not fit.
    pub(crate) fn new(
        count: usize,
        pool: &'static Pool<'static>,
        memory: &'static Region<'static>,
    ) -> Result<Self, Exhausted> {
        let mut pages = RegionVec::with_capacity(count, memory)?;
        for _ in 0..count {
            pages.push(Buffer::new(pool)?)?;
        }
        Ok(Self { ring: Buffer::new(pool)?, pages })
    }

    /// Takes back what the backend has let go of; says whether the page of the ring is back. There is no
    /// connection.
    pub(crate) fn sweep(&mut self, guest: &dyn Guest) -> bool {
        for page in self.pages.iter_mut() {
            let _stays_lent = page.take_back(guest);
        }
        self.ring.take_back(guest).is_ok()
    }

    /// How many pages the backend has and should not have. There is no connection.
    pub(crate) fn still_lent(&self) -> usize {
        let buffers = self.pages.iter().chain([&self.ring]);
        buffers.filter(|buffer| buffer.grant().is_some()).count()
    }
}
