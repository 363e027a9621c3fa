//! Pages that are lent to the backend and taken back. Grants are made and ended only here.

use core::{
    mem::{self, ManuallyDrop},
    ptr::NonNull,
};

use rt_regions::{Exhausted, PAGE_SIZE, Page, Pool, Region, RegionVec};
use rt_xen::{Access, DomainId, GrantError, GrantRef, Guest, StillInUse};

/// The name of an interface's pages in errors and counters.
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

    /// The address of the page.
    pub(crate) fn as_ptr(&self) -> NonNull<u8> {
        self.page.as_ptr()
    }

    /// Lends the page, if it is not lent. It is zeroed first, so that the backend does not see its old contents.
    ///
    /// # Errors
    /// The grant table has no room.
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

    /// Exchanges the page, which is not lent, for another one.
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

/// Returns the page to its pool. A page that is still lent is never used again.
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
    /// The page of the ring.
    pub(crate) ring: Buffer,
    /// The pages that requests name.
    pub(crate) pages: RegionVec<'static, Buffer>,
}

impl Buffers {
    /// Takes the page of the ring and `count` other pages. Their table is in `memory`.
    ///
    /// # Errors
    /// The pool does not have so many pages, or the table does not fit.
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

    /// Takes back the pages that the backend has released; returns whether the page of the ring is back. It is called
    /// while there is no connection.
    pub(crate) fn sweep(&mut self, guest: &dyn Guest) -> bool {
        for page in self.pages.iter_mut() {
            let _stays_lent = page.take_back(guest);
        }
        self.ring.take_back(guest).is_ok()
    }

    /// How many pages the backend has not released. It is called while there is no connection.
    pub(crate) fn still_lent(&self) -> usize {
        let buffers = self.pages.iter().chain([&self.ring]);
        buffers.filter(|buffer| buffer.grant().is_some()).count()
    }
}
