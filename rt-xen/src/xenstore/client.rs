//! The client: one request at a time, its reply, and the events between them.
//!
//! Replies come in the order of their requests, and watch events can come between any two of them. A message can come
//! in pieces, and its end long after its beginning; [`Incoming`] keeps the part that has arrived. The reply to a
//! request that timed out may still come. It is recognised by its number and discarded.

use core::{
    cell::Cell,
    fmt, mem,
    sync::atomic::{AtomicU8, AtomicU32},
    time::Duration,
};

use layer::Instant;

use super::{
    incoming::Incoming,
    watches::Watches,
    wire::{Header, MessageType, PAYLOAD_MAX, RING_SIZE, Request, error_number},
};
use crate::{
    Errno, StoreError, Watch,
    events::Peer,
    ring::{BrokenRing, Reader, Writer},
};

/// How long we wait for a reply. It takes milliseconds, or longer on a busy host.
const REPLY_TIMEOUT: Duration = Duration::from_secs(5);

/// The most that is read at once, in bytes: many times more than xenstore can send before it is notified that there is
/// room again.
const FLOOD: usize = 64 << 10;

/// The beginning of `struct xenstore_domain_interface`, which every version has.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct XenstoreInterface {
    pub(super) req: [AtomicU8; RING_SIZE],
    pub(super) rsp: [AtomicU8; RING_SIZE],
    pub(super) req_cons: AtomicU32,
    pub(super) req_prod: AtomicU32,
    pub(super) rsp_cons: AtomicU32,
    pub(super) rsp_prod: AtomicU32,
}

const _: () = assert!(size_of::<XenstoreInterface>() == 2064);

/// Our end of the connection to xenstore.
#[derive(Debug)]
pub(crate) struct Client<'s, P> {
    requests: Writer<'s>,
    replies: Reader<'s>,
    peer: P,
    /// The number of the next request.
    next_id: Cell<u32>,
    /// The number of the first request that has no reply yet, or `next_id`.
    oldest_id: Cell<u32>,
    incoming: Cell<Incoming>,
    watches: Watches,
    /// Whether an invalid message has come, so that the beginning of the next message is unknown.
    broken: Cell<bool>,
}

/// The reply that we wait for, and the buffer for it.
struct Awaited<'b> {
    kind: MessageType,
    id: u32,
    buffer: &'b mut [u8],
    result: Option<Result<usize, StoreError>>,
}

impl<'s, P: Peer> Client<'s, P> {
    pub(crate) fn new(interface: &'s XenstoreInterface, peer: P) -> Self {
        let XenstoreInterface { req, rsp, req_cons, req_prod, rsp_cons, rsp_prod } = interface;
        Self {
            requests: Writer::new(req, req_cons, req_prod),
            replies: Reader::new(rsp, rsp_prod, rsp_cons),
            peer,
            next_id: Cell::new(1),
            oldest_id: Cell::new(1),
            incoming: Cell::default(),
            watches: Watches::default(),
            broken: Cell::new(false),
        }
    }

