//! Handles datagrams, which get a service's reply or a line that explains why there is none, and ICMP errors about
//! datagrams of ours.

use core::{fmt, net::SocketAddr};

use layer::Instant;
use network::{IcmpError, Network, Outgoing, Packet, Problem, Protocol};
use rt_regions::{Finite, Region};
use zerocopy::FromBytes;

use super::{Answers, Udp};
use crate::{
    Datagram, Failure, HEADER_LEN, ParseError, Reply, SocketError, SocketSupport, UdpHeader,
    Undelivered, stored::Request,
};

/// The space on the stack, in bytes, for the line that tells a client why there is no reply.
pub(super) const LONGEST_LINE: usize = 512;

/// The client that a reply goes to.
#[derive(Clone, Copy)]
pub(super) struct Client<'r> {
    /// The packet that the client sent.
    pub(super) packet: &'r Packet<'r>,
    /// The source port of the request.
    port: u16,
    /// The destination port of the request.
    asked: u16,
}

impl<'r> Client<'r> {
    /// The client that sent `request`, whose packet this is.
    pub(super) fn of(request: &Request, packet: &'r Packet<'r>) -> Self {
        Self { packet, port: request.port, asked: request.asked }
    }
}

impl<I: Network, T: SocketSupport> Udp<'_, I, T> {
    /// Hands a datagram to its service, and sends the reply.
    pub(super) fn serve<'r>(
        &mut self,
        now: Instant,
        packet: &'r Packet<'r>,
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
        layer::log!(self.log, "udp: received {}", header);
        let (port, asked) = (header.source_port.get(), header.destination_port.get());
        if let Some(clients) = &self.clients
            && !clients.contains(packet.source)
            && !self.sockets.is_of_question(asked)
        {
            self.counters.not_allowed += 1;
            return Ok(());
        }
        let client = Client { packet, port, asked };
        let is_of_service = self.is_of_service(port);
        let (answers, service) = match self.ports.service(asked) {
            Some((answers, service)) => (answers, Some(service)),
            None if self.listing.is_at(asked) => (Answers::default(), None),
            None if self.sockets.deliver(asked, &Datagram { packet, payload, now }) => {
                self.counters.datagrams_rx += 1;
                return Ok(());
            }
            None if self.network.pass_on(packet) => return Ok(()),
            None => {
                self.counters.no_service += 1;
                // A broadcast reaches many hosts, few of which may have the service, so no error is sent.
                return if packet.broadcast {
                    Ok(())
                } else {
                    self.network.send_error(now, packet, Problem::PortUnreachable)
                };
            }
        };
        if packet.broadcast && !answers.broadcasts {
            self.counters.broadcasts += 1;
            return Ok(());
        }
        if is_of_service && !answers.any_port {
            self.counters.service_ports += 1;
            return Ok(());
        }
        let Some(service) = service else {
            return self.serve_listing(now, client, payload, region);
        };
        self.counters.datagrams_rx += 1;
        let reply = service(Datagram { packet, payload, now }, region);
        self.answer(now, client, reply)
    }

    #[inline]
    pub(super) fn answer(
        &mut self,
        now: Instant,
        client: Client<'_>,
        reply: Reply<'_>,
    ) -> Result<(), I::Error> {
        match reply {
            Ok(reply) if reply.len() <= self.max_datagram(client.packet.source) => {
                self.reply(now, client, reply)
            }
            reply => self.explain(now, client, reply),
        }
    }

    #[inline]
    fn reply(&mut self, now: Instant, client: Client<'_>, reply: &[u8]) -> Result<(), I::Error> {
        let Client { packet, port, asked } = client;
        if port == 0 {
            self.counters.no_reply_port += 1;
            return Ok(());
        }
        // The limit decreases with each reply, so that an exchange between two hosts that answer each other ends.
        let max_ttl = packet.ttl.saturating_sub(1);
        if max_ttl == 0 {
            self.counters.ttl_spent += 1;
            return Ok(());
        }
        let mut outgoing = Outgoing::new(packet.source, Protocol::UDP);
        outgoing.max_ttl = max_ttl;
        // The reply to a broadcast comes from the address that the network chooses.
        if !packet.broadcast {
            outgoing.source = Some(packet.destination);
        }
        // A failure is counted already, and does not affect the next client.
        let _ = self.transmit(now, [asked, port], &mut outgoing, reply)?;
        Ok(())
    }

    /// Tells the client in one line why there is no reply. This takes no page of memory.
    #[cold]
    fn explain(
        &mut self,
        now: Instant,
        client: Client<'_>,
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
            Err(Failure::Deferred) => return Ok(()),
        };
        let (length, most) = (text.len(), self.max_datagram(client.packet.source));
        let text = if length > most {
            self.counters.replies_too_long += 1;
            line(&room, format_args!("the reply has {length} bytes, a datagram {most} at most"))
        } else {
            text
        };
        // A line to port 0 is never sent, so it takes no token from the others.
        if client.port != 0 && !self.lines.take(now) {
            self.counters.replies_limited += 1;
            return Ok(());
        }
        self.reply(now, client, text)
    }

    /// Tells the client that the reply, of which only the length was kept, is longer than a datagram.
    #[cold]
    pub(super) fn explain_length(
        &mut self,
        now: Instant,
        client: Client<'_>,
        length: usize,
    ) -> Result<(), I::Error> {
        let mut room = Finite::<LONGEST_LINE>::new();
        let room = room.region("udp.line");
        let most = self.max_datagram(client.packet.source);
        self.counters.replies_too_long += 1;
        let text = format_args!("the reply has {length} bytes, a datagram {most} at most");
        self.explain(now, client, Ok(line(&room, text)))
    }

    /// Tells the listener of a port that a datagram did not arrive. A path MTU is believed if a datagram from a bound
    /// port was too big for the path.
    #[cold]
    pub(super) fn take_error(&mut self, now: Instant, error: &IcmpError<'_>) {
        let IcmpError { problem, reporter, packet } = *error;
        let Ok((header, payload)) = UdpHeader::ref_from_prefix(packet.payload) else {
            self.counters.icmp_errors_malformed += 1;
            return;
        };
        self.counters.icmp_errors += 1;
        if let Problem::TooBig(mtu) = problem {
            if self.is_bound(header.source_port.get()) {
                self.network.packet_too_big(now, packet.destination, Protocol::UDP, mtu);
            } else {
                self.counters.paths_unconfirmed += 1;
            }
        }
        let destination = SocketAddr::new(packet.destination, header.destination_port.get());
        let Some(listener) = self.ports.listener(header.source_port.get()) else {
            let error = SocketError::Undelivered { problem, destination };
            if !self.sockets.fail(header.source_port.get(), error) {
                self.counters.icmp_errors_unheard += 1;
            }
            return;
        };
        let length = usize::from(header.length.get()).saturating_sub(HEADER_LEN);
        let payload = &payload[..payload.len().min(length)];
        listener(Undelivered { problem, reporter, destination, payload });
    }
}

/// Formats the text into `room`, or a shorter text if it does not fit.
fn line<'r>(room: &'r Region<'_>, text: fmt::Arguments<'_>) -> &'r [u8] {
    room.format(text).map_or(b"out of memory", |text| text.as_bytes())
}
