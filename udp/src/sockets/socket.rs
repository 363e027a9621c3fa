//! A socket: a port that belongs to a task.

use core::{fmt, future::poll_fn, net::SocketAddr, task::Poll, time::Duration};

use layer::Instant;
use rt_regions::Region;

use super::{AskError, Mailbox, SocketError, Sockets};
use crate::{Datagram, Reply, stored::Request};

/// A port of a task, and the mailbox for what comes to it. It is closed when it is dropped.
///
/// The methods that wait do all their work in the poll in which they are ready. So one that is dropped while it waits, for
/// example because another one was ready first, loses nothing.
pub struct Socket {
    pub(super) sockets: &'static Sockets,
    pub(super) mailbox: &'static Mailbox,
}

impl Socket {
    pub(super) fn new(sockets: &'static Sockets, mailbox: &'static Mailbox) -> Self {
        Self { sockets, mailbox }
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.mailbox.port.get()
    }

    /// All sockets, to open more, and the tasks, to start more.
    pub fn sockets(&self) -> &'static Sockets {
        self.sockets
    }

    /// The time of this turn of the loop.
    pub fn now(&self) -> Instant {
        self.sockets.tasks.now()
    }

    /// Waits until `at`.
    pub fn sleep_until(&self, at: Instant) -> impl Future<Output = ()> {
        self.sockets.tasks.sleep_until(at)
    }

    /// Waits for `time`.
    pub fn sleep(&self, time: Duration) -> impl Future<Output = ()> {
        self.sockets.tasks.sleep(time)
    }

    /// Waits for the next datagram, and copies it into `region`. One task may wait for a socket.
    ///
    /// 128 KiB of datagrams wait for a socket at most, further ones are dropped and counted.
    ///
    /// # Errors
    /// [`SocketError`]: an earlier datagram did not arrive or was not sent, of which the last one is told; or `region` has
    /// no room for the datagram, which is lost.
    pub fn receive<'r>(
        &self,
        region: &'r Region<'_>,
    ) -> impl Future<Output = Result<Datagram<'r>, SocketError>> {
        poll_fn(move |_| {
            if let Some(error) = self.mailbox.take_error() {
                return Poll::Ready(Err(error));
            }
            match self.mailbox.pop() {
                Some(stored) => Poll::Ready(stored.copy_into(region).map_err(SocketError::from)),
                None => {
                    self.mailbox.wait(self.sockets.tasks.current());
                    Poll::Pending
                }
            }
        })
    }

    /// Sends a datagram from this port to anybody, with the network's default time to live. It waits if too much waits to
    /// be sent already. If the datagram is not sent after all, the next [`receive`](Self::receive) says so.
    ///
    /// # Errors
    /// [`SocketError::Exhausted`].
    pub async fn send_to(&self, to: SocketAddr, payload: &[u8]) -> Result<(), SocketError> {
        let port = self.port();
        let push = |outbox: &super::Outbox| outbox.push_datagram(port, to, payload);
        Ok(self.sockets.put_out(push).await?)
    }

    /// Sends the reply to a request, or one line that says why there is none, by the rules and limits of a service that
    /// was bound to the port: from the address that was asked, with a lower time to live than the request's. It can be
    /// called any number of times, at any time.
    ///
    /// # Errors
    /// [`SocketError::Exhausted`].
    pub async fn reply(&self, request: &Datagram<'_>, reply: Reply<'_>) -> Result<(), SocketError> {
        let request = Request::new(request);
        Ok(self.sockets.put_out(|outbox| outbox.push_reply(request, reply)).await?)
    }

    /// Asks `server`, from a port of its own; see [`Sockets::ask`].
    ///
    /// # Errors
    /// [`AskError`].
    pub async fn ask<'r>(
        &self,
        server: SocketAddr,
        request: &[u8],
        timeout: Duration,
        region: &'r Region<'_>,
    ) -> Result<&'r [u8], AskError> {
        self.sockets.ask(server, request, timeout, region).await
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.sockets.close(self.mailbox);
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("port", &self.port()).finish_non_exhaustive()
    }
}
