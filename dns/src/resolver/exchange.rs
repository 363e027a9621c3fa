//! Queries on their way: a socket for each datagram, or a stream.

use core::{
    future::{Future, poll_fn},
    net::SocketAddr,
    pin::pin,
    task::Poll,
};

use rt_regions::Region;
use tcp::{ConnectError, StreamError};
use udp::{Datagram, SocketError};

use super::Resolver;
use crate::{
    ResolveError,
    query::{Due, MAX_QUERY, Query, Sending, ServerFailure, Transport},
};

/// How many bytes a response takes at most: 65,535 (RFC 1035 4.2.2), and what goes with it, in whole pages.
const RESPONSE_BYTES: usize = 20 << 12;

/// What happens to a socket that waits for an answer.
enum Event<'r> {
    Datagram(Datagram<'r>),
    Failure(SocketError),
    Late,
}

impl Resolver {
    /// Sends what the query wants to be sent, until it has a result.
    pub(super) async fn exchange(&self, query: &mut Query) {
        let mut room = Region::new(self.tasks().pool(), "dns.response").with_cap(RESPONSE_BYTES);
        loop {
            let sent = match query.due(self.now()) {
                Due::Done => return,
                // Nothing is on its way any more.
                Due::Wait(until) => {
                    self.tasks().sleep_until(until).await;
                    Ok(())
                }
                Due::Send(sending) => match sending.transport {
                    Transport::Udp => self.by_udp(query, sending, &mut room).await,
                    Transport::Tcp => self.by_tcp(query, sending, &room).await,
                },
            };
            if let Err(error) = sent {
                // No memory or no port: not what the servers could help.
                return query.abandon(error);
            }
            room.reset();
        }
    }

    /// Sends the message in a datagram from a new port, and waits until the query has what it waits for, or too long.
    async fn by_udp(
        &self,
        query: &mut Query,
        sending: Sending,
        room: &mut Region<'static>,
    ) -> Result<(), ResolveError> {
        let socket = self.sockets.open_any()?;
        // In the region, so that the future is small.
        let message = room.alloc_slice(query.message(&mut [0; MAX_QUERY]))?;
        let sent = socket.send_to(sending.server, message).await;
        if let Err(SocketError::Exhausted(exhausted)) = sent {
            return Err(exhausted.into());
        }
        self.count(|counters| counters.queries_udp += 1);
        while query.is_waiting() {
            room.reset();
            let event = {
                let mut failure = pin!(socket.failure());
                let mut datagram = pin!(socket.receive(room));
                let mut late = pin!(socket.sleep_until(sending.until));
                poll_fn(|context| {
                    if let Poll::Ready(error) = failure.as_mut().poll(context) {
                        return Poll::Ready(Event::Failure(error));
                    }
                    if let Poll::Ready(datagram) = datagram.as_mut().poll(context) {
                        return Poll::Ready(Event::Datagram(datagram));
                    }
                    late.as_mut().poll(context).map(|()| Event::Late)
                })
                .await
            };
            match event {
                Event::Datagram(datagram) => {
                    self.input(query, datagram.source(), datagram.payload());
                }
                Event::Failure(SocketError::Exhausted(exhausted)) => return Err(exhausted.into()),
                Event::Failure(error) if is_final(error, sending.server) => {
                    query.server_failed(ServerFailure::Unreachable);
                }
                Event::Failure(_) => {}
                Event::Late => break,
            }
        }
        Ok(())
    }

    /// Sends the message on a connection of its own, and waits for the answer, or too long.
    async fn by_tcp(
        &self,
        query: &mut Query,
        sending: Sending,
        room: &Region<'static>,
    ) -> Result<(), ResolveError> {
        self.count(|counters| counters.queries_tcp += 1);
        let answer = {
            let mut converse = pin!(self.converse(query, sending, room));
            let mut late = pin!(self.tasks().sleep_until(sending.until));
            poll_fn(|context| match converse.as_mut().poll(context) {
                Poll::Ready(answer) => Poll::Ready(answer),
                Poll::Pending => late.as_mut().poll(context).map(|()| Err(StreamError::TimedOut)),
            })
            .await
        };
        match answer {
            Ok(answer) => self.input(query, sending.server, answer),
            Err(StreamError::Exhausted(exhausted)) => return Err(exhausted.into()),
            Err(_) => {}
        }
        // It is the only message of the connection, so if it is not the answer, none comes.
        query.server_failed(ServerFailure::NoTcp);
        Ok(())
    }

    /// One message each way, after its length, which goes with it in one piece (RFC 7766 8).
    async fn converse<'r>(
        &self,
        query: &Query,
        sending: Sending,
        room: &'r Region<'static>,
    ) -> Result<&'r [u8], StreamError> {
        let stream = match self.connections.connect(sending.server).await {
            Ok(stream) => stream,
            Err(ConnectError::Broken(broken)) => return Err(StreamError::Broken(broken)),
            Err(_) => return Err(StreamError::Ended),
        };
        let message = &*room.alloc_slice(query.message(&mut [0; MAX_QUERY]))?;
        let length = (message.len() as u16).to_be_bytes();
        stream.send((length, message)).await?;
        let mut length = [0; 2];
        stream.read_exact(&mut length).await?;
        let answer = room.alloc_slice_with(u16::from_be_bytes(length).into(), |_| 0)?;
        stream.read_exact(answer).await?;
        Ok(answer)
    }

    /// Hands a message to the query.
    fn input(&self, query: &mut Query, source: SocketAddr, message: &[u8]) {
        if query.input(source, message).is_err() {
            self.count(|counters| counters.ignored += 1);
        }
    }
}

/// Whether a query to `server` is lost for good. Other errors may pass (RFC 1122 4.2.3.9), and those about other
/// destinations are forged.
fn is_final(error: SocketError, server: SocketAddr) -> bool {
    let (destination, is_hard) = match error {
        SocketError::Undelivered { problem, destination } => (destination, problem.is_hard()),
        SocketError::NotSent { destination, .. } => (destination, true),
        _ => return false,
    };
    is_hard && (destination.ip(), destination.port()) == (server.ip(), server.port())
}

#[cfg(test)]
mod tests {
    use network::{Problem, SendError};

    use super::*;

    #[test]
    fn hard_errors_about_the_query_alone_are_final() {
        let server = SocketAddr::from(([10, 0, 0, 1], 53));
        let others = [([10, 0, 0, 1], 54), ([10, 0, 0, 2], 53)].map(SocketAddr::from);
        let about = |problem, destination| SocketError::Undelivered { problem, destination };
        for problem in [
            Problem::PortUnreachable,
            Problem::ProtocolUnreachable,
            Problem::Prohibited,
            Problem::NeighbourSilent,
        ] {
            assert!(is_final(about(problem, server), server));
            assert!(others.iter().all(|other| !is_final(about(problem, *other), server)));
        }
        for problem in [
            Problem::HostUnreachable,
            Problem::NetworkUnreachable,
            Problem::TtlExceeded,
            Problem::TooBig(576),
        ] {
            assert!(!is_final(about(problem, server), server), "{problem}");
        }
        let not_sent = |destination| {
            let error = SendError::NoRoute(server.ip());
            SocketError::NotSent { error, destination }
        };
        assert!(is_final(not_sent(server), server) && !is_final(not_sent(others[0]), server));
    }
}
