//! A connection while messages are exchanged on it: what is read and written, and how long that may take.

use core::{cell::Cell, time::Duration};

use layer::{Instant, Payload};
use rt_regions::{Exhausted, Region, RegionVec};

use crate::{
    ByteStream, Failure, Limits,
    body::Body,
    fault::{Fault, Memory, note},
    head::RawHead,
    scan::{Found, Scan},
};

/// A stream, and how far the message has come that is received from it.
pub(crate) struct Connection<'c, S> {
    pub(crate) stream: &'c S,
    pub(crate) limits: &'c Limits,
    deadline: Cell<Instant>,
    /// What is left of the body.
    pub(crate) body: Cell<Body>,
    /// Bytes of the body that were read.
    received: Cell<u64>,
    /// How long the body was waited for.
    waited: Cell<Duration>,
    /// The peer waits for status 100 before it sends the body.
    pub(crate) continue_is_due: Cell<bool>,
    /// Something of the response was sent, or may have been.
    pub(crate) has_sent: Cell<bool>,
    /// The peer may or may not send the body, because a response was begun while it waited for that status.
    pub(crate) body_is_unsure: Cell<bool>,
    /// Why there was no room in a region.
    pub(crate) memory: Memory,
}

impl<'c, S: ByteStream> Connection<'c, S> {
    pub(crate) fn new(stream: &'c S, limits: &'c Limits) -> Self {
        Self {
            stream,
            limits,
            deadline: Cell::new(Instant::ZERO),
            body: Cell::new(Body::NONE),
            received: Cell::new(0),
            waited: Cell::new(Duration::ZERO),
            continue_is_due: Cell::new(false),
            has_sent: Cell::new(false),
            body_is_unsure: Cell::new(false),
            memory: Memory::default(),
        }
    }

    /// What a fault is for a handler.
    pub(crate) fn failure(&self, fault: Fault) -> Failure {
        fault.failure(&self.memory)
    }

    /// A message with this body begins.
    pub(crate) fn begin(&self, body: Body) {
        self.body.set(body);
        self.received.set(0);
        self.waited.set(Duration::ZERO);
        self.continue_is_due.set(false);
        self.has_sent.set(false);
        self.body_is_unsure.set(false);
    }

    /// From `now` on, the peer has so much time.
    fn allow(&self, now: Instant, time: Duration) {
        let deadline = now + time;
        self.deadline.set(deadline);
        self.stream.set_deadline(Some(deadline));
    }

    /// Whether the peer has used up its time.
    pub(crate) fn is_late(&self) -> bool {
        self.stream.now() >= self.deadline.get()
    }

    /// Shows `look` what comes, until it returns true. False: the peer has sent all.
    // The only place where `receive` is called, so that a program has its code once.
    async fn pull(&self, look: &mut dyn FnMut(&[u8]) -> (usize, bool)) -> Result<bool, Fault> {
        let look = |bytes: &[u8]| {
            let (taken, ended) = look(bytes);
            (taken, ended.then_some(()))
        };
        match self.stream.receive(look).await {
            Ok(found) => Ok(found.is_some()),
            Err(_) if self.is_late() => Err(Fault::TooSlow),
            Err(_) => Err(Fault::Gone),
        }
    }

    /// Sends `start`, `fields` and `body` together.
    // The only place where `send` is called, so that a program has its code once.
    pub(crate) async fn write(
        &self,
        start: &[u8],
        fields: &[u8],
        body: &dyn Payload,
    ) -> Result<(), Fault> {
        if self.continue_is_due.replace(false) {
            self.body_is_unsure.set(true);
        }
        self.has_sent.set(true);
        let payload = ((start, fields), body);
        self.allow(self.stream.now(), self.limits.time_for(payload.len() as u64));
        self.stream.send(payload).await.map_err(|_| Fault::Gone)
    }

