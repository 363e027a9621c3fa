//! The client on rings of its own, with any daemon on the other side: for the fuzz target.

use core::{
    array::from_fn,
    fmt,
    sync::atomic::{
        AtomicU8, AtomicU32,
        Ordering::{Acquire, Release},
    },
};

use layer::Instant;

use super::client::{Client, XenstoreInterface};
use crate::{StoreError, Watch, events::Peer};

/// The page that guest and daemon share.
#[derive(Debug)]
pub struct Rings(XenstoreInterface);

impl Rings {
    /// Rings that are empty, with all indices at `start`.
    pub fn new(start: u32) -> Self {
        let [req_cons, req_prod, rsp_cons, rsp_prod] = from_fn(|_| AtomicU32::new(start));
        let (req, rsp) = (from_fn(|_| AtomicU8::new(0)), from_fn(|_| AtomicU8::new(0)));
        Self(XenstoreInterface { req, rsp, req_cons, req_prod, rsp_cons, rsp_prod })
    }

    /// The next byte of the guest, if there is one.
    pub fn hear(&self) -> Option<u8> {
        let at = self.0.req_cons.load(Acquire);
        if at == self.0.req_prod.load(Acquire) {
            return None;
        }
        self.0.req_cons.store(at.wrapping_add(1), Release);
        Some(self.0.req[at as usize % self.0.req.len()].load(Acquire))
    }

    /// Says one byte to the guest, if there is room.
    pub fn say(&self, byte: u8) -> bool {
        let at = self.0.rsp_prod.load(Acquire);
        if at.wrapping_sub(self.0.rsp_cons.load(Acquire)) >= self.0.rsp.len() as u32 {
            return false;
        }
        self.0.rsp[at as usize % self.0.rsp.len()].store(byte, Release);
        self.0.rsp_prod.store(at.wrapping_add(1), Release);
        true
    }

    /// Moves the two indices of the daemon by any distance.
    pub fn lie(&self, consumed: u32, produced: u32) {
        self.0.req_cons.fetch_add(consumed, Release);
        self.0.rsp_prod.fetch_add(produced, Release);
    }
}

/// The other side of the rings.
pub trait Daemon {
    /// The time now.
    fn now(&self) -> Instant;

    /// The guest has written or read something.
    fn notified(&self, rings: &Rings);

    /// The guest sleeps until `deadline`, or until something has happened; time goes on.
    fn wait(&self, rings: &Rings, deadline: Instant);
}

struct Side<'s, D>(&'s Rings, &'s D);

impl<D: Daemon> Peer for Side<'_, D> {
    fn now(&self) -> Instant {
        self.1.now()
    }

    fn notify(&self) {
        self.1.notified(self.0);
    }

    fn sleep(&self, deadline: Instant) {
        self.1.wait(self.0, deadline);
    }

    fn take_pending(&self) -> bool {
        true
    }
}

/// The client.
pub struct Store<'s, D>(Client<'s, Side<'s, D>>);

impl<'s, D: Daemon> Store<'s, D> {
    /// A client of `daemon`.
    pub fn new(rings: &'s Rings, daemon: &'s D) -> Self {
        Self(Client::new(&rings.0, Side(rings, daemon)))
    }

    /// Reads the value at `path`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn read<'b>(&self, path: &str, buffer: &'b mut [u8]) -> Result<&'b [u8], StoreError> {
        self.0.read(format_args!("{path}"), buffer)
    }

    /// Reads the names in the directory `path`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn directory<'b>(&self, path: &str, buffer: &'b mut [u8]) -> Result<&'b [u8], StoreError> {
        self.0.directory(format_args!("{path}"), buffer)
    }

    /// Writes the value at `path`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn write(&self, path: &str, value: impl fmt::Display) -> Result<(), StoreError> {
        self.0.write(format_args!("{path}"), format_args!("{value}"))
    }

    /// Watches `path`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn watch(&self, path: &str) -> Result<Watch, StoreError> {
        self.0.watch(format_args!("{path}"))
    }

    /// Ends a watch on `path`.
    pub fn unwatch(&self, path: &str, watch: &Watch) {
        self.0.unwatch(format_args!("{path}"), watch);
    }

    /// Reads the messages that have come, and returns whether the watch has fired since the last call.
    pub fn fired(&self, watch: &Watch) -> bool {
        self.0.listen();
        self.0.fired(watch)
    }

    /// Whether the connection is broken.
    pub fn is_broken(&self) -> bool {
        self.0.is_broken()
    }
}

impl<D> fmt::Debug for Store<'_, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}
