//! A guest in a simulated Xen: a grant table, event channels and a xenstore, with a watchful eye on what the
//! driver does to them. What the guest may do is in `guest`, what a backend does in `backend` (as it should be) and
//! `hostile` (as it should not).

#![allow(dead_code, unreachable_pub, reason = "each program that includes this uses a part of it")]

pub mod backend;
mod guest;
pub mod hostile;
pub mod ring;
pub mod store;

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    mem::{ManuallyDrop, MaybeUninit},
    ptr::NonNull,
    rc::Rc,
};

use rt_regions::{PAGE_SIZE, Pool, Region};
use rt_xen::{Access, Port};

use store::Store;

/// A page that is granted.
struct Grant {
    page: NonNull<u8>,
    access: Access,
    /// How often the other domain has it mapped.
    maps: u32,
    /// What is in it since the other domain has written into it, which nobody else may do then.
    known: Option<Box<[u8]>>,
    /// Both domains write into it: it is a ring.
    is_shared: bool,
}

/// An event channel.
#[derive(Default)]
struct Channel {
    open: bool,
    pending_here: bool,
    pending_there: bool,
}

/// The guest and the Xen around it; a clone is the same one.
#[derive(Clone)]
pub struct World(Rc<Inner>);

struct Inner {
    pool: &'static Pool<'static>,
    memory: NonNull<Region<'static>>,
    now: Cell<u64>,
    grants: RefCell<Vec<Option<Grant>>>,
    /// Which pages are granted, by their address.
    granted: RefCell<BTreeMap<usize, u32>>,
    channels: RefCell<Vec<Channel>>,
    store: RefCell<Store>,
    /// How many grants there may be.
    entries: Cell<usize>,
    /// Called when the guest sleeps.
    while_asleep: RefCell<Option<Box<dyn FnMut()>>>,
    notifications: Cell<u64>,
    sleeps: Cell<u64>,
    grants_made: Cell<u64>,
}

/// The number of the first grant: those before are Xen's own.
const FIRST_GRANT: u32 = 8;

thread_local! {
    /// One pool for each thread and size: what a world has used comes back when it ends. It is never dropped, so that a
    /// search for leaks, at the end of a program that fuzzes, still finds the pools.
    static POOLS: RefCell<ManuallyDrop<BTreeMap<usize, &'static Pool<'static>>>> =
        const { RefCell::new(ManuallyDrop::new(BTreeMap::new())) };
}

