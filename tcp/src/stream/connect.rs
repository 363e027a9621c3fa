//! Streams that we open, and what happens when one is left.

use core::{
    error::Error,
    fmt,
    future::poll_fn,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    task::Poll,
};

use layer::Instant;

use super::Stream;
use crate::{
    Broken, Connections, Seq, State,
    connection::{Connection, NEVER},
    connections::{Entry, Id, Marks, NotBegun, Opening},
    tuple::Tuple,
};

/// Why a stream was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectError {
    /// The peer did not accept, or did not answer.
    Broken(Broken),
    /// There are as many connections as there may be, or no memory for one more.
    TooMany,
    /// No route leads to the peer, or we have no address of its family.
    NoRoute(SocketAddr),
    /// The peer's port is 0, or no port of ours is free.
    NoPort,
    /// There is no address to connect to.
    NoAddress,
    /// The address is not that of one host: it is a broadcast or multicast address, or 0.0.0.0 (RFC 9293 3.9.1.1, MUST-46).
    BadAddress(SocketAddr),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(broken) => write!(f, "not connected: {broken}"),
            Self::TooMany => f.write_str("no room for one more connection"),
            Self::NoRoute(peer) => write!(f, "no route to {peer}"),
            Self::NoAddress => f.write_str("no address to connect to"),
            Self::NoPort => f.write_str("the port is 0, or no port of ours is free"),
            Self::BadAddress(peer) => write!(f, "{peer} is not one host"),
        }
    }
}

impl Error for ConnectError {}

impl Connections {
    /// Opens a connection to `peer`, from a port that others cannot guess (RFC 6056 3.3.3). It waits until the peer has
    /// accepted it: for 191 seconds at most. Dropping the future gives up before.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub async fn connect(&'static self, peer: SocketAddr) -> Result<Stream, ConnectError> {
        // The layer fills in our side.
        let unspecified = match peer {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        self.connect_from(unspecified, peer).await
    }

    /// Opens a connection to `peer` as [`connect`](Self::connect) does, from this address of ours (RFC 9293 3.9.1.1).
    ///
    /// # Errors
    /// [`ConnectError`]: among others, [`ConnectError::NoRoute`] if the address is not ours.
    pub async fn connect_from(
        &'static self,
        source: IpAddr,
        peer: SocketAddr,
    ) -> Result<Stream, ConnectError> {
        if peer.port() == 0 {
            return Err(ConnectError::NoPort);
        }
        let tuple = Tuple { addresses: [source, peer.ip()], ports: [0, peer.port()] };
        let id = self.begin(self.tasks.now(), tuple).ok_or(ConnectError::TooMany)?;
        let stream = Stream::new(self, id);
        poll_fn(|_| {
            let done = stream.with(|entry| match entry.connection.state() {
                _ if entry.opening == Opening::Queued => None,
                State::SynSent | State::SynReceived => None,
                State::Closed => Some(Err(match (entry.opening, entry.connection.broken()) {
                    (Opening::Failed(NotBegun::NoRoute), _) => ConnectError::NoRoute(peer),
                    (Opening::Failed(NotBegun::NoPort), _) => ConnectError::NoPort,
                    (Opening::Failed(NotBegun::NotUnicast), _) => ConnectError::BadAddress(peer),
                    (_, Some(broken)) => ConnectError::Broken(broken),
                    (_, None) => ConnectError::TooMany,
                })),
                _ => Some(Ok(())),
            });
            match done {
                Some(Some(result)) => Poll::Ready(result),
                Some(None) => {
                    stream.with(|entry| entry.writer = self.tasks.current());
                    Poll::Pending
                }
                None => Poll::Ready(Err(ConnectError::TooMany)),
            }
        })
        .await
        .map(|()| stream)
    }

    /// A connection that the layer begins in its next turn.
    fn begin(&self, now: Instant, tuple: Tuple) -> Option<Id> {
        let mut inner = self.inner.borrow_mut();
        let local = inner.local(&tuple, Seq(0), 0);
        let connection = Connection::connect(now, &local, inner.buffers);
        let entry = Entry {
            tuple,
            connection,
            reader: None,
            writer: None,
            deadline: NEVER,
            has_stream: true,
            is_served: true,
            opening: Opening::Queued,
            marks: Marks::default(),
        };
        let id = inner.table.insert(entry, false)?;
        inner.table.queue(id);
        Some(id)
    }

    /// The stream of a connection is no more.
    pub(super) fn leave(&'static self, id: Id) {
        let now = self.tasks.now();
        let mut inner = self.inner.borrow_mut();
        let Some(entry) = inner.table.get(id) else { return };
        entry.has_stream = false;
        (entry.reader, entry.writer) = (None, None);
        if !entry.is_served || entry.opening == Opening::Queued {
            entry.connection.forget();
        } else {
            entry.connection.orphan(now);
        }
        // The layer sends what it has to say, and forgets it then.
        inner.table.queue(id);
    }
}
