//! A guest and a simulated virtio device, with a watchful eye on what the driver does to both. The registers are in
//! `transport`, what a device does in `device` (as it should be) and `hostile` (as it should not).

#![allow(dead_code, unreachable_pub, reason = "each program that includes this uses a part of it")]

pub mod device;
pub mod hostile;
pub mod ring;
pub mod transport;

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    mem::ManuallyDrop,
    ptr::NonNull,
    rc::Rc,
    sync::atomic::{AtomicU16, AtomicU32},
};

use layer::Instant;
use netif_virtio::{Access, Guest};
use rt_regions::{PAGE_SIZE, Pool, Region};

/// What the device adds to an address: a driver that mixes up its own and the device's is noticed.
const OFFSET: u64 = 0x7000_0000_0000;

/// A page that is shared.
struct Shared {
    page: NonNull<u8>,
    access: Access,
    /// What is in it since the device has written into it, which nobody else may do then.
    known: Option<Box<[u8]>>,
}

/// The guest; a clone is the same one.
#[derive(Clone)]
pub struct World(Rc<Inner>);

struct Inner {
    pool: &'static Pool<'static>,
    memory: NonNull<Region<'static>>,
    now: Cell<u64>,
    /// How many nanoseconds pass when somebody looks at the clock.
    tick: Cell<u64>,
    /// The pages that are shared, by their addresses for the device.
    shared: RefCell<BTreeMap<u64, Shared>>,
    interrupted: Cell<bool>,
    config_changed: Cell<bool>,
    /// Called when the guest sleeps.
    while_asleep: RefCell<Option<Box<dyn FnMut()>>>,
    sleeps: Cell<u64>,
}

thread_local! {
    /// One pool for each thread and size: what a world has used comes back when it ends. It is never dropped, so that a
    /// search for leaks, at the end of a program that fuzzes, still finds the pools.
    static POOLS: RefCell<ManuallyDrop<BTreeMap<usize, &'static Pool<'static>>>> =
        const { RefCell::new(ManuallyDrop::new(BTreeMap::new())) };
}

fn pool(pages: usize) -> &'static Pool<'static> {
    POOLS.with_borrow_mut(|pools| {
        *pools.entry(pages).or_insert_with(|| {
            let bytes = (pages + 2 + pages / 256) * PAGE_SIZE;
            let memory = Box::leak(Box::new_uninit_slice(bytes));
            Box::leak(Box::new(Pool::new(memory)))
        })
    })
}

impl World {
    /// A guest with so many pages.
    pub fn new(pages: usize) -> Self {
        let pool = pool(pages);
        assert_eq!(pool.free_pages(), pool.pages(), "another world has left pages behind");
        let memory = NonNull::from(Box::leak(Box::new(Region::new(pool, "memory"))));
        Self(Rc::new(Inner {
            pool,
            memory,
            now: Cell::new(0),
            tick: Cell::new(1000),
            shared: RefCell::default(),
            interrupted: Cell::new(false),
            config_changed: Cell::new(false),
            while_asleep: RefCell::default(),
            sleeps: Cell::new(0),
        }))
    }

    /// The region for tables.
    pub fn memory(&self) -> &'static Region<'static> {
        // SAFETY: it is dropped in `end`, which is called when nothing of the guest is left.
        unsafe { self.0.memory.as_ref() }
    }

    /// Ends the guest, of which nothing is left, and checks that it has left nothing behind but so many pages, which a
    /// device has kept.
    pub fn end_with(self, kept: usize) {
        assert_eq!(self.0.shared.borrow().len(), kept, "pages are shared");
        *self.0.while_asleep.borrow_mut() = None;
        // SAFETY: it was leaked by `new`, and nobody refers to it any more, says the caller.
        drop(unsafe { Box::from_raw(self.0.memory.as_ptr()) });
        assert_eq!(self.0.pool.free_pages() + kept, self.0.pool.pages(), "pages were left behind");
    }

    /// Ends the guest, of which nothing is left.
    pub fn end(self) {
        self.end_with(0);
    }

    pub fn while_asleep(&self, act: impl FnMut() + 'static) {
        *self.0.while_asleep.borrow_mut() = Some(Box::new(act));
    }

    /// Lets so many nanoseconds pass whenever somebody looks at the clock.
    pub fn tick(&self, nanoseconds: u64) {
        self.0.tick.set(nanoseconds);
    }

    /// How often the guest has slept.
    pub fn sleeps(&self) -> u64 {
        self.0.sleeps.get()
    }

    pub fn shared_pages(&self) -> usize {
        self.0.shared.borrow().len()
    }

    /// Whether some of these bytes are in a page that is shared.
    pub fn is_shared(&self, bytes: &[u8]) -> bool {
        let (first, end) = (bytes.as_ptr().addr(), bytes.as_ptr().addr() + bytes.len().max(1));
        self.0.shared.borrow().values().any(|shared| {
            let page = shared.page.addr().get();
            page < end && first < page + PAGE_SIZE
        })
    }

    pub fn interrupt(&self) {
        self.0.interrupted.set(true);
    }

    /// Whether the device has interrupted, and has no more.
    pub fn take_interrupt(&self) -> bool {
        self.0.interrupted.take()
    }

