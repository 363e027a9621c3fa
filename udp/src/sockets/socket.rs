//! A socket: a port that belongs to a task.

use core::{fmt, future::poll_fn, net::SocketAddr, task::Poll, time::Duration};

use layer::Instant;
use network::SendError;
use rt_regions::Region;

use super::{AskError, Mailbox, SocketError, Sockets, outbox::LONGEST};
use crate::{Datagram, Reply, stored::Request};

/// A port of a task, and the mailbox for what comes to it. It is closed when it is dropped.
///
/// The methods that wait do all their work in the poll in which they are ready. So one that is dropped while it waits, for
/// example because another one was ready first, loses nothing.
///
/// It moves to another task, but not to another thread:
///
/// ```compile_fail,E0277
/// fn count(socket: udp::Socket) {
///     std::thread::spawn(move || socket.port());
/// }
/// ```
/// ```
/// fn count(socket: udp::Socket) -> Result<(), tasks::SpawnError> {
///     let tasks = socket.sockets().tasks();
///     tasks.spawn("counts", async move |_| {
///         println!("port {}", socket.port());
///         Ok(())
///     })?;
///     Ok(())
/// }
/// ```
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
    /// 128 KiB of datagrams wait for a socket at most, and no more than all mailboxes may still take; further ones are
    /// dropped and counted. After 16 datagrams that were there already, it lets others have their turn.
    ///
    /// Nothing that a peer does makes it fail. If `region` has no room for a datagram, that is lost and counted, and its
    /// sender is told so in a line if the port was bound by [`spawn`](crate::Udp::spawn). Of datagrams that did not arrive
    /// tells [`failure`](Self::failure).
    pub fn receive<'r>(&self, region: &'r Region<'_>) -> impl Future<Output = Datagram<'r>> {
        poll_fn(move |context| {
            while !self.mailbox.is_empty() {
                if !self.sockets.may_take(self.mailbox) {
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                let Some(stored) = self.mailbox.pop() else { break };
                match stored.copy_into(region) {
                    Ok(datagram) => return Poll::Ready(datagram),
                    Err(error) => self.sockets.lose(self.mailbox, stored.request, error),
                }
            }
            self.mailbox.wait(self.sockets.tasks.current());
            Poll::Pending
        })
    }

    /// Waits for word that a datagram from this port did not arrive or was not sent; of several, the last one is told. It
    /// may be about a reply, for example because the client is gone. It can race with [`receive`](Self::receive).
    pub fn failure(&self) -> impl Future<Output = SocketError> {
        poll_fn(move |_| match self.mailbox.take_error() {
            Some(error) => Poll::Ready(error),
            None => {
                self.mailbox.wait(self.sockets.tasks.current());
                Poll::Pending
            }
        })
    }

    /// Sends a datagram from this port to anybody, with the network's default time to live. It waits if too much waits to
    /// be sent already. If the datagram is not sent after all, [`failure`](Self::failure) says so.
    ///
    /// # Errors
    /// [`SocketError::Exhausted`], or the payload is longer than a datagram of any network.
    pub async fn send_to(&self, to: SocketAddr, payload: &[u8]) -> Result<(), SocketError> {
        if payload.len() > LONGEST {
            let error = SendError::TooLong { length: payload.len(), most: LONGEST };
            return Err(SocketError::NotSent { error, destination: to });
        }
        let port = self.port();
        let push = |outbox: &super::Outbox| outbox.push_datagram(port, to, payload);
        Ok(self.sockets.put_out(push).await?)
    }

    /// Sends the reply to a request, or one line that says why there is none, by the rules and limits of a service that
    /// was bound to the port: from the address that was asked, with a lower time to live than the request's. It can be
    /// called any number of times, at any time. If there is no memory for the reply, the client is told so, or it is counted.
    pub async fn reply(&self, request: &Datagram<'_>, reply: Reply<'_>) {
        self.sockets.put_reply(Request::new(request), reply).await;
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
