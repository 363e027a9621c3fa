//! What a core has of the guest: the first one all that Xen and the operator say, the others a clock and a bell.

use layer::Instant;
use rt::{Error, Wake};
use rt_pvh::{Other, Shutdown, pvclock::Clock};
use rt_regions::Pool;

use super::{Event, First};
use crate::{
    Domain, Errno, Port, events::Events, operations::Xen, platform, processors,
    runtime::RuntimeError,
};

/// What the core that this runs on has of the guest.
#[derive(Debug)]
pub(super) enum Role {
    /// The first one.
    First(First),
    /// Another one.
    Other(OtherCore),
}

/// What another core than the first has.
#[derive(Debug)]
pub(super) struct OtherCore {
    pool: &'static Pool<'static>,
    pub(super) clock: &'static Clock<'static>,
    events: Events<'static>,
    bell: Port,
}

impl OtherCore {
    /// What this core has.
    ///
    /// # Errors
    /// No room in its memory, or Xen has no place for its clock (status 1).
    pub(super) fn new(other: &Other) -> Result<Self, Error> {
        let none = || RuntimeError::Missing("Xen keeps no clock for this processor");
        let shared = platform::shared_info().ok_or_else(none)?;
        let clock = shared.clock_of(other.index).ok_or_else(none)?;
        // SAFETY: the first core has set up the hypercall page before it started this one.
        let xen = unsafe { Xen::new() };
        Ok(Self {
            pool: other.pool,
            clock: other.memory.alloc(clock)?,
            events: Events::new(xen, shared),
            bell: processors::bell(other.index),
        })
    }

    /// Sleeps until the bell rings or the deadline passes. The bell is the only channel that is polled: Xen wakes a processor that
    /// polls several for each event of the domain (`SCHEDOP_poll`).
    fn wait(&self, deadline: Option<Instant>) -> Result<(), Errno> {
        let result = match deadline {
            Some(end) if end <= self.clock.now() => Ok(()),
            _ => self.events.poll(&[Some(self.bell)], deadline),
        };
        self.events.take(self.bell);
        result
    }
}

impl Role {
    #[inline]
    pub(super) fn clock(&self) -> &'static Clock<'static> {
        match self {
            Self::First(first) => first.clock(),
            Self::Other(other) => other.clock,
        }
    }

    #[inline]
    pub(super) fn pool(&self) -> &'static Pool<'static> {
        match self {
            Self::First(first) => first.pool(),
            Self::Other(other) => other.pool,
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

    pub(super) fn shutdown(&self) -> Shutdown {
        match self {
            Self::First(first) => first.shutdown(),
            Self::Other(_) => Shutdown::PowerOff,
        }
    }

    pub(super) fn wait(&self, event: &Event, deadline: Option<Instant>) -> Result<(), Errno> {
        match self {
            Self::First(first) => first.wait(event, deadline),
            Self::Other(other) => other.wait(deadline),
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