    pub fn change_config(&self) {
        self.0.config_changed.set(true);
        self.interrupt();
    }

    // What the device may do.

    /// The addresses of the shared pages, lowest first.
    pub fn addresses(&self) -> Vec<u64> {
        self.0.shared.borrow().keys().copied().collect()
    }

    fn with_page<R>(&self, address: u64, act: impl FnOnce(&mut Shared) -> R) -> Option<R> {
        let page = address & !(PAGE_SIZE as u64 - 1);
        self.0.shared.borrow_mut().get_mut(&page).map(act)
    }

    /// Writes into a page; says whether that was allowed.
    pub fn copy_to(&self, address: u64, bytes: &[u8]) -> bool {
        let offset = address as usize % PAGE_SIZE;
        if offset + bytes.len() > PAGE_SIZE {
            return false;
        }
        self.with_page(address, |shared| {
            if shared.access != Access::Write {
                return false;
            }
            let known = shared.known.get_or_insert_with(|| vec![0; PAGE_SIZE].into());
            known[offset..offset + bytes.len()].copy_from_slice(bytes);
            let to = shared.page.as_ptr().wrapping_add(offset);
            // SAFETY: the page is shared for writing, and the bytes are in it.
            unsafe { to.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
            true
        })
        .unwrap_or(false)
    }

    /// Reads from a page, if that is allowed.
    pub fn copy_from(&self, address: u64, length: usize) -> Option<Vec<u8>> {
        let offset = address as usize % PAGE_SIZE;
        if offset + length > PAGE_SIZE {
            return None;
        }
        self.with_page(address, |shared| {
            let from = shared.page.as_ptr().wrapping_add(offset);
            // SAFETY: the page is shared, and the bytes are in it, which were all written when it was.
            (shared.access == Access::Read)
                .then(|| unsafe { std::slice::from_raw_parts(from, length) }.to_vec())
        })?
    }

    /// A place in a page of rings or descriptors, if there is one.
    fn place(&self, address: u64) -> Option<NonNull<u8>> {
        self.with_page(address, |shared| {
            // SAFETY: it is in the page.
            (shared.access != Access::Write)
                .then(|| unsafe { shared.page.add(address as usize % PAGE_SIZE) })
        })?
    }

    /// Sixteen bits of the rings.
    pub fn half(&self, address: u64) -> Option<&AtomicU16> {
        assert_eq!(address % 2, 0);
        // SAFETY: both ends access it by atomics; it is not kept longer than the page is shared.
        self.place(address).map(|place| unsafe { place.cast().as_ref() })
    }

    /// Thirty-two bits of the rings.
    pub fn word(&self, address: u64) -> Option<&AtomicU32> {
        assert_eq!(address % 4, 0);
        // SAFETY: both ends access it by atomics; it is not kept longer than the page is shared.
        self.place(address).map(|place| unsafe { place.cast().as_ref() })
    }
}

// SAFETY: the device gets at a page by `with_page` only, which knows those that are shared.
unsafe impl Guest for World {
    type Event = &'static str;

    fn event(&self) -> &'static str {
        "interrupt"
    }

    fn now(&self) -> Instant {
        self.0.now.set(self.0.now.get() + self.0.tick.get());
        Instant::from_nanos(self.0.now.get())
    }

    fn sleep(&self, deadline: Instant) {
        self.0.sleeps.set(self.0.sleeps.get() + 1);
        if !self.take_interrupt() {
            let act = self.0.while_asleep.borrow_mut().take();
            if let Some(mut act) = act {
                act();
                *self.0.while_asleep.borrow_mut() = Some(act);
            }
            if !self.take_interrupt() {
                self.0.now.set(deadline.as_nanos().max(self.0.now.get()));
            }
        }
    }

    fn pool(&self) -> &'static Pool<'static> {
        self.0.pool
    }

    unsafe fn share(&self, page: NonNull<u8>, access: Access) -> u64 {
        let address = page.addr().get() as u64;
        assert_eq!(address % PAGE_SIZE as u64, 0, "not a whole page");
        assert!(self.0.pool.contains(page.as_ptr()), "not a page of the pool");
        // SAFETY: the page is the caller's and mapped; a page that was not written would show here as whatever it holds.
        let bytes = unsafe { std::slice::from_raw_parts(page.as_ptr(), PAGE_SIZE) };
        assert!(bytes == [0; PAGE_SIZE], "a page was shared that holds old data");
        let shared = Shared { page, access, known: None };
        let before = self.0.shared.borrow_mut().insert(address + OFFSET, shared);
        assert!(before.is_none(), "a page is shared twice");
        address + OFFSET
    }

    fn unshare(&self, page: NonNull<u8>) {
        let address = page.addr().get() as u64 + OFFSET;
        let shared = self.0.shared.borrow_mut().remove(&address).expect("a page was not shared");
        if shared.access == Access::Write {
            // SAFETY: the page is mapped, and was written when it was shared.
            let bytes = unsafe { std::slice::from_raw_parts(page.as_ptr(), PAGE_SIZE) };
            let known = shared.known.as_deref().unwrap_or(&[0; PAGE_SIZE]);
            assert!(bytes == known, "a page was written here while the device had it");
        }
    }

    fn config_changed(&self) -> bool {
        self.0.config_changed.take()
    }
}
