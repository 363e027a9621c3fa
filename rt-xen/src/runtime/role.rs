//! What a core has of the guest: the first one all that Xen and the operator say, the others what a driver needs.

use layer::Instant;
use rt::{Error, Wake};
use rt_pvh::{Other, Shutdown, pvclock::Clock};
use rt_regions::Pool;

use super::{Event, First, cannot, slices};
use crate::{
    CoreGuest, Domain, Errno, GrantCounts, events::Events, operations::Xen, platform, processors,
    runtime::RuntimeError,
};

/// What the core that this runs on has of the guest.
#[derive(Debug)]
pub(super) enum Role {
    /// The first one.
    First(First),
    /// Another one.
    Other(&'static CoreGuest),
}

/// What another core than the first has.
///
/// # Errors
/// No room in its memory, or Xen has no place for its clock, or no timer for it (status 1).
///
/// # Safety
/// Called once on each core but the first.
pub(super) unsafe fn of_other(other: &Other) -> Result<&'static CoreGuest, Error> {
    let none = || RuntimeError::Missing("Xen keeps no clock for this processor");
    let Other { index, pool, memory } = *other;
    let shared = platform::shared_info().ok_or_else(none)?;
    let clock = memory.alloc(shared.clock_of(index).ok_or_else(none)?)?;
    // SAFETY: the first core has set up the hypercall page before it started this one.
    let xen = unsafe { Xen::new() };
    let vcpu = index as u32;
    let timer = xen.bind_timer(vcpu).map_err(cannot("open the timer of a core"))?;
    let events = Events::by_upcalls(xen, shared, vcpu, timer);
    let (bell, first_bell) = (processors::bell(index), processors::bell(0));
    events.listen(bell);
    // SAFETY: as the caller promises.
    let grants = unsafe { slices::of(index) };
    Ok(memory.alloc_with(|| CoreGuest { pool, clock, events, grants, bell, first_bell })?)
}

impl Role {
    #[inline]
    pub(super) fn clock(&self) -> &'static Clock<'static> {
        match self {
            Self::First(first) => first.clock(),
            Self::Other(guest) => guest.clock,
        }
    }

    #[inline]
    pub(super) fn pool(&self) -> &'static Pool<'static> {
        match self {
            Self::First(first) => first.pool(),
            Self::Other(guest) => guest.pool,
        }
    }

    /// The domain.
    ///
    /// # Panics
    /// On another core than the first.
    pub(super) fn domain(&self) -> &'static Domain {
        match self {
            Self::First(first) => first.domain(),
            Self::Other(_) => panic!("the devices of a guest are its first core's"),
        }
    }

    /// What a driver has on another core than the first.
    #[inline]
    pub(super) fn core_guest(&self) -> Option<&'static CoreGuest> {
        match self {
            Self::First(_) => None,
            Self::Other(guest) => Some(guest).filter(|guest| guest.may_have_queue()).copied(),
        }
    }

    pub(super) fn grant_counts(&self) -> GrantCounts {
        match self {
            Self::First(first) => first.grant_counts(),
            Self::Other(guest) => guest.grants.counts(),
        }
    }

    pub(super) fn shutdown(&self) -> Shutdown {
        match self {
            Self::First(first) => first.shutdown(),
            Self::Other(_) => Shutdown::PowerOff,
        }
    }

    pub(super) fn wait(&self, event: &Event, deadline: Option<Instant>) -> Result<(), Errno> {
        match self {
            Self::First(first) => first.wait(event, deadline),
            Self::Other(guest) => guest.wait(event.0, deadline),
        }
    }

    pub(super) fn becomes_deaf(&mut self) -> bool {
        match self {
            Self::First(first) => first.becomes_deaf(),
            Self::Other(_) => false,
        }
    }

    /// Requests are the affair of the first core.
    #[inline]
    pub(super) fn pending_request(&self) -> Wake {
        match self {
            Self::First(first) => first.pending_request(),
            Self::Other(_) => Wake::Continue,
        }
    }
}
