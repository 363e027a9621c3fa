//! What tasks send. The layer sends it when it is asked for the next packet.

use core::{cell::RefCell, mem::ManuallyDrop, net::SocketAddr};

use rt_regions::{Exhausted, SlabBox, SlabQueue, Slabs};

use crate::{Failure, Reply, stored::Request};

/// What a task sends.
pub(crate) enum Output {
    /// A datagram that is not a reply, from this port.
    Datagram { port: u16, to: SocketAddr, payload: SlabBox<'static, [u8]> },
    /// A reply, or the reason why there is none.
    Reply { request: Request, reply: StoredReply },
}

/// A [`Reply`] whose bytes lie in a block of their own.
pub(crate) enum StoredReply {
    Bytes(SlabBox<'static, [u8]>),
    Refused(SlabBox<'static, [u8]>),
    Exhausted(Exhausted),
    None(Failure<'static>),
}

impl StoredReply {
    fn new(reply: Reply<'_>, slabs: &'static Slabs<'static>) -> Result<Self, Exhausted> {
        Ok(match reply {
            Ok(bytes) => Self::Bytes(slabs.alloc_slice(bytes)?),
            Err(Failure::Refused(text)) => Self::Refused(slabs.alloc_slice(text.as_bytes())?),
            Err(Failure::Exhausted(error)) => Self::Exhausted(error),
            Err(Failure::Deferred) => Self::None(Failure::Deferred),
            Err(Failure::Silent) => Self::None(Failure::Silent),
        })
    }

    /// The reply.
    pub(crate) fn get(&self) -> Reply<'_> {
        Err(match self {
            Self::Bytes(bytes) => return Ok(bytes),
            // It was text.
            Self::Refused(text) => Failure::Refused(str::from_utf8(text).unwrap_or_default()),
            Self::Exhausted(error) => Failure::Exhausted(*error),
            Self::None(failure) => *failure,
        })
    }
}

/// All that waits to be sent, in the order in which it was put here.
pub(crate) struct Outbox {
    slabs: &'static Slabs<'static>,
    /// Without a destructor, so that it can lie in a region.
    queue: ManuallyDrop<RefCell<SlabQueue<'static, Output>>>,
}

impl Outbox {
    pub(crate) fn new(slabs: &'static Slabs<'static>) -> Self {
        Self { slabs, queue: ManuallyDrop::new(RefCell::new(SlabQueue::new(slabs))) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.borrow().is_empty()
    }

    pub(crate) fn pop(&self) -> Option<Output> {
        self.queue.borrow_mut().pop()
    }

    pub(crate) fn push_datagram(
        &self,
        port: u16,
        to: SocketAddr,
        payload: &[u8],
    ) -> Result<(), Exhausted> {
        let payload = self.slabs.alloc_slice(payload)?;
        self.queue.borrow_mut().push(Output::Datagram { port, to, payload })
    }

    pub(crate) fn push_reply(&self, request: Request, reply: Reply<'_>) -> Result<(), Exhausted> {
        let reply = StoredReply::new(reply, self.slabs)?;
        self.queue.borrow_mut().push(Output::Reply { request, reply })
    }
}
