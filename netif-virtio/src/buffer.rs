//! Pages that are lent to the device and taken back. Pages are shared, and their sharing is ended, only here.

use core::{
    mem::{self, ManuallyDrop},
    ptr::NonNull,
};

use rt_regions::{Exhausted, PAGE_SIZE, Page, Pool, Region, RegionVec};

use crate::{Access, Guest, queue::Queue};

/// The name of an interface's pages in errors and counters.
pub(crate) const NAME: &str = "virtio";

/// A page, and the address at which the device may use it.
pub(crate) struct Buffer {
    /// INVARIANT: while `address` is some, nothing but [`bytes`](Self::bytes) and the queue that was made in the page
    /// refer to it. All of it was written when it was lent.
    page: ManuallyDrop<Page<'static>>,
    /// INVARIANT: some while `page` is shared.
    address: Option<u64>,
}

impl Buffer {
    /// Takes a page.
    ///
    /// # Errors
    /// The pool has none.
    pub(crate) fn new(pool: &'static Pool<'static>) -> Result<Self, Exhausted> {
        Ok(Self { page: ManuallyDrop::new(pool.page(NAME)?), address: None })
    }

    /// The address for the device, while the page is lent.
    #[inline]
    pub(crate) fn address(&self) -> Option<u64> {
        self.address
    }

    /// The address of the page.
    pub(crate) fn as_ptr(&self) -> NonNull<u8> {
        self.page.as_ptr()
    }

    /// Lends the page, if it is not lent. It is zeroed first, so that the device does not see its old contents, and no
    /// byte that the device leaves out holds any.
    #[inline]
    pub(crate) fn lend(&mut self, guest: &impl Guest, access: Access) -> u64 {
        if let Some(address) = self.address {
            return address;
        }
        self.page.zero();
        // SAFETY: it is a whole page of the pool, mapped for ever; by the invariant, from now on only `bytes` refers to
        // it, which asks for a page that the device does not write, and the queue, which uses atomics.
        let address = unsafe { guest.share(self.page.as_ptr(), access) };
        self.address = Some(address);
        address
    }

    /// Takes the page back, if it is lent. The device has given it back, or was reset.
    #[inline]
    pub(crate) fn take_back(&mut self, guest: &impl Guest) {
        if self.address.take().is_some() {
            guest.unshare(self.page.as_ptr());
        }
    }

    /// Exchanges the page, which is not lent, for another one.
    #[inline]
    pub(crate) fn exchange(&mut self, other: Page<'static>) -> Page<'static> {
        debug_assert!(self.address.is_none(), "a page that is lent is nobody else's");
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
        // SAFETY: the bytes are in the page and were written when it was lent; nobody writes them while `self` is
        // borrowed, says the caller.
        unsafe { core::slice::from_raw_parts_mut(start.as_ptr(), length) }
    }
}

/// Returns the page to its pool. A page that is still lent is never used again.
impl Drop for Buffer {
    fn drop(&mut self) {
        if self.address.is_none() {
            // SAFETY: by the invariant nobody refers to the page, and it is not used again.
            unsafe { ManuallyDrop::drop(&mut self.page) };
        }
    }
}

/// The pages of a queue.
pub(crate) struct Buffers {
    /// The pages that descriptors name; and behind them the page of the descriptor table, and that of both rings.
    ///
    /// INVARIANT: at least two.
    pub(crate) pages: RegionVec<'static, Buffer>,
}

/// How many pages the descriptor table and the rings take.
const RINGS: usize = 2;

impl Buffers {
    /// Takes the pages of the rings and `count` other pages. Their table is in `memory`.
    ///
    /// # Errors
    /// The pool does not have so many pages, or the table does not fit.
    pub(crate) fn new(
        count: usize,
        pool: &'static Pool<'static>,
        memory: &'static Region<'static>,
    ) -> Result<Self, Exhausted> {
        let mut pages = RegionVec::with_capacity(count + RINGS, memory)?;
        for _ in 0..count + RINGS {
            pages.push(Buffer::new(pool)?)?;
        }
        Ok(Self { pages })
    }

    /// The pages that descriptors name.
    pub(crate) fn named(&mut self) -> &mut [Buffer] {
        self.split().0
    }

    /// The page of the descriptor table, and that of both rings.
    pub(crate) fn rings(&mut self) -> &mut [Buffer; RINGS] {
        self.split().1
    }

    /// Lends the pages of the rings. Returns an empty queue in them, and their addresses for the device.
    pub(crate) fn lend_rings(
        &mut self,
        guest: &impl Guest,
        size: u16,
        event_idx: bool,
    ) -> (Queue, [u64; RINGS]) {
        let [descriptors, rings] = self.rings();
        let areas = [descriptors.lend(guest, Access::Read), rings.lend(guest, Access::Both)];
        // SAFETY: pages of the pool are aligned, and mapped for ever. They are this queue's alone, and zeroed.
        let queue = unsafe { Queue::new(descriptors.as_ptr(), rings.as_ptr(), size, event_idx) };
        (queue, areas)
    }

    fn split(&mut self) -> (&mut [Buffer], &mut [Buffer; RINGS]) {
        self.pages.split_last_chunk_mut().expect("by the invariant there are so many")
    }

    /// Takes all pages back. The device was reset, and there is no queue.
    pub(crate) fn take_back(&mut self, guest: &impl Guest) {
        for page in self.pages.iter_mut() {
            page.take_back(guest);
        }
    }
}
