//! The interface between a driver and the guest that it runs in.

use core::{error, fmt, ptr::NonNull};

use layer::Instant;
use rt_regions::Pool;

use crate::Errno;

/// The number of a domain (`domid_t`, `xen.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DomainId(pub u16);

/// The number of a grant in our grant table (`grant_ref_t`, `grant_table.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrantRef(pub u32);

/// Our end of an event channel (`evtchn_port_t`, `event_channel.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port(pub u32);

/// The access of another domain to a granted page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The domain may read the page (`GTF_readonly`).
    Read,
    /// The domain may read and write the page.
    Write,
}

/// A watch on a path of xenstore: one of a fixed number of places.
#[derive(Debug, PartialEq, Eq)]
pub struct Watch(pub u8);

/// Why a page was not granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantError {
    /// All entries of the grant table are in use: their number.
    Full(usize),
}

/// The other domain still uses the page (`GTF_reading`, `GTF_writing`): the grant goes on, and the page
/// must not be used for anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StillInUse;

/// Why a request to xenstore failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// Xenstore refused; `ENOENT` means that the path does not exist (`xs_wire.h`, `XS_ERROR`).
    Refused(Errno),
    /// The reply is longer than the buffer: its length in bytes.
    TooLong(u32),
    /// Path and value do not fit into the ring at once (`XENSTORE_RING_SIZE`: 1008 bytes with their header
    /// left out).
    RequestTooLong,
    /// There was no reply in time.
    Silent,
    /// An invalid message has come: the connection is not used any more.
    Broken,
    /// There is no place for another watch.
    TooManyWatches,
}

/// A guest, as a driver sees it: memory, grants, event channels, xenstore. [`crate::Rt`] provides the guest that runs
/// on Xen. A test has its own, with a simulated backend.
///
/// Paths of xenstore may be relative to the guest's own directory.
///
/// # Safety
/// The page of a grant that [`end_grant`](Self::end_grant) has ended is no longer seen by the other domain.
pub unsafe trait Guest {
    /// The time now.
    fn now(&self) -> Instant;

    /// The pool of pages.
    fn pool(&self) -> &'static Pool<'static>;

    /// Lets another domain use a page until the grant is ended.
    ///
    /// # Safety
    /// `page` is a whole page that is mapped for as long as the grant goes on, and Rust does not rely on
    /// its contents while the other domain may write it. Whatever it holds is what the other domain sees.
    ///
    /// # Errors
    /// [`GrantError`].
    unsafe fn grant(
        &self,
        to: DomainId,
        page: NonNull<u8>,
        access: Access,
    ) -> Result<GrantRef, GrantError>;

    /// Ends a grant, if the other domain has released the page.
    ///
    /// # Errors
    /// [`StillInUse`].
    fn end_grant(&self, grant: GrantRef) -> Result<(), StillInUse>;

    /// Opens an event channel that `remote` can bind (`EVTCHNOP_alloc_unbound`).
    ///
    /// # Errors
    /// The error of Xen.
    fn open_channel(&self, remote: DomainId) -> Result<Port, Errno>;

    /// Closes an event channel (`EVTCHNOP_close`).
    fn close_channel(&self, port: Port);

    /// Notifies the other end of an event channel (`EVTCHNOP_send`).
    ///
    /// # Errors
    /// The error of Xen.
    fn notify(&self, port: Port) -> Result<(), Errno>;

    /// Sleeps until an event arrives on `port`, xenstore has something new, or `deadline` passes. It clears the pending
    /// event of `port`.
    fn sleep(&self, port: Option<Port>, deadline: Instant);

