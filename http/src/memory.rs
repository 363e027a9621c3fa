//! A stream in memory: requests that are there, and room for the replies. For tests of a handler.

use core::{
    cell::{Cell, RefCell},
    error::Error,
    fmt,
    mem::MaybeUninit,
    net::SocketAddr,
    pin::pin,
    task::{Context, Poll, Waker},
};

use layer::{Instant, Payload};
use rt_regions::{Pool, Region};

use crate::{Answer, ByteStream, Config, Request, Response, serve};

/// The memory that a handler has there, in bytes: of the connection and of its requests.
const MEMORY: usize = 1 << 17;

/// A stream on which a client has sent all, and takes as much as there is room for.
#[derive(Debug)]
pub struct InMemory<'m> {
    /// What is not read yet.
    requests: Cell<&'m [u8]>,
    replies: RefCell<&'m mut [u8]>,
    /// How many bytes of `replies` are written.
    length: Cell<usize>,
    /// Whether all were.
    fits: Cell<bool>,
}

/// There is no more room for replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom;

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there is no more room for replies")
    }
}

impl Error for NoRoom {}

impl ByteStream for InMemory<'_> {
    type Error = NoRoom;

    async fn receive<T>(
        &self,
        mut look: impl FnMut(&[u8]) -> (usize, Option<T>),
    ) -> Result<Option<T>, NoRoom> {
        let requests = self.requests.get();
        let (taken, found) = look(requests);
        self.requests.set(requests.get(taken..).unwrap_or_default());
        Ok(found)
    }

    async fn send(&self, payload: impl Payload) -> Result<(), NoRoom> {
        let start = self.length.get();
        let mut replies = self.replies.borrow_mut();
        let room = replies.get_mut(start..).and_then(|rest| rest.get_mut(..payload.len()));
        let Some(room) = room else {
            self.fits.set(false);
            return Err(NoRoom);
        };
        payload.copy_to(0, room);
        self.length.set(start + payload.len());
        Ok(())
    }

    fn set_deadline(&self, _: Option<Instant>) {}

    fn now(&self) -> Instant {
        Instant::ZERO
    }

    /// An address of RFC 5737, for documents.
    fn peer(&self) -> SocketAddr {
        ([192, 0, 2, 1], 49_152).into()
    }

    fn shutdown(&self) {}

    fn abort(&self) {}
}

/// What a client gets that sends `requests`, and then nothing more: all replies, which are written to `room`. For tests of a
/// handler: no network is needed, and no time passes.
///
/// ```
/// let mut room = [0; 1024];
/// let request = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n";
/// let reply = http::reply_to(request, &mut room, async |_, response| response.send(b"hello").await);
/// assert!(reply.ends_with(b"\r\n\r\nhello"));
/// ```
///
/// # Panics
/// `room` is too small for the replies, or the handler waits for something else than the client.
pub fn reply_to<'m, H>(requests: &'m [u8], room: &'m mut [u8], handler: H) -> &'m [u8]
where
    H: for<'r> AsyncFn(Request<'r, InMemory<'m>>, Response<'r, InMemory<'m>>) -> Answer,
{
    let stream = InMemory {
        requests: Cell::new(requests),
        replies: RefCell::new(room),
        length: Cell::new(0),
        fits: Cell::new(true),
    };
    let mut memory = [MaybeUninit::uninit(); MEMORY];
    let pool = Pool::new(&mut memory);
    let region = Region::new(&pool, "connection");
    let config = Config::new();
    let is_over = {
        let served = pin!(serve(&stream, &region, &config, handler));
        served.poll(&mut Context::from_waker(Waker::noop()))
    };
    assert!(matches!(is_over, Poll::Ready(())), "the handler waits for something else");
    assert!(stream.fits.get(), "the room for replies is too small");
    let length = stream.length.get();
    stream.replies.into_inner().get(..length).unwrap_or_default()
}
