//! What the crate stands on: a stream of bytes in both directions.

use core::{error::Error, net::SocketAddr};

use layer::{Instant, Payload};

/// A connection to a peer: bytes in order, both ways, as TCP gives them.
///
/// One task uses it at a time. Dropping a future of it loses nothing that was received.
pub trait ByteStream {
    /// Why the stream can no longer receive or send.
    type Error: Error;

    /// Shows `look` the bytes that have come and are not done with, at once and again whenever more have come. `look`
    /// returns how many of them, from the first on, are done with, and `Some` when it has what it wants. Then the future
    /// ends. `None` says that the peer has sent all, and that `look` wants more than there is.
    ///
    /// # Errors
    /// The deadline has passed, the connection is broken, or the buffer is full and `look` neither takes anything nor
    /// returns `Some`.
    fn receive<T>(
        &self,
        look: impl FnMut(&[u8]) -> (usize, Option<T>),
    ) -> impl Future<Output = Result<Option<T>, Self::Error>>;

    /// Copies `payload` into the buffer of what is to be sent, and waits for room as often as needed. It does not wait until
    /// the peer has it.
    ///
    /// # Errors
    /// The deadline has passed, or the connection is broken.
    fn send(&self, payload: impl Payload) -> impl Future<Output = Result<(), Self::Error>>;

    /// From this moment on, [`receive`](Self::receive) and [`send`](Self::send) fail instead of waiting. A new deadline
    /// replaces the one before, also if that has passed; `None` removes it.
    fn set_deadline(&self, deadline: Option<Instant>);

    /// The time now.
    fn now(&self) -> Instant;

    /// The address and port of the peer.
    fn peer(&self) -> SocketAddr;

    /// Tells the peer that no more is sent, after all that was sent (in TCP: FIN). What the peer sends still comes.
    fn shutdown(&self);

    /// Ends the connection at once, and tells the peer that it is broken (in TCP: RST).
    fn abort(&self);
}

impl<S: ByteStream> ByteStream for &S {
    type Error = S::Error;

    fn receive<T>(
        &self,
        look: impl FnMut(&[u8]) -> (usize, Option<T>),
    ) -> impl Future<Output = Result<Option<T>, S::Error>> {
        (**self).receive(look)
    }

    fn send(&self, payload: impl Payload) -> impl Future<Output = Result<(), S::Error>> {
        (**self).send(payload)
    }

    fn set_deadline(&self, deadline: Option<Instant>) {
        (**self).set_deadline(deadline);
    }

    fn now(&self) -> Instant {
        (**self).now()
    }

    fn peer(&self) -> SocketAddr {
        (**self).peer()
    }

    fn shutdown(&self) {
        (**self).shutdown();
    }

    fn abort(&self) {
        (**self).abort();
    }
}
