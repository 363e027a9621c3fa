//! The layer: answers echo requests, hands received errors up, and sends errors.

use core::net::IpAddr;

use layer::{IPV6_MIN_MTU, Instant, Layer, Payload, Rx};
use network::{
    Delivery, IcmpError, Network, Outgoing, Packet, Problem, Protocol, Sent, TokenBucket,
};
use rt_regions::Region;

use crate::{
    Addresses, Icmpv6Header, MessageType, ParseError,
    quote::{self, Unusable},
    rules,
};

/// The rate of errors in the long run, in errors a second.
const ERRORS_PER_SECOND: u32 = 100;

/// The largest burst of errors.
const ERROR_BURST: u32 = 50;

layer::counters! {
    /// The counters of the ICMPv6 layer.
    pub struct Counters of "icmpv6" {
        /// Messages received, without those of Neighbour Discovery, which is the link's.
        messages_rx,
        /// Messages sent.
        messages_tx,
        /// Messages not sent: the network did not send them.
        not_sent,
        /// Dropped: shorter than a header.
        short,
        /// Dropped: wrong checksum.
        bad_checksum,
        /// Echo requests received. Each is answered, though the network may not send the answer.
        echo_requests,
        /// Echo requests to a group that were not answered: the rate limit was reached.
        group_echo_requests_limited,
        /// Echo replies, ignored: this host sends no requests.
        echo_replies,
        /// Messages of Neighbour Discovery in fragments or behind extension headers, ignored (RFC 6980).
        hidden_discovery,
        /// Errors handed up to the transport.
        errors_rx,
        /// Errors ignored: no memory for their contents.
        errors_no_room,
        /// Errors ignored: they quote no IPv6 packet, or too little of one.
        malformed_errors,
        /// Errors ignored: they are about packets that we did not send.
        errors_not_ours,
        /// Errors ignored: they are about a fragment other than the first.
        errors_of_fragments,
        /// Errors ignored: their MTU is below 1,280 or not below the length of the packet (RFC 8201 4).
        bad_mtus,
        /// Messages of an unknown type that inform, ignored.
        unknown_types,
        /// Errors handed to the network, which may not send them.
        errors_tx,
        /// Errors not sent: RFC 4443 2.4 (e) forbids them.
        errors_forbidden,
        /// Errors not sent: the rate limit was reached.
        errors_limited,
        /// Packets handed up that no layer claimed: the protocol is unknown.
        unknown_protocol,
        /// Errors handed up that no layer claimed.
        unwanted_errors,
    }
}

/// ICMPv6 over a network layer `I` that carries IPv6. Packets of IPv4 pass through.
#[derive(Debug)]
pub struct Icmpv6<I> {
    network: I,
    errors: TokenBucket,
    counters: Counters,
    log: bool,
}

impl<I> Icmpv6<I> {
    /// The layer over `network`. It sends about 100 errors a second, and about 50 at once; the secret `seed` decides
    /// the exact numbers, see [`TokenBucket`]. The other layers may share the seed; see [`layer::seed_for`].
    pub fn new(network: I, seed: u128) -> Self {
        let errors =
            TokenBucket::new(ERRORS_PER_SECOND, ERROR_BURST, layer::seed_for(*b"icm6", seed));
        Self { network, errors, counters: Counters::default(), log: false }
    }

    /// Sets the limit for the errors that the layer sends, and for its answers to echo requests to a group: `per_second` in the
    /// long run, `burst` at once. If either is 0, it sends none.
    #[must_use]
    pub fn with_error_rate(self, per_second: u32, burst: u32) -> Self {
        Self { errors: self.errors.with_limit(per_second, burst), ..self }
    }

    /// The layer of one of `count` towers with the same addresses: each has its part of the limit, one error a second at least.
    #[must_use]
    pub fn with_part(self, count: u32) -> Self {
        let part = |limit: u32| (limit / count.max(1)).max(1);
        self.with_error_rate(part(ERRORS_PER_SECOND), part(ERROR_BURST))
    }

    /// The network below.
    pub fn network(&self) -> &I {
        &self.network
    }

    /// The network below, mutably.
    pub fn network_mut(&mut self) -> &mut I {
        &mut self.network
    }

    /// The counters of this layer.
    pub fn stats(&self) -> &Counters {
        &self.counters
    }
}

/// Whether the packet is one of ICMPv6. On IPv4 the number of the protocol is nobody's.
fn is_icmpv6(packet: &Packet<'_>) -> bool {
    packet.protocol == Protocol::ICMPV6 && packet.source.is_ipv6()
}

