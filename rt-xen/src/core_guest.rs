//! The guest that runs on Xen, as a driver sees it on another core than the first.

use core::ptr::NonNull;

use layer::Instant;
use rt_pvh::pvclock::Clock;
use rt_regions::Pool;

use crate::{
    Access, DomainId, Errno, GrantError, GrantRef, Guest, OtherCore, Port, StillInUse,
    domain::frame,
    events::Events,
    grants::Grants,
    operations::{EventCalls, Xen},
};

/// The fewest pages of a core that may have a queue of its own: 3 MiB. With less, the queue and the rings for what comes to another
/// queue than it is for would take most of it.
pub(crate) const MIN_PAGES: usize = 768;

/// What another core than the first has of the guest: memory, a slice of the grant table, and event channels that interrupt it
/// alone. It has no xenstore. It is used on its core only, and nothing interrupts that but while it waits, so cells are enough.
#[derive(Debug)]
pub struct CoreGuest<X: 'static = Xen> {
    pub(crate) pool: &'static Pool<'static>,
    pub(crate) clock: &'static Clock<'static>,
    /// INVARIANT: those of the virtual processor of this core.
    pub(crate) events: Events<'static, X>,
    /// INVARIANT: a slice of the table that Xen looks at, which no other core has; without entries if there is none.
    pub(crate) grants: Grants<'static>,
    /// By which others wake this core.
    pub(crate) bell: Port,
    /// By which the first core is woken.
    pub(crate) first_bell: Port,
}

impl<X: EventCalls> CoreGuest<X> {
    /// Sleeps until an event arrives on `port` or others ring the bell, or the deadline passes. It does not sleep if such an event
    /// has come that was not handled. It clears the pending events of both.
    pub(crate) fn wait(&self, port: Option<Port>, deadline: Option<Instant>) -> Result<(), Errno> {
        let result = match deadline {
            Some(end) if end <= self.clock.now() => Ok(()),
            _ => self.events.wait(&[port, Some(self.bell)], deadline),
        };
        // Cleared before the owner reads its rings, and what it is asked for: an event that comes from here on is pending again.
        self.events.take(self.bell);
        if let Some(port) = port {
            self.events.take(port);
        }
        result
    }

    /// Whether this core may have a queue of its own: it can grant pages, and has so much memory that a queue and rings for what
    /// comes to another queue than it is for leave it most.
    pub(crate) fn may_have_queue(&self) -> bool {
        self.grants.counts().entries > 0 && self.pool.pages() >= MIN_PAGES
    }
}

// SAFETY: as for `Domain`; what `Grants::end` does not know is in the slice of another core, whose guest has granted it.
unsafe impl Guest for CoreGuest {
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
}

impl OtherCore for CoreGuest {
    fn wake_first(&self) {
        // The bell is never closed, so Xen does not refuse.
        let _ = self.events.notify(self.first_bell);
    }
}

#[cfg(test)]
mod tests;
