//! Sends what tasks have left to be sent.

use layer::Instant;
use network::{Network, Outgoing, Protocol, Sent};

use super::{Udp, serve::Client};
use crate::{SocketError, Sockets, sockets::Output};

impl<I: Network> Udp<'_, I, &'static Sockets> {
    /// Sends all that waits, and unbinds the ports of sockets that were closed. The outbox has a cap, and so has this.
    pub(crate) fn flush(&mut self, now: Instant) -> Result<(), I::Error> {
        while let Some(port) = self.sockets.take_closed() {
            self.unbind(port);
        }
        while let Some(output) = self.sockets.outbox.pop() {
            match output {
                Output::Datagram { port, to, payload } => {
                    let mut outgoing = Outgoing::new(to.ip(), Protocol::UDP);
                    let sent = self.transmit(now, [port, to.port()], &mut outgoing, &*payload)?;
                    if let Sent::NotSent(error) = sent {
                        self.sockets.fail(port, SocketError::NotSent { error, destination: to });
                    }
                }
                Output::Reply { request, reply } => {
                    let packet = request.packet(&[], &[]);
                    self.answer(now, Client::of(&request, &packet), reply.get())?;
                }
            }
        }
        Ok(())
    }
}
