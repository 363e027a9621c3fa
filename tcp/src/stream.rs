//! A stream: a connection as a task sees it.

mod connect;
#[cfg(feature = "embedded-io")]
mod embedded;
mod exchange;
mod race;
mod read;

use core::{
    error::Error,
    fmt,
    future::poll_fn,
    net::SocketAddr,
    pin::pin,
    task::{Context, Poll},
    time::Duration,
};

use layer::{Instant, Payload};
use rt_regions::Exhausted;

use crate::{
    Broken, CongestionControl, Connections, State, Trouble,
    connection::NEVER,
    connections::{Entry, Id},
    tuple::Tuple,
};

pub use self::connect::ConnectError;

/// How long a stream waits for memory before it asks again.
const MEMORY_INTERVAL: Duration = Duration::from_millis(50);

/// Why a stream could not do what it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StreamError {
    /// The connection is no more.
    Broken(Broken),
    /// The [deadline](Stream::set_deadline) has passed.
    TimedOut,
    /// The peer has ended the stream before all had come that was waited for.
    Ended,
    /// All was sent that was to be sent: [`shutdown`](Stream::shutdown) was called.
    ShutDown,
    /// As much is waiting as is buffered, this many bytes, and it is not yet what was waited for.
    TooLong(usize),
    /// There is no memory.
    Exhausted(Exhausted),
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(broken) => write!(f, "the connection is no more: {broken}"),
            Self::TimedOut => f.write_str("the deadline of the stream has passed"),
            Self::Ended => f.write_str("the peer has ended the stream too early"),
            Self::ShutDown => f.write_str("nothing more can be sent after shutdown"),
            Self::TooLong(bytes) => write!(f, "{bytes} bytes have come without an end"),
            Self::Exhausted(exhausted) => write!(f, "out of memory: {exhausted}"),
        }
    }
}

impl Error for StreamError {}

impl From<Exhausted> for StreamError {
    fn from(exhausted: Exhausted) -> Self {
        Self::Exhausted(exhausted)
    }
}

/// The bits of a type of service that are not the application's (RFC 3168 5).
const ECN: u8 = 0x03;

/// A connection, as a task sees it: bytes that come in order, and bytes that are sent in order.
///
/// When it is dropped, what was given to [`send`](Self::send) is still sent, and then a FIN. If something was received
/// that nobody has read, the peer is told by a reset instead (RFC 9293 3.6.1).
///
/// The methods that wait do all their work in the poll in which they are ready. So one that is dropped while it waits
/// loses nothing, except [`send`](Self::send), which may have sent a part. One task may wait for bytes, and one for room.
///
/// It moves to another task, but not to another thread:
///
/// ```compile_fail,E0277
/// fn count(stream: tcp::Stream) {
///     std::thread::spawn(move || stream.peer());
/// }
/// ```
/// ```
/// fn count(stream: tcp::Stream) -> Result<(), tasks::SpawnError> {
///     let tasks = stream.connections().tasks();
///     tasks.spawn("counts", async move |_| {
///         println!("from {}", stream.peer());
///         Ok(())
///     })?;
///     Ok(())
/// }
/// ```
pub struct Stream {
    connections: &'static Connections,
    /// The entry of the connection stays as long as the stream. It has what else is to be known, so that the future of a
    /// service is small.
    id: Id,
}

impl Stream {
    pub(crate) fn new(connections: &'static Connections, id: Id) -> Self {
        Self { connections, id }
    }

    fn tuple(&self) -> Tuple {
        self.with(|entry| entry.tuple).unwrap_or(Tuple::UNSPECIFIED)
    }

