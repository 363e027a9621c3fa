//! What the first core has of the guest, or the only one.

use layer::Instant;
use rt::Wake;
use rt_pvh::{Shutdown, print, pvclock::Clock};
use rt_regions::Pool;

use super::Event;
#[cfg(feature = "cores")]
use crate::operations::Xen;
use crate::{Domain, Errno, shutdown::Control};

/// What the first core has: the devices, xenstore, the console.
#[derive(Debug)]
pub(super) struct First {
    pub(super) domain: &'static Domain,
    pub(super) control: Control,
    /// Whether it was reported that the connection to xenstore is broken.
    pub(super) is_deaf: bool,
    #[cfg(feature = "cores")]
    pub(super) xen: Xen,
}

impl First {
    #[inline]
    pub(super) fn clock(&self) -> &'static Clock<'static> {
        self.domain.clock
    }

    #[inline]
    pub(super) fn pool(&self) -> &'static Pool<'static> {
        self.domain.pool
    }

    #[inline]
    pub(super) fn domain(&self) -> &'static Domain {
        self.domain
    }

    pub(super) fn shutdown(&self) -> Shutdown {
        self.control.reason()
    }

    #[inline]
    pub(super) fn wait(&self, event: &Event, deadline: Option<Instant>) -> Result<(), Errno> {
        self.domain.wait(event.0, deadline)
    }

    /// Whether the connection to xenstore has broken, the first time that this is asked then.
    #[inline]
    pub(super) fn becomes_deaf(&mut self) -> bool {
        let is_news = self.domain.store.is_broken() && !self.is_deaf;
        self.is_deaf |= is_news;
        is_news
    }

    #[inline]
    pub(super) fn pending_request(&self) -> Wake {
        self.domain.listen();
        if self.control.is_asked(&self.domain.store) { self.answer() } else { Wake::Continue }
    }

    /// Handles the operator's request, or returns what the program is to do.
    #[cold]
    #[inline(never)]
    fn answer(&self) -> Wake {
        self.control.pending_request(&self.domain.store, print)
    }
}