    /// Reads the value at `path`.
    pub(crate) fn read<'b>(
        &self,
        path: fmt::Arguments<'_>,
        buffer: &'b mut [u8],
    ) -> Result<&'b [u8], StoreError> {
        self.ask(MessageType::Read, path, buffer)
    }

    /// Reads the names in the directory `path`, each ended by a zero byte.
    pub(crate) fn directory<'b>(
        &self,
        path: fmt::Arguments<'_>,
        buffer: &'b mut [u8],
    ) -> Result<&'b [u8], StoreError> {
        match self.ask(MessageType::Directory, path, buffer)? {
            [.., last] if *last != 0 => Err(self.broken()),
            names => Ok(names),
        }
    }

    /// Requests the contents of `path`.
    fn ask<'b>(
        &self,
        kind: MessageType,
        path: fmt::Arguments<'_>,
        buffer: &'b mut [u8],
    ) -> Result<&'b [u8], StoreError> {
        let length = self.request(kind, path, format_args!(""), buffer)?;
        Ok(&buffer[..length])
    }

    /// Writes the value at `path`.
    pub(crate) fn write(
        &self,
        path: fmt::Arguments<'_>,
        value: fmt::Arguments<'_>,
    ) -> Result<(), StoreError> {
        self.order(MessageType::Write, path, value)
    }

    /// Watches `path`. A watch that exists already, because xenstore did not receive the request to end it, is used.
    pub(crate) fn watch(&self, path: fmt::Arguments<'_>) -> Result<Watch, StoreError> {
        // Added first, so that the event that comes with the reply finds it.
        let watch = self.watches.add()?;
        match self.with_token(MessageType::Watch, path, &watch) {
            Ok(()) | Err(StoreError::Refused(Errno::EEXIST)) => Ok(watch),
            Err(error) => {
                self.watches.remove(&watch);
                Err(error)
            }
        }
    }

    /// Ends a watch on `path`. Even if xenstore does not receive the request, the events of the watch are ignored from
    /// now on.
    pub(crate) fn unwatch(&self, path: fmt::Arguments<'_>, watch: &Watch) {
        if self.watches.remove(watch) {
            let _ = self.with_token(MessageType::Unwatch, path, watch);
        }
    }

    /// Whether the watch has fired since the last call, as far as messages were [read](Self::listen).
    #[inline]
    pub(crate) fn fired(&self, watch: &Watch) -> bool {
        self.watches.take_fired(watch)
    }

    /// Whether the watch has fired. This does not clear it.
    #[inline]
    pub(crate) fn has_fired(&self, watch: &Watch) -> bool {
        self.watches.has_fired(watch)
    }

    /// Whether messages may have come that were not read. The call clears this state, so a caller that gets `true` must
    /// call [`hear`](Self::hear).
    #[inline]
    pub(crate) fn take_pending(&self) -> bool {
        self.peer.take_pending()
    }

    /// Whether any watch has fired since the last call. If so, the owner of each watch must check it before the guest
    /// sleeps.
    pub(crate) fn has_news(&self) -> bool {
        self.listen();
        self.watches.take_news()
    }

    /// Reads the messages that have come. If there are none, it costs one load.
    pub(crate) fn listen(&self) {
        if self.take_pending() {
            self.hear();
        }
    }

    /// Reads the messages that have come, whether there was an event or not.
    pub(crate) fn hear(&self) {
        // The next request returns the error.
        let _ = self.take(None);
    }

    /// Whether the connection is broken: an invalid message has come, and no more are read.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken.get()
    }

    fn with_token(
        &self,
        kind: MessageType,
        path: fmt::Arguments<'_>,
        watch: &Watch,
    ) -> Result<(), StoreError> {
        self.order(kind, path, format_args!("{}\0", u64::from(watch.0)))
    }

    /// Sends a request whose reply only confirms it.
    fn order(
        &self,
        kind: MessageType,
        path: fmt::Arguments<'_>,
        rest: fmt::Arguments<'_>,
    ) -> Result<(), StoreError> {
        match self.request(kind, path, rest, &mut []) {
            Err(StoreError::TooLong(_)) => Ok(()),
            result => result.map(drop),
        }
    }

    /// Sends a request and waits for its reply, which goes to `buffer`. Returns the length of the reply.
    fn request(
        &self,
        kind: MessageType,
        path: fmt::Arguments<'_>,
        rest: fmt::Arguments<'_>,
        buffer: &mut [u8],
    ) -> Result<usize, StoreError> {
        if self.broken.get() {
            return Err(StoreError::Broken);
        }
        let id = self.next_id.get();
        let mut request = Request::new();
        let message = request.write(kind, id, path, rest)?;
        let deadline = self.peer.now() + REPLY_TIMEOUT;
        self.send(message, deadline)?;
        self.next_id.set(id.wrapping_add(1));
        let mut awaited = Awaited { kind, id, buffer, result: None };
        loop {
            self.take(Some(&mut awaited))?;
            if let Some(result) = awaited.result {
                return result;
            }
            if self.peer.now() >= deadline {
                return Err(StoreError::Silent);
            }
            self.peer.sleep(deadline);
        }
    }

    /// Writes a message as soon as there is room for all of it.
    fn send(&self, message: &[u8], deadline: Instant) -> Result<(), StoreError> {
        loop {
            let mut space = self.requests.space().map_err(|BrokenRing| self.broken())?;
            if space.free() >= message.len() {
                space.write(message);
                space.publish();
                self.peer.notify();
                return Ok(());
            }
            if self.peer.now() >= deadline {
                return Err(StoreError::Silent);
            }
            self.peer.sleep(deadline);
            // Xenstore may be waiting for room itself.
            self.take(None)?;
        }
    }

    /// Reads all that is in the ring, message by message.
    fn take(&self, mut awaited: Option<&mut Awaited<'_>>) -> Result<(), StoreError> {
        if self.broken.get() {
            return Err(StoreError::Broken);
        }
        let mut incoming = self.incoming.get();
        let mut taken = 0;
        let result = loop {
            let mut piece = [0; 64];
            let most = incoming.rest().min(piece.len());
            let added = match self.replies.read(&mut piece[..most]) {
                Ok(0) => break Ok(()),
                Ok(length) => {
                    taken += length;
                    self.add(&mut incoming, &piece[..length], awaited.as_deref_mut())
                }
                Err(BrokenRing) => Err(StoreError::Broken),
            };
            if added.is_err() || taken > FLOOD {
                break Err(self.broken());
            }
        };
        self.incoming.set(incoming);
        if taken > 0 {
            // Xenstore may be waiting for room.
            self.peer.notify();
        }
        result
    }

    /// Adds a piece to a message: of its header or of its payload, and at most the bytes that are missing.
    fn add(
        &self,
        incoming: &mut Incoming,
        piece: &[u8],
        mut awaited: Option<&mut Awaited<'_>>,
    ) -> Result<(), StoreError> {
        let start = incoming.length;
        incoming.length += piece.len();
        if let Some(at) = start.checked_sub(Header::SIZE) {
            let header = incoming.header();
            if header.is(MessageType::WatchEvent) {
                incoming.word.add(piece, 1);
            } else if header.is(MessageType::Error) {
                incoming.word.add(piece, 0);
            } else if let Some(awaited) = awaited.as_deref_mut()
                && awaited.id == header.req_id
                && let Some(room) = awaited.buffer.get_mut(at..incoming.length - Header::SIZE)
            {
                room.copy_from_slice(piece);
            }
        } else {
            incoming.header[start..incoming.length].copy_from_slice(piece);
            if incoming.length == Header::SIZE {
                self.check(incoming.header(), awaited.as_deref())?;
            }
        }
        if incoming.rest() == 0 {
            self.finish(mem::take(incoming), awaited);
        }
        Ok(())
    }

    /// Refuses a message that can be neither a reply nor an event.
    fn check(&self, header: Header, awaited: Option<&Awaited<'_>>) -> Result<(), StoreError> {
        if header.len > PAYLOAD_MAX {
            return Err(StoreError::Broken);
        }
        if header.is(MessageType::WatchEvent) {
            return Ok(());
        }
        let oldest = self.oldest_id.get();
        let unanswered = self.next_id.get().wrapping_sub(oldest);
        let is_ours = awaited.is_some_and(|awaited| awaited.id == header.req_id);
        let fits = awaited.is_some_and(|awaited| header.is(awaited.kind));
        if header.req_id.wrapping_sub(oldest) >= unanswered
            || is_ours && !fits && !header.is(MessageType::Error)
        {
            return Err(StoreError::Broken);
        }
        Ok(())
    }

    /// Handles a complete message.
    fn finish(&self, message: Incoming, awaited: Option<&mut Awaited<'_>>) {
        let header = message.header();
        if header.is(MessageType::WatchEvent) {
            // An event that is not two terminated strings is ignored.
            if message.word.ended >= 2 {
                self.watches.fire(message.word.get());
            }
            return;
        }
        self.oldest_id.set(header.req_id.wrapping_add(1));
        if let Some(awaited) = awaited
            && awaited.id == header.req_id
        {
            let length = header.len as usize;
            awaited.result = Some(if header.is(MessageType::Error) {
                Err(StoreError::Refused(error_number(message.word.get())))
            } else if length > awaited.buffer.len() {
                Err(StoreError::TooLong(header.len))
            } else {
                Ok(length)
            });
        }
    }

    /// Records that the connection is broken.
    fn broken(&self) -> StoreError {
        self.broken.set(true);
        StoreError::Broken
    }
}

#[cfg(test)]
mod tests;