    /// All connections, to open more, and the tasks, to start more.
    pub fn connections(&self) -> &'static Connections {
        self.connections
    }

    /// The peer's address and port.
    pub fn peer(&self) -> SocketAddr {
        self.tuple().remote()
    }

    /// Our address and port.
    pub fn local(&self) -> SocketAddr {
        self.tuple().local()
    }

    /// The state of the connection.
    pub fn state(&self) -> State {
        self.with(|entry| entry.connection.state()).unwrap_or(State::Closed)
    }

    /// Why the connection is no more, if it did not end as both wanted.
    pub fn broken(&self) -> Option<Broken> {
        self.with(|entry| entry.connection.broken()).flatten()
    }

    /// The time of this turn of the loop.
    pub fn now(&self) -> Instant {
        self.connections.tasks.now()
    }

    /// Waits for `time`.
    pub fn sleep(&self, time: Duration) -> impl Future<Output = ()> {
        self.connections.tasks.sleep(time)
    }

    /// Lets whatever waits for bytes or room end with [`StreamError::TimedOut`] at this moment. It holds until it is set
    /// again; `None`, the default, waits for ever.
    pub fn set_deadline(&self, deadline: Option<Instant>) {
        self.with(|entry| entry.deadline = deadline.unwrap_or(NEVER));
    }

    /// Sends small amounts of data at once, instead of waiting until those before are acknowledged (Nagle's algorithm,
    /// RFC 9293 3.7.4).
    pub fn set_nodelay(&self, nodelay: bool) {
        self.change(|entry| entry.connection.set_nodelay(nodelay));
    }

    /// Chooses another algorithm for the congestion window, before anything is sent.
    pub fn set_congestion_control(&self, control: CongestionControl) {
        self.change(|entry| entry.connection.set_congestion_control(control));
    }

    /// Asks the peer whether it is still there when nothing came for so long (RFC 9293 3.8.4). `None`, the default, never
    /// asks.
    pub fn set_keepalive(&self, after: Option<Duration>) {
        self.change(|entry| entry.connection.set_keepalive(after));
    }

    /// Breaks the connection when something that was sent is not acknowledged for so long (RFC 9293 3.8.3).
    pub fn set_user_timeout(&self, timeout: Option<Duration>) {
        self.change(|entry| entry.connection.set_user_timeout(timeout));
    }

    /// The differentiated services field of what is sent from now on (RFC 9293 3.9.1.9): the upper 6 bits of `tos`, the type
    /// of service or traffic class. 0 is the default. It is chosen once for a connection, as a rule.
    pub fn set_tos(&self, tos: u8) {
        self.with(|entry| entry.marks.tos = tos & !ECN);
    }

    /// The time to live (IPv4) or hop limit (IPv6) of what is sent from now on (RFC 9293 3.9.2). `None` is the network's
    /// default.
    pub fn set_ttl(&self, ttl: Option<u8>) {
        self.with(|entry| entry.marks.ttl = ttl);
    }

    /// What keeps the connection from getting on, though it is not broken (RFC 9293 3.9.1.8). A task that waits for bytes or
    /// for room is polled when that changes.
    pub fn trouble(&self) -> Option<Trouble> {
        self.with(|entry| entry.connection.trouble()).flatten()
    }

    /// How many of the next bytes are urgent (RFC 9293 3.8.5). They come in order with the others. A task that
    /// waits for bytes is polled when there are more.
    pub fn urgent(&self) -> u32 {
        self.with(|entry| entry.connection.urgent()).unwrap_or(0)
    }

    /// Marks all that was given to [`send`](Self::send) as urgent.
    pub fn mark_urgent(&self) {
        self.change(|entry| entry.connection.mark_urgent());
    }

    /// Sends a FIN after all that was given to [`send`](Self::send): no more follows. What the peer sends is still
    /// received.
    pub fn shutdown(&self) {
        self.change(|entry| entry.connection.shutdown());
    }

    /// Ends the connection at once, by a reset. What was not yet sent is lost.
    pub fn abort(&self) {
        self.change(|entry| entry.connection.abort());
    }

    /// Copies `payload` into the stream's buffer, and waits for room as often as needed. It is sent in the next turn of
    /// the loop.
    ///
    /// # Errors
    /// [`StreamError`].
    pub fn send(&self, payload: impl Payload) -> impl Future<Output = Result<(), StreamError>> {
        let mut offset = 0;
        poll_fn(move |context| {
            let length = payload.len();
            self.poll_send(context, &payload, &mut offset, length)
        })
    }

    /// Copies as much of `bytes` into the stream's buffer as there is room for, at least one byte unless there are none,
    /// and waits for room if there is none; returns how many.
    ///
    /// # Errors
    /// [`StreamError`].
    pub async fn send_some(&self, bytes: &[u8]) -> Result<usize, StreamError> {
        let mut offset = 0;
        let least = bytes.len().min(1);
        poll_fn(|context| self.poll_send(context, &bytes, &mut offset, least)).await?;
        Ok(offset)
    }

    fn poll_send(
        &self,
        context: &mut Context<'_>,
        payload: &dyn Payload,
        offset: &mut usize,
        least: usize,
    ) -> Poll<Result<(), StreamError>> {
        let rest = payload.len() - *offset;
        let tried = self.change(|entry| {
            let taken = entry.connection.send(&Payload::slice(&payload, *offset, rest));
            *offset += taken;
            if *offset >= least {
                return Ok(true);
            }
            match entry.connection.broken() {
                Some(broken) => return Err(StreamError::Broken(broken)),
                None if !entry.connection.may_send() => return Err(StreamError::ShutDown),
                None => {}
            }
            entry.writer = self.connections.tasks.current();
            Ok(false)
        });
        match tried {
            None => Poll::Ready(Err(StreamError::ShutDown)),
            Some(Err(error)) => Poll::Ready(Err(error)),
            Some(Ok(true)) => Poll::Ready(Ok(())),
            Some(Ok(false)) => {
                // If nothing of it is on its way, no acknowledgment makes room: the memory of all buffers is used up.
                let is_starved = self.with(|entry| entry.connection.all_acknowledged());
                if is_starved == Some(true) {
                    let again = self.connections.tasks.sleep(MEMORY_INTERVAL);
                    let _ = pin!(again).poll(context);
                }
                self.wait(context)
            }
        }
    }

    /// Waits until the peer has acknowledged all that was given to [`send`](Self::send).
    ///
    /// # Errors
    /// [`StreamError`].
    pub fn acknowledged(&self) -> impl Future<Output = Result<(), StreamError>> {
        poll_fn(move |context| {
            let acknowledged = self.with(|entry| {
                entry.writer = self.connections.tasks.current();
                match entry.connection.broken() {
                    Some(broken) => Err(StreamError::Broken(broken)),
                    None => Ok(entry.connection.all_acknowledged()),
                }
            });
            match acknowledged {
                Some(Ok(false)) => self.wait(context),
                Some(Err(error)) => Poll::Ready(Err(error)),
                Some(Ok(true)) | None => Poll::Ready(Ok(())),
            }
        })
    }

    /// Waits for whoever wakes this task, but not longer than the deadline.
    fn wait<T>(&self, context: &mut Context<'_>) -> Poll<Result<T, StreamError>> {
        if let Some(deadline) = self.with(|entry| entry.deadline).filter(|&at| at != NEVER)
            && pin!(self.connections.tasks.sleep_until(deadline)).poll(context).is_ready()
        {
            return Poll::Ready(Err(StreamError::TimedOut));
        }
        Poll::Pending
    }

    /// Looks at the connection.
    fn with<T>(&self, look: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        self.connections.inner.borrow_mut().table.get(self.id).map(look)
    }

    /// Does something to the connection, which may have something to send afterwards.
    fn change<T>(&self, change: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        let mut inner = self.connections.inner.borrow_mut();
        let changed = inner.table.get(self.id).map(change);
        inner.table.queue(self.id);
        changed
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.connections.leave(self.id);
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("id", &self.id).finish_non_exhaustive()
    }
}
