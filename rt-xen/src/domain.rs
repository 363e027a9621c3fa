//! The guest that runs on Xen, as its drivers see it.

use core::{fmt, ptr::NonNull};

use layer::Instant;
use rt_pvh::pvclock::Clock;
use rt_regions::{PAGE_SIZE, Pool};

use crate::{
    Access, DomainId, Errno, GrantError, GrantRef, Guest, Port, StillInUse, StoreError, Watch,
    console::Console,
    events::{Channel, Events},
    grants::Grants,
    operations::{EventCalls, Xen},
    xenstore::Client,
};

/// The grants, event channels and xenstore of the guest. They are its first virtual processor's, and it has no interrupts, so
/// cells are enough to share this value.
#[derive(Debug)]
pub struct Domain<X: 'static = Xen> {
    pub(crate) pool: &'static Pool<'static>,
    pub(crate) clock: &'static Clock<'static>,
    pub(crate) events: Events<'static, X>,
    /// INVARIANT: the table that Xen looks at.
    pub(crate) grants: Grants<'static>,
    pub(crate) store: Client<'static, Channel<'static, X>>,
    pub(crate) store_port: Port,
    pub(crate) console: Option<&'static Console<'static, Channel<'static, X>>>,
    pub(crate) console_port: Option<Port>,
    /// By which other cores wake this one.
    #[cfg(feature = "cores")]
    pub(crate) bell: Option<Port>,
}

impl<X: EventCalls> Domain<X> {
    /// Sleeps until an event arrives on `port`, xenstore or the console has something new, or the deadline passes. It
    /// does not sleep if an event has come that was not handled. It clears the pending event of `port`.
    pub(crate) fn wait(&self, port: Option<Port>, deadline: Option<Instant>) -> Result<(), Errno> {
        // A watch may have fired while the value of another one was read. Its owner must check it first.
        let result = if self.store.has_news() || deadline.is_some_and(|end| end <= self.clock.now())
        {
            Ok(())
        } else {
            let ports = [
                port,
                Some(self.store_port),
                self.console_port,
                #[cfg(feature = "cores")]
                self.bell,
            ];
            self.events.poll(&ports, deadline)
        };
        #[cfg(feature = "cores")]
        if let Some(bell) = self.bell {
            self.events.take(bell);
        }
        // Cleared before the owner reads its rings: an event that comes from here on is pending again.
        if let Some(port) = port {
            self.events.take(port);
        }
        self.store.listen();
        if let Some(console) = self.console {
            // Other cores print lines too.
            #[cfg(all(feature = "cores", not(test)))]
            let _turn = rt_pvh::Turn::take();
            console.listen();
        }
        result
    }

    /// Reads the messages from xenstore. It is cheap if there are none.
    #[inline]
    pub(crate) fn listen(&self) {
        if self.store.take_pending() {
            self.hear();
        }
    }

    // Not inlined, so that there is one copy.
    #[cold]
    #[inline(never)]
    fn hear(&self) {
        self.store.hear();
    }
}

/// The number of the frame of a page. Every address is a physical one, and is below the 16 TiB that fit here.
fn frame(page: NonNull<u8>) -> u32 {
    (page.addr().get() / PAGE_SIZE) as u32
}

// SAFETY: a grant that `Grants::end` has ended is not in the table that Xen looks at, and was not in use
// in that moment: Xen lets the other domain begin nothing new with it.
unsafe impl Guest for Domain {
    #[inline]
    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn pool(&self) -> &'static Pool<'static> {
        self.pool
    }

    unsafe fn grant(
        &self,
        to: DomainId,
        page: NonNull<u8>,
        access: Access,
    ) -> Result<GrantRef, GrantError> {
        self.grants.grant(to, frame(page), access)
    }

    fn end_grant(&self, grant: GrantRef) -> Result<(), StillInUse> {
        self.grants.end(grant)
    }

    fn open_channel(&self, remote: DomainId) -> Result<Port, Errno> {
        self.events.open(remote)
    }

    fn close_channel(&self, port: Port) {
        self.events.close(port);
    }

    #[inline]
    fn notify(&self, port: Port) -> Result<(), Errno> {
        self.events.notify(port)
    }

    fn sleep(&self, port: Option<Port>, deadline: Instant) {
        // An error counts as no event: the caller checks its rings, and has a deadline of its own.
        let _ = self.wait(port, Some(deadline));
    }

    fn read<'b>(
        &self,
        path: fmt::Arguments<'_>,
        buffer: &'b mut [u8],
    ) -> Result<&'b [u8], StoreError> {
        self.store.read(path, buffer)
    }

    fn directory<'b>(
        &self,
        path: fmt::Arguments<'_>,
        buffer: &'b mut [u8],
    ) -> Result<&'b [u8], StoreError> {
        self.store.directory(path, buffer)
    }

    fn write(&self, path: fmt::Arguments<'_>, value: fmt::Arguments<'_>) -> Result<(), StoreError> {
        self.store.write(path, value)
    }

    fn watch(&self, path: fmt::Arguments<'_>) -> Result<Watch, StoreError> {
        self.store.watch(path)
    }

    fn unwatch(&self, path: fmt::Arguments<'_>, watch: Watch) {
        self.store.unwatch(path, &watch);
    }

    #[inline]
    fn fired(&self, watch: &Watch) -> bool {
        self.listen();
        self.store.fired(watch)
    }
}

#[cfg(test)]
mod tests;
