//! A question to another server.

use core::{
    error::Error, fmt, future::poll_fn, net::SocketAddr, pin::pin, task::Poll, time::Duration,
};

use rt_regions::{Exhausted, Region};

use super::{Socket, SocketError, Sockets};
use crate::BindError;

/// When a question is sent once more, in parts of the time that it has: each wait is twice as long as the one before.
const RETRIES: [u32; 2] = [1, 3];

/// Into how many parts the time is divided.
const PARTS: u32 = 7;

/// Why there is no answer to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AskError {
    /// No answer came in time.
    TimedOut,
    /// The question did not arrive or was not sent, or there is no memory.
    Socket(SocketError),
    /// There is no port for the question.
    Port(BindError),
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => f.write_str("no answer in time"),
            Self::Socket(error) => error.fmt(f),
            Self::Port(error) => write!(f, "no port to ask from: {error}"),
        }
    }
}

impl Error for AskError {}

impl From<SocketError> for AskError {
    fn from(error: SocketError) -> Self {
        Self::Socket(error)
    }
}

impl From<Exhausted> for AskError {
    fn from(error: Exhausted) -> Self {
        Self::Socket(error.into())
    }
}

impl From<BindError> for AskError {
    fn from(error: BindError) -> Self {
        Self::Port(error)
    }
}

impl Sockets {
    /// Sends `request` to `server` and waits for its answer, whose payload is then in `region`.
    ///
    /// The question comes from a port of its own, which others cannot guess (RFC 6056), and only what comes from `server`
    /// is an answer. Without one, the question is sent again after a seventh and three sevenths of `timeout`. Any number of
    /// questions can wait at once.
    ///
    /// # Errors
    /// [`AskError`]: no answer in time; an ICMP error says that nobody answers there, or that a host or router prohibits the
    /// question; no memory.
    pub async fn ask<'r>(
        &'static self,
        server: SocketAddr,
        request: &[u8],
        timeout: Duration,
        region: &'r Region<'_>,
    ) -> Result<&'r [u8], AskError> {
        let socket = self.open_any()?;
        self.count(|counters| counters.asked += 1);
        let asked = socket.now();
        let retries = RETRIES.map(|part| asked + timeout / PARTS * part);
        for (index, until) in retries.into_iter().chain([asked + timeout]).enumerate() {
            if index > 0 {
                self.count(|counters| counters.asked_again += 1);
            }
            socket.send_to(server, request).await?;
            let mut sleep = pin!(socket.sleep_until(until));
            let answer = poll_fn(|context| match socket.poll_answer(server, region) {
                Poll::Ready(answer) => Poll::Ready(Some(answer)),
                Poll::Pending => sleep.as_mut().poll(context).map(|()| None),
            });
            if let Some(answer) = answer.await {
                return Ok(answer?);
            }
        }
        self.count(|counters| counters.unanswered += 1);
        Err(AskError::TimedOut)
    }
}

/// Whether the address and the port are the same; the scope of an IPv6 address is not in a packet.
fn is_same(one: SocketAddr, other: SocketAddr) -> bool {
    (one.ip(), one.port()) == (other.ip(), other.port())
}

/// Whether a question to `server` is lost for good. Of the other errors, RFC 1122 4.2.3.9 says that they may pass: the
/// question is sent again. An error about another destination is not about the question: it is forged, or comes late and
/// is about an earlier one from the same port.
fn is_final(error: SocketError, server: SocketAddr) -> bool {
    match error {
        SocketError::Undelivered { problem, destination } => {
            problem.is_hard() && is_same(destination, server)
        }
        SocketError::NotSent { destination, .. } => is_same(destination, server),
        SocketError::Exhausted(_) => true,
    }
}

impl Socket {
    /// The payload of the next datagram from `server`, if it has come. Those of others are dropped.
    fn poll_answer<'r>(
        &self,
        server: SocketAddr,
        region: &'r Region<'_>,
    ) -> Poll<Result<&'r [u8], SocketError>> {
        match self.mailbox.take_error() {
            Some(error) if is_final(error, server) => return Poll::Ready(Err(error)),
            _ => {}
        }
        while let Some(stored) = self.mailbox.pop() {
            if is_same(stored.source(), server) {
                return Poll::Ready(Ok(region.alloc_slice(stored.payload())?));
            }
            self.sockets.count(|counters| counters.strangers += 1);
        }
        self.mailbox.wait(self.sockets.tasks.current());
        Poll::Pending
    }
}