fn pool(pages: usize) -> &'static Pool<'static> {
    POOLS.with_borrow_mut(|pools| {
        *pools.entry(pages).or_insert_with(|| {
            let memory = vec![MaybeUninit::uninit(); (pages + 2 + pages / 256) * PAGE_SIZE].leak();
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
            grants: RefCell::default(),
            granted: RefCell::default(),
            channels: RefCell::default(),
            store: RefCell::default(),
            entries: Cell::new(1000),
            while_asleep: RefCell::default(),
            notifications: Cell::new(0),
            sleeps: Cell::new(0),
            grants_made: Cell::new(0),
        }))
    }

    /// The region for tables.
    pub fn memory(&self) -> &'static Region<'static> {
        // SAFETY: it is dropped in `end`, which is called when nothing of the guest is left.
        unsafe { self.0.memory.as_ref() }
    }

    /// Ends the guest, of which nothing is left, and checks that it has left nothing behind: no grant, no
    /// channel, no watch, no page.
    pub fn end(self) {
        assert!(self.0.granted.borrow().is_empty(), "grants were left behind");
        assert!(self.0.channels.borrow().iter().all(|channel| !channel.open), "an open channel");
        assert_eq!(self.0.store.borrow().watches(), 0, "watches were left behind");
        *self.0.while_asleep.borrow_mut() = None;
        // SAFETY: it was leaked by `new`, and nobody refers to it any more, says the caller.
        drop(unsafe { Box::from_raw(self.0.memory.as_ptr()) });
        assert_eq!(self.0.pool.free_pages(), self.0.pool.pages(), "pages were left behind");
    }

    pub fn while_asleep(&self, act: impl FnMut() + 'static) {
        *self.0.while_asleep.borrow_mut() = Some(Box::new(act));
    }

    pub fn store<R>(&self, act: impl FnOnce(&mut Store) -> R) -> R {
        act(&mut self.0.store.borrow_mut())
    }

    pub fn limit_grants(&self, entries: usize) {
        self.0.entries.set(entries);
    }

    /// Whether a watch has fired, and asks no more.
    pub fn has_news(&self) -> bool {
        self.0.store.borrow_mut().take_fired()
    }

    /// How many notifications the guest has sent.
    pub fn notifications(&self) -> u64 {
        self.0.notifications.get()
    }

    /// How often the guest has slept, or has been about to.
    pub fn sleeps(&self) -> u64 {
        self.0.sleeps.get()
    }

    pub fn grants_made(&self) -> u64 {
        self.0.grants_made.get()
    }

    /// How many pages are granted now.
    pub fn grants(&self) -> usize {
        self.0.granted.borrow().len()
    }

    /// The numbers of the grants, lowest first.
    pub fn grant_numbers(&self) -> Vec<u32> {
        let mut numbers: Vec<_> = self.0.granted.borrow().values().copied().collect();
        numbers.sort_unstable();
        numbers
    }

    /// Whether some of these bytes are in a page that is granted.
    pub fn is_granted(&self, bytes: &[u8]) -> bool {
        let first = bytes.as_ptr().addr() & !(PAGE_SIZE - 1);
        let last = bytes.as_ptr().addr() + bytes.len().max(1);
        self.0.granted.borrow().range(first..last).next().is_some()
    }

    fn with_grant<R>(&self, number: u32, act: impl FnOnce(&mut Grant) -> R) -> Option<R> {
        let index = number.checked_sub(FIRST_GRANT)? as usize;
        self.0.grants.borrow_mut().get_mut(index)?.as_mut().map(act)
    }

    // What the other domain may do.

    /// Maps a page that both domains write, or that is to be held for long.
    pub fn map(&self, number: u32) -> Option<NonNull<u8>> {
        self.with_grant(number, |grant| {
            grant.maps += 1;
            grant.page
        })
    }

    /// Maps a page that both domains write from now on.
    pub fn map_shared(&self, number: u32) -> Option<NonNull<u8>> {
        let is_writable =
            self.with_grant(number, |grant| grant.is_shared && grant.access == Access::Write)?;
        is_writable.then(|| self.map(number)).flatten()
    }

    pub fn unmap(&self, number: u32) {
        self.with_grant(number, |grant| grant.maps = grant.maps.saturating_sub(1));
    }

    pub fn unmap_all(&self) {
        for number in self.grant_numbers() {
            self.with_grant(number, |grant| grant.maps = 0);
        }
    }

    /// Writes into a page; says whether that was allowed.
    pub fn copy_to(&self, number: u32, offset: usize, bytes: &[u8]) -> bool {
        if offset + bytes.len() > PAGE_SIZE {
            return false;
        }
        self.with_grant(number, |grant| {
            if grant.access != Access::Write {
                return false;
            }
            if grant.known.is_none() && !grant.is_shared {
                grant.known = Some(vec![0; PAGE_SIZE].into());
            }
            let to = grant.page.as_ptr().wrapping_add(offset);
            // SAFETY: the page is granted for writing, and the bytes are in it.
            unsafe { to.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
            if let Some(known) = &mut grant.known {
                known[offset..offset + bytes.len()].copy_from_slice(bytes);
            }
            true
        })
        .unwrap_or(false)
    }

    /// Reads from a page, if that is allowed.
    pub fn copy_from(&self, number: u32, offset: usize, length: usize) -> Option<Vec<u8>> {
        if offset + length > PAGE_SIZE {
            return None;
        }
        self.with_grant(number, |grant| {
            let from = grant.page.as_ptr().wrapping_add(offset);
            // SAFETY: the page is granted, and the bytes are in it, which were all written when it was.
            unsafe { std::slice::from_raw_parts(from, length) }.to_vec()
        })
    }

    /// Wakes the guest; says whether there is such a channel.
    pub fn wake(&self, port: u32) -> bool {
        match self.0.channels.borrow_mut().get_mut(port as usize) {
            Some(channel) if channel.open => {
                channel.pending_here = true;
                true
            }
            _ => false,
        }
    }

    /// Whether the guest has notified the other end since this was last asked.
    pub fn was_notified(&self, port: u32) -> bool {
        let mut channels = self.0.channels.borrow_mut();
        channels
            .get_mut(port as usize)
            .is_some_and(|channel| std::mem::take(&mut channel.pending_there))
    }

    /// Whether the guest would wake if it slept on this channel.
    pub fn is_awake(&self, port: Option<Port>) -> bool {
        let channels = self.0.channels.borrow();
        port.is_some_and(|port| channels[port.0 as usize].pending_here)
            || self.0.store.borrow().has_fired()
    }
}
