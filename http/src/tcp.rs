//! Streams of TCP as what the crate stands on.

use core::net::SocketAddr;

use layer::{Instant, Payload};
use tcp::{Stream, StreamError};

use crate::ByteStream;

impl ByteStream for Stream {
    type Error = StreamError;

    fn receive<T>(
        &self,
        look: impl FnMut(&[u8]) -> (usize, Option<T>),
    ) -> impl Future<Output = Result<Option<T>, StreamError>> {
        self.receive(look)
    }

    fn send(&self, payload: impl Payload) -> impl Future<Output = Result<(), StreamError>> {
        self.send(payload)
    }

    fn set_deadline(&self, deadline: Option<Instant>) {
        self.set_deadline(deadline);
    }

    fn now(&self) -> Instant {
        self.now()
    }

    fn peer(&self) -> SocketAddr {
        self.peer()
    }

    fn shutdown(&self) {
        self.shutdown();
    }

    fn abort(&self) {
        self.abort();
    }
}