impl<I: Network> Icmpv6<I> {
    /// Handles a message; returns the error to hand up to the transport, if it is one.
    fn message<'r>(
        &mut self,
        now: Instant,
        packet: &Packet<'r>,
        region: &'r Region<'_>,
    ) -> Result<Option<&'r IcmpError<'r>>, I::Error> {
        let addresses = [packet.source, packet.destination];
        let parsed = Icmpv6Header::parse(packet.payload, addresses, packet.verify_checksum);
        let (header, data) = match parsed {
            Ok(parts) => parts,
            Err(error) => {
                match error {
                    ParseError::Short => self.counters.short += 1,
                    ParseError::Checksum => self.counters.bad_checksum += 1,
                }
                return Ok(None);
            }
        };
        layer::log!(self.log, "icmpv6: received {}, {} bytes", header, data.len());
        self.counters.messages_rx += 1;
        match header.message_type {
            // A group is a means to get many answers to one request, so these are limited as errors are.
            MessageType::ECHO_REQUEST if packet.broadcast && !self.errors.take(now) => {
                self.counters.group_echo_requests_limited += 1;
            }
            MessageType::ECHO_REQUEST => {
                self.counters.echo_requests += 1;
                self.transmit(now, packet, packet.tos, &data, |addresses| {
                    header.echo_reply(addresses, &data)
                })?;
            }
            MessageType::ECHO_REPLY => self.counters.echo_replies += 1,
            of_the_link if of_the_link.is_of_the_link() => self.counters.hidden_discovery += 1,
            _ => match header.problem() {
                Some(problem) => return Ok(self.error(packet.source, problem, data, region)),
                None => self.counters.unknown_types += 1,
            },
        }
        Ok(None)
    }

    /// Finds the packet that a received error is about.
    fn error<'r>(
        &mut self,
        reporter: IpAddr,
        problem: Problem,
        quote: &'r [u8],
        region: &'r Region<'_>,
    ) -> Option<&'r IcmpError<'r>> {
        let (packet, length) = match quote::original(quote) {
            Ok((packet, _)) if !self.network.is_ours(packet.source) => {
                self.counters.errors_not_ours += 1;
                return None;
            }
            Ok(original) => original,
            Err(unusable) => {
                match unusable {
                    Unusable::Malformed => self.counters.malformed_errors += 1,
                    Unusable::LaterFragment => self.counters.errors_of_fragments += 1,
                }
                return None;
            }
        };
        if let Problem::TooBig(mtu) = problem
            && !(IPV6_MIN_MTU..length).contains(&(mtu as usize))
        {
            self.counters.bad_mtus += 1;
            return None;
        }
        let Ok(error) = region.alloc(IcmpError { problem, reporter, packet }) else {
            self.counters.errors_no_room += 1;
            return None;
        };
        self.counters.errors_rx += 1;
        Some(error)
    }

    /// Sends a message about `packet` to its sender, from the address that was asked, or, if that is a group or not ours, from
    /// one that fits the sender's (RFC 4443 2.2). `header` makes the header for these addresses.
    fn transmit(
        &mut self,
        now: Instant,
        packet: &Packet<'_>,
        tos: u8,
        payload: &dyn Payload,
        header: impl FnOnce(Addresses) -> Icmpv6Header,
    ) -> Result<(), I::Error> {
        let asked = self.network.is_ours(packet.destination).then_some(packet.destination);
        let Some(source) = asked.or_else(|| self.network.source_for(packet.source)) else {
            self.counters.not_sent += 1;
            return Ok(());
        };
        let outgoing = Outgoing {
            source: Some(source),
            tos,
            ..Outgoing::new(packet.source, Protocol::ICMPV6)
        };
        let header = header([source, packet.source]);
        layer::log!(self.log, "icmpv6: sends {}, {} bytes", header, payload.len());
        match self.network.send(now, &outgoing, &(header, payload) as &dyn Payload)? {
            Sent::Queued => self.counters.messages_tx += 1,
            Sent::NotSent(_) => self.counters.not_sent += 1,
        }
        Ok(())
    }
}

impl<I: Network> Layer for Icmpv6<I> {
    type Item<'r> = Delivery<'r>;

    layer::forward!(network: I, "icmpv6"; next_deadline, ready, configure, describe, end);

    fn receive<'r>(
        &mut self,
        now: Instant,
        region: &'r Region<'_>,
    ) -> Result<Rx<Delivery<'r>>, I::Error> {
        let received = self.network.receive(now, region);
        match &received {
            Ok(Rx::Item(Delivery::Packet(packet))) if is_icmpv6(packet) => {
                let error = self.message(now, packet, region)?;
                Ok(error.map_or(Rx::Handled, |error| Rx::Item(Delivery::Error(error))))
            }
            // The network below rejected a packet: its sender gets an error.
            Ok(Rx::Item(Delivery::Rejected(packet, problem))) if packet.source.is_ipv6() => {
                self.send_error(now, packet, *problem)?;
                Ok(Rx::Handled)
            }
            // The item is returned where it is, so that nothing is copied.
            _ => received,
        }
    }

    fn unclaimed(&mut self, now: Instant, item: Delivery<'_>) -> Result<(), I::Error> {
        match item {
            Delivery::Packet(packet) if packet.source.is_ipv6() => {
                self.counters.unknown_protocol += 1;
                self.send_error(now, packet, Problem::ProtocolUnreachable)
            }
            Delivery::Error(error) if error.reporter.is_ipv6() => {
                self.counters.unwanted_errors += 1;
                Ok(())
            }
            of_ipv4 => self.network.unclaimed(now, of_ipv4),
        }
    }
}

impl<I: Network> Network for Icmpv6<I> {
    network::forward!(network: I);

    fn send_error(
        &mut self,
        now: Instant,
        packet: &Packet<'_>,
        problem: Problem,
    ) -> Result<(), I::Error> {
        if packet.source.is_ipv4() {
            return self.network.send_error(now, packet, problem);
        }
        let Some(quote) = rules::quote(packet, problem) else {
            self.counters.errors_forbidden += 1;
            return Ok(());
        };
        if !self.errors.take(now) {
            self.counters.errors_limited += 1;
            return Ok(());
        }
        self.counters.errors_tx += 1;
        self.transmit(now, packet, 0, &quote, |addresses| {
            Icmpv6Header::error(problem, packet, addresses, &quote)
        })
    }
}

#[cfg(test)]
mod tests;
