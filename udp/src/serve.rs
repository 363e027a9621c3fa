//! What becomes of a datagram: a service's reply, or a line that says why there is none. And of word that
//! one of ours did not arrive.

use core::{fmt, net::SocketAddr};

use netif::Instant;
use network::{Network, Outgoing, Packet, Problem, Protocol, Report};
use rt_regions::{Finite, Region};
use zerocopy::FromBytes;

use crate::{Datagram, Failure, HEADER_LEN, ParseError, Reply, Udp, UdpHeader, Undelivered};

/// Room on the stack for the line that tells a client why there is no reply, in bytes.
pub(crate) const LONGEST_LINE: usize = 512;

impl<I: Network> Udp<'_, I> {
    /// Gives a datagram to its service, and sends the reply.
    pub(crate) fn serve<'r>(
        &mut self,
        now: Instant,
        packet: &Packet<'r>,
        region: &'r Region<'_>,
    ) -> Result<(), I::Error> {
        let (header, payload) = match UdpHeader::parse(packet) {
            Ok(parts) => parts,
            Err(error) => {
                match error {
                    ParseError::Short => self.counters.short += 1,
                    ParseError::Length => self.counters.bad_length += 1,
                    ParseError::Checksum => self.counters.bad_checksum += 1,
                }
                return Ok(());
            }
        };
        netif::log!(self.log, "udp: received {}", header);
        let source = SocketAddr::new(packet.source, header.source_port.get());
        let destination = SocketAddr::new(packet.destination, header.destination_port.get());
        let Some(service) = self.ports.service(destination.port()) else {
            if self.counters_port == Some(destination.port()) {
                self.counters.datagrams_rx += 1;
                let reply = self.list_counters(payload, region);
                return self.answer(now, destination.port(), source, reply);
            }
            self.counters.no_service += 1;
            // A broadcast reaches many hosts, of which few may have the service: no word of it.
            return if packet.broadcast {
                Ok(())
            } else {
                self.network.reject(now, packet, Problem::PORT_UNREACHABLE)
            };
        };
        self.counters.datagrams_rx += 1;
        let &Packet { ttl, tos, broadcast, .. } = packet;
        let options = packet.options();
        let datagram = Datagram { source, destination, ttl, tos, options, broadcast, payload };
        let reply = service(datagram, region);
        self.answer(now, destination.port(), source, reply)
    }

    #[inline]
    fn answer(
        &mut self,
        now: Instant,
        port: u16,
        client: SocketAddr,
        reply: Reply<'_>,
    ) -> Result<(), I::Error> {
        match reply {
            Ok(reply) if reply.len() <= self.max_datagram() => self.reply(now, port, client, reply),
            reply => self.explain(now, port, client, reply),
        }
    }

    fn reply(
        &mut self,
        now: Instant,
        port: u16,
        client: SocketAddr,
        reply: &[u8],
    ) -> Result<(), I::Error> {
        if client.port() == 0 {
            self.counters.no_reply_port += 1;
            return Ok(());
        }
        // Counted already, if it was refused; the next client is served as if nothing had been.
        let outgoing = Outgoing::new(client.ip(), Protocol::UDP);
        let _ = self.transmit(now, port, client.port(), outgoing, reply)?;
        Ok(())
    }

    /// Tells the client in one line why there is no reply; takes no page for that.
    #[cold]
    fn explain(
        &mut self,
        now: Instant,
        port: u16,
        client: SocketAddr,
        reply: Reply<'_>,
    ) -> Result<(), I::Error> {
        let mut room = Finite::<LONGEST_LINE>::new();
        let room = room.region("udp.line");
        let text = match reply {
            Ok(reply) => reply,
            Err(Failure::Refused(reason)) => {
                self.counters.refused += 1;
                reason.as_bytes()
            }
            Err(failure @ Failure::Exhausted(_)) => {
                self.counters.exhausted += 1;
                line(&room, format_args!("{failure}"))
            }
            Err(Failure::Silent) => {
                self.counters.silent += 1;
                return Ok(());
            }
        };
        let (length, most) = (text.len(), self.max_datagram());
        let text = if length > most {
            self.counters.replies_too_long += 1;
            line(&room, format_args!("the reply has {length} bytes, a datagram {most} at most"))
        } else {
            text
        };
        self.reply(now, port, client, text)
    }

    /// Tells who sent a datagram that it did not arrive. What a path takes is believed where a datagram of a
    /// bound port was too big for it.
    #[cold]
    pub(crate) fn report(&mut self, now: Instant, report: &Report<'_>) {
        let Report { problem, reporter, packet } = *report;
        let Ok((header, payload)) = UdpHeader::ref_from_prefix(packet.payload) else {
            self.counters.reports_malformed += 1;
            return;
        };
        self.counters.reports += 1;
        if let Problem::FragmentationNeeded(mtu) = problem {
            if self.is_bound(header.source_port.get()) {
                self.network.packet_too_big(now, packet.destination, mtu.into());
            } else {
                self.counters.paths_unconfirmed += 1;
            }
        }
        let Some(listener) = self.ports.listener(header.source_port.get()) else {
            self.counters.reports_unheard += 1;
            return;
        };
        let length = usize::from(header.length.get()).saturating_sub(HEADER_LEN);
        let payload = &payload[..payload.len().min(length)];
        let destination = SocketAddr::new(packet.destination, header.destination_port.get());
        listener(Undelivered { problem, reporter, destination, payload });
    }
}

/// The text in `room`, or a shorter one if it has no room.
fn line<'r>(room: &'r Region<'_>, text: fmt::Arguments<'_>) -> &'r [u8] {
    room.format(text).map_or(b"out of memory", |text| text.as_bytes())
}