    /// Reads a head into `region`, whose first byte comes within `idle`. `None`: the peer has ended the connection, or has
    /// sent nothing.
    pub(crate) async fn read_head<'r>(
        &self,
        region: &'r Region<'_>,
        idle: Duration,
    ) -> Result<Option<RawHead<'r>>, Fault> {
        let limits = self.limits;
        let mut scan = Scan::default();
        let mut head = Head::None;
        let mut found = Ok(Found::More);
        let mut has_begun = false;
        self.allow(self.stream.now(), idle);
        loop {
            let mut look = |piece: &[u8]| {
                if piece.is_empty() {
                    return (0, false);
                }
                found = scan.feed(piece, limits);
                let taken = match found {
                    Ok(Found::End(length)) => length,
                    Ok(Found::More) => piece.len(),
                    Err(_) => 0,
                };
                let piece = piece.get(..taken).unwrap_or_default();
                let is_last = matches!(found, Ok(Found::End(_)));
                if let Err(fault) = note(head.add(piece, is_last, region), &self.memory) {
                    found = Err(fault);
                }
                (taken, true)
            };
            match self.pull(&mut look).await {
                Ok(true) => {}
                Ok(false) if scan.is_before_first_line() => return Ok(None),
                Ok(false) => {
                    return Err(Fault::HeadEnds);
                }
                Err(Fault::TooSlow) if scan.is_before_first_line() => return Ok(None),
                Err(fault) => return Err(fault),
            }
            match found? {
                Found::End(_) => {
                    return Ok(Some(RawHead { bytes: head.into_bytes(), fields: scan.fields() }));
                }
                Found::More if !has_begun => {
                    has_begun = true;
                    self.allow(self.stream.now(), limits.head_time);
                }
                Found::More => {}
            }
        }
    }

    /// Waits for bytes of the body and shows them to `sink`, which returns how many it has taken. Returns when it has taken
    /// some; false: the body has ended.
    pub(crate) async fn read_body(
        &self,
        sink: &mut dyn FnMut(&[u8]) -> usize,
    ) -> Result<bool, Fault> {
        if self.body.get().is_done() {
            return Ok(false);
        }
        if self.continue_is_due.replace(false) {
            self.write(b"", b"HTTP/1.1 100 Continue\r\n\r\n", &[0; 0]).await?;
            self.has_sent.set(false);
        }
        let start = self.stream.now();
        let time = self.limits.time_for(self.received.get());
        self.allow(start, time.saturating_sub(self.waited.get()));
        let mut body = self.body.get();
        let (mut count, mut fault) = (0, None);
        let mut look = |bytes: &[u8]| {
            let mut rest = bytes;
            while !rest.is_empty() && !body.is_done() {
                match body.skip(rest) {
                    Ok(skipped) => rest = rest.get(skipped..).unwrap_or_default(),
                    Err(found) => {
                        fault = Some(found);
                        break;
                    }
                }
                let here = usize::try_from(body.data()).unwrap_or(usize::MAX).min(rest.len());
                if here == 0 {
                    continue;
                }
                let taken = sink(rest.get(..here).unwrap_or_default()).min(here);
                body.take(taken as u64);
                count += taken as u64;
                rest = rest.get(taken..).unwrap_or_default();
                if taken < here {
                    break;
                }
            }
            (bytes.len() - rest.len(), count > 0 || body.is_done() || fault.is_some())
        };
        let pulled = self.pull(&mut look).await;
        self.body.set(body);
        self.received.set(self.received.get().saturating_add(count));
        self.waited.set(self.waited.get() + self.stream.now().since(start));
        match (pulled, fault) {
            (Ok(_), Some(fault)) => self.give_up(fault),
            (Ok(true), None) if self.received.get() > self.limits.body => {
                self.give_up(Fault::LargeBody)
            }
            (Ok(true), None) => Ok(count > 0),
            (Ok(false), None) if body.ends_with_connection() => {
                self.body.set(Body::NONE);
                Ok(false)
            }
            (Ok(false), None) => self.give_up(Fault::BodyEnds),
            (Err(fault), _) => self.give_up(fault),
        }
    }

    /// Waits for bytes of the body and copies them into `buffer`; returns how many.
    pub(crate) async fn read_into(&self, buffer: &mut [u8]) -> Result<usize, Fault> {
        let mut filled = 0;
        if !buffer.is_empty() {
            let mut sink = |bytes: &[u8]| {
                let room = buffer.get_mut(filled..).unwrap_or_default();
                let count = bytes.len().min(room.len());
                room[..count].copy_from_slice(&bytes[..count]);
                filled += count;
                count
            };
            self.read_body(&mut sink).await?;
        }
        Ok(filled)
    }

    /// The rest of the body can be read no more.
    fn give_up(&self, fault: Fault) -> Result<bool, Fault> {
        self.body.set(Body::UNTIL_CLOSE);
        Err(fault)
    }

    /// Reads what is left of the body, up to `most` bytes; returns whether that was all of it.
    pub(crate) async fn drain(&self, mut most: u64) -> bool {
        while most > 0 {
            let mut sink = |bytes: &[u8]| {
                most = most.saturating_sub(bytes.len() as u64);
                bytes.len()
            };
            if !matches!(self.read_body(&mut sink).await, Ok(true)) {
                break;
            }
        }
        self.body.get().is_done()
    }

    /// Ends the connection after the last message was sent, so that the peer gets all of it: reads what still comes until the
    /// peer ends its side too, for a while (RFC 9112 9.6).
    pub(crate) async fn linger(&self) {
        self.stream.shutdown();
        self.allow(self.stream.now(), self.limits.linger);
        let mut most = self.limits.drain;
        let mut look = |bytes: &[u8]| {
            most = most.saturating_sub(bytes.len() as u64);
            (bytes.len(), most == 0)
        };
        if self.pull(&mut look).await != Ok(false) {
            self.stream.abort();
        }
    }
}

/// A head as it comes: in one piece, most often.
enum Head<'r> {
    None,
    Whole(&'r [u8]),
    Pieces(RegionVec<'r, u8>),
}

impl<'r> Head<'r> {
    fn add(
        &mut self,
        piece: &[u8],
        is_last: bool,
        region: &'r Region<'_>,
    ) -> Result<(), Exhausted> {
        match self {
            Self::None if is_last => *self = Self::Whole(region.alloc_slice(piece)?),
            Self::Pieces(pieces) => pieces.extend_from_slice(piece)?,
            Self::None | Self::Whole(_) => {
                let mut pieces = RegionVec::new(region);
                pieces.extend_from_slice(piece)?;
                *self = Self::Pieces(pieces);
            }
        }
        Ok(())
    }

    fn into_bytes(self) -> &'r [u8] {
        match self {
            Self::None => &[],
            Self::Whole(bytes) => bytes,
            Self::Pieces(pieces) => pieces.into_slice(),
        }
    }
}
