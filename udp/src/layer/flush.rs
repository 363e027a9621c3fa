//! Sends what tasks have left to be sent.

use layer::Instant;
use network::{Network, Outgoing, Protocol, Sent};

use super::{Udp, serve::Client};
use crate::{SocketError, Sockets, sockets::Output};

impl<I> Udp<'_, I, &'static Sockets> {
    /// Unbinds the ports of sockets that were closed.
    pub(super) fn unbind_closed(&mut self) {
        while let Some(port) = self.sockets.take_closed() {
            self.unbind(port);
        }
    }
}

impl<I: Network> Udp<'_, I, &'static Sockets> {
    /// Sends all that waits, and unbinds the ports of sockets that were closed. A task that sends waits for this when
    /// enough is there, so it does not take long.
    pub(crate) fn flush(&mut self, now: Instant) -> Result<(), I::Error> {
        self.unbind_closed();
        while let Some(output) = self.sockets.outbox.pop() {
            match output {
                Output::Datagram { port, to, payload } => {
                    // The socket may be closed by now.
                    let outgoing = Outgoing::new(to.ip(), Protocol::UDP);
                    let sent = self.send_with(now, port, to.port(), outgoing, &*payload)?;
                    if let Sent::NotSent(error) = sent {
                        self.sockets.fail(port, SocketError::NotSent { error, destination: to });
                    }
                }
                Output::Reply { request, reply } => {
                    let packet = request.packet(&[], &[]);
                    let client = Client::of(&request, &packet);
                    match reply.get() {
                        Ok(reply) => self.answer(now, client, reply)?,
                        Err(length) => self.explain_length(now, client, length)?,
                    }
                }
            }
        }
        Ok(())
    }
}