    /// Reads the value at `path` into `buffer` (`XS_READ`). The bytes were written by another domain, and are not
    /// trusted.
    ///
    /// # Errors
    /// [`StoreError`].
    fn read<'b>(
        &self,
        path: fmt::Arguments<'_>,
        buffer: &'b mut [u8],
    ) -> Result<&'b [u8], StoreError>;

    /// The names in the directory `path`, each ended by a zero byte (`XS_DIRECTORY`).
    ///
    /// # Errors
    /// [`StoreError`].
    fn directory<'b>(
        &self,
        path: fmt::Arguments<'_>,
        buffer: &'b mut [u8],
    ) -> Result<&'b [u8], StoreError>;

    /// Writes the value at `path` (`XS_WRITE`).
    ///
    /// # Errors
    /// [`StoreError`].
    fn write(&self, path: fmt::Arguments<'_>, value: fmt::Arguments<'_>) -> Result<(), StoreError>;

    /// Watches `path` and what is under it (`XS_WATCH`). A new watch has fired once.
    ///
    /// # Errors
    /// [`StoreError`].
    fn watch(&self, path: fmt::Arguments<'_>) -> Result<Watch, StoreError>;

    /// Ends a watch on `path` (`XS_UNWATCH`).
    fn unwatch(&self, path: fmt::Arguments<'_>, watch: Watch);

    /// Whether the watch has fired since the last call. It is cheap, and is called for every packet.
    fn fired(&self, watch: &Watch) -> bool;
}

// SAFETY: all is done by the guest behind the reference.
unsafe impl<G: Guest> Guest for &G {
    #[inline]
    fn now(&self) -> Instant {
        (**self).now()
    }

    fn pool(&self) -> &'static Pool<'static> {
        (**self).pool()
    }

    #[inline]
    unsafe fn grant(
        &self,
        to: DomainId,
        page: NonNull<u8>,
        access: Access,
    ) -> Result<GrantRef, GrantError> {
        // SAFETY: what the caller promises.
        unsafe { (**self).grant(to, page, access) }
    }

    #[inline]
    fn end_grant(&self, grant: GrantRef) -> Result<(), StillInUse> {
        (**self).end_grant(grant)
    }

    fn open_channel(&self, remote: DomainId) -> Result<Port, Errno> {
        (**self).open_channel(remote)
    }

    fn close_channel(&self, port: Port) {
        (**self).close_channel(port);
    }

    #[inline]
    fn notify(&self, port: Port) -> Result<(), Errno> {
        (**self).notify(port)
    }

    fn sleep(&self, port: Option<Port>, deadline: Instant) {
        (**self).sleep(port, deadline);
    }

    fn read<'b>(
        &self,
        path: fmt::Arguments<'_>,
        buffer: &'b mut [u8],
    ) -> Result<&'b [u8], StoreError> {
        (**self).read(path, buffer)
    }

    fn directory<'b>(
        &self,
        path: fmt::Arguments<'_>,
        buffer: &'b mut [u8],
    ) -> Result<&'b [u8], StoreError> {
        (**self).directory(path, buffer)
    }

    fn write(&self, path: fmt::Arguments<'_>, value: fmt::Arguments<'_>) -> Result<(), StoreError> {
        (**self).write(path, value)
    }

    fn watch(&self, path: fmt::Arguments<'_>) -> Result<Watch, StoreError> {
        (**self).watch(path)
    }

    fn unwatch(&self, path: fmt::Arguments<'_>, watch: Watch) {
        (**self).unwatch(path, watch);
    }

    #[inline]
    fn fired(&self, watch: &Watch) -> bool {
        (**self).fired(watch)
    }
}

impl fmt::Display for DomainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for GrantRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for GrantError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(entries) => write!(f, "all {entries} entries of the grant table are in use"),
        }
    }
}

impl fmt::Display for StillInUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the other domain still uses the page")
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(errno) => write!(f, "xenstore refused: {errno}"),
            Self::TooLong(length) => write!(f, "the value in xenstore has {length} bytes"),
            Self::RequestTooLong => f.write_str("too long for a message to xenstore"),
            Self::Silent => f.write_str("xenstore does not answer"),
            Self::Broken => f.write_str("xenstore sent what is no answer"),
            Self::TooManyWatches => f.write_str("no place for another watch on xenstore"),
        }
    }
}

impl error::Error for GrantError {}
impl error::Error for StillInUse {}
impl error::Error for StoreError {}
