//! Connections (RFC 7766): queries one after the other, each after its length in two bytes, and transfers of zones.

use core::{cell::Cell, time::Duration};

use dns::{
    authority::{Action, MAX_MESSAGE, Transfer, Transport},
    wire::HEADER_LEN,
};
use rt_regions::{Exhausted, Region};
use tasks::TaskError;
use tcp::{Stream, StreamError};

use crate::service::Service;

/// For how long a connection may wait for a query, and a query for its end (RFC 7766 6.2.3: some seconds).
pub(crate) const IDLE: Duration = Duration::from_secs(10);
/// How long it may take until there is room for a message to be sent.
pub(crate) const SLOW: Duration = Duration::from_secs(10);
/// The longest query.
const MAX_QUERY: usize = 4096;
/// Where an answer is written first: few are longer.
const FIRST_BUFFER: usize = 2 << 10;
/// Where the messages of a transfer are written.
const TRANSFER_BUFFER: usize = 3 << 10;
/// How many transfers may be under way.
pub(crate) const TRANSFERS: usize = 4;

/// What comes after a query.
enum Next<'r> {
    /// This message is sent.
    Send(&'r [u8]),
    /// There is no memory, or it is no query with an answer: this is sent.
    Failure([u8; HEADER_LEN]),
    /// A zone is sent.
    Transfer(Transfer<'static>),
    /// The connection ends.
    Close,
}

impl Service {
    /// Answers the queries of a connection, in their order.
    pub(crate) async fn serve(
        &self,
        stream: &Stream,
        region: &Region<'static>,
    ) -> Result<(), TaskError> {
        let ended = self.answer_all(stream, region).await;
        if ended == Err(StreamError::TimedOut) {
            self.counters.idle.add(1);
            // What was not taken until now is not kept.
            stream.abort();
        }
        // Whatever a client does is no error of ours.
        Ok(())
    }

    async fn answer_all(
        &self,
        stream: &Stream,
        region: &Region<'static>,
    ) -> Result<(), StreamError> {
        stream.set_nodelay(true);
        let may_transfer = self.transfer_to.contains(stream.peer().ip());
        let mut room = region.child("dns.answer");
        loop {
            // A connection that waits holds no page.
            room.release();
            stream.set_deadline(Some(stream.now() + IDLE));
            let next = stream.receive(|bytes| self.next(bytes, may_transfer, &room)).await?;
            stream.set_deadline(Some(stream.now() + SLOW));
            match next {
                Some(Next::Send(message)) => send(stream, message).await?,
                Some(Next::Failure(message)) => send(stream, &message).await?,
                Some(Next::Transfer(transfer)) => {
                    self.transfer(stream, transfer, &mut room).await?;
                }
                Some(Next::Close) | None => return Ok(()),
            }
        }
    }

    /// What is to be done about the first query among these bytes, and how many bytes it has; nothing yet, if it is not complete.
    fn next<'r>(
        &self,
        bytes: &[u8],
        may_transfer: bool,
        room: &'r Region<'_>,
    ) -> (usize, Option<Next<'r>>) {
        let Some((length, rest)) = bytes.split_first_chunk() else { return (0, None) };
        let length = usize::from(u16::from_be_bytes(*length));
        if length > MAX_QUERY {
            self.counters.ignored.add(1);
            return (bytes.len(), Some(Next::Close));
        }
        let Some(query) = rest.get(..length) else { return (0, None) };
        self.counters.messages.add(1);
        let next = self
            .act(query, may_transfer, room)
            .unwrap_or_else(|_| self.failure(query).map_or(Next::Close, Next::Failure));
        (2 + length, Some(next))
    }

    fn act<'r>(
        &self,
        query: &[u8],
        may_transfer: bool,
        room: &'r Region<'_>,
    ) -> Result<Next<'r>, Exhausted> {
        let transport = Transport::Stream { may_transfer };
        let mut length = FIRST_BUFFER;
        loop {
            let buffer = room.alloc_slice_with(length, |_| 0)?;
            match self.authority.act(query, transport, buffer) {
                Action::Send(message, kind) => {
                    self.count(kind);
                    return Ok(Next::Send(message));
                }
                Action::Transfer(transfer) => return Ok(Next::Transfer(transfer)),
                Action::Grow if length < MAX_MESSAGE => length = MAX_MESSAGE,
                Action::Grow | Action::Ignore => {
                    self.counters.ignored.add(1);
                    return Ok(Next::Close);
                }
            }
        }
    }

    /// Sends a zone, a message at a time. A client that does not take them has [`SLOW`] for each.
    async fn transfer(
        &self,
        stream: &Stream,
        mut transfer: Transfer<'static>,
        room: &mut Region<'_>,
    ) -> Result<(), StreamError> {
        let Some(_turn) = Turn::of(&self.transfers) else {
            self.counters.busy.add(1);
            return send(stream, &transfer.refused()).await;
        };
        loop {
            room.release();
            let buffer = room.alloc_slice_with(TRANSFER_BUFFER, |_| 0)?;
            let Some(message) = transfer.next(buffer) else { break };
            stream.set_deadline(Some(stream.now() + SLOW));
            send(stream, message).await?;
        }
        self.counters.transfers.add(1);
        Ok(())
    }
}

/// Sends a message and its length in one piece (RFC 7766 8).
async fn send(stream: &Stream, message: &[u8]) -> Result<(), StreamError> {
    let length = (message.len() as u16).to_be_bytes();
    stream.send((length, message)).await
}

/// One of the transfers that are under way, until it is dropped.
struct Turn<'c>(&'c Cell<usize>);

impl<'c> Turn<'c> {
    /// None if as many are under way as are allowed.
    fn of(transfers: &'c Cell<usize>) -> Option<Self> {
        (transfers.get() < TRANSFERS).then(|| {
            transfers.set(transfers.get() + 1);
            Self(transfers)
        })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}
