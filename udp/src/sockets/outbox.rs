//! What tasks send. The layer sends it when it is asked for the next packet.

use core::{cell::RefCell, mem::ManuallyDrop, net::SocketAddr};

use rt_regions::{Exhausted, SlabBox, SlabQueue, Slabs};
use tasks::yield_now;

use super::Sockets;
use crate::{Failure, HEADER_LEN, Reply, stored::Request};

/// No datagram has a payload longer than this, in bytes.
pub(super) const LONGEST: usize = u16::MAX as usize - HEADER_LEN;

/// How much may wait to be sent before a task that sends lets others have their turn.
const OUTPUT_A_TURN: usize = 64;

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
    /// More bytes than a datagram of any network has.
    TooLong(usize),
}

impl StoredReply {
    fn new(reply: Reply<'_>, slabs: &'static Slabs<'static>) -> Result<Self, Exhausted> {
        Ok(match reply {
            Ok(bytes) if bytes.len() > LONGEST => Self::TooLong(bytes.len()),
            Err(Failure::Refused(text)) if text.len() > LONGEST => Self::TooLong(text.len()),
            Ok(bytes) => Self::Bytes(slabs.alloc_slice(bytes)?),
            Err(Failure::Refused(text)) => Self::Refused(slabs.alloc_slice(text.as_bytes())?),
            Err(Failure::Exhausted(error)) => Self::Exhausted(error),
            Err(Failure::Deferred) => Self::None(Failure::Deferred),
            Err(Failure::Silent) => Self::None(Failure::Silent),
        })
    }

    /// The reply, or how long it would be: longer than any datagram.
    pub(crate) fn get(&self) -> Result<Reply<'_>, usize> {
        Ok(Err(match self {
            Self::Bytes(bytes) => return Ok(Ok(bytes)),
            // It was text.
            Self::Refused(text) => Failure::Refused(str::from_utf8(text).unwrap_or_default()),
            Self::Exhausted(error) => Failure::Exhausted(*error),
            Self::None(failure) => *failure,
            Self::TooLong(length) => return Err(*length),
        }))
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

    pub(crate) fn len(&self) -> usize {
        self.queue.borrow().len()
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

impl Sockets {
    /// Puts something into the outbox. If that is full, waits until the layer has emptied it, in the next turn of the
    /// loop. If much is there, it waits for a turn, so that no turn has to send without end.
    pub(crate) async fn put_out(
        &self,
        mut push: impl FnMut(&Outbox) -> Result<(), Exhausted>,
    ) -> Result<(), Exhausted> {
        if self.outbox.len() >= OUTPUT_A_TURN {
            yield_now().await;
        }
        loop {
            match push(&self.outbox) {
                Err(_) if !self.outbox.is_empty() => yield_now().await,
                pushed => return pushed,
            }
        }
    }

    /// Puts a reply into the outbox, or a line that says that there is no memory for it.
    pub(crate) async fn put_reply(&self, request: Request, reply: Reply<'_>) {
        if let Err(error) = self.put_out(|outbox| outbox.push_reply(request, reply)).await {
            let line = Err(Failure::Exhausted(error));
            if self.put_out(|outbox| outbox.push_reply(request, line)).await.is_err() {
                self.count(|counters| counters.replies_dropped += 1);
            }
        }
    }
}
