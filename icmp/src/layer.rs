//! The layer: answers echo requests, hands received errors up, and sends errors.

use core::net::IpAddr;

use layer::{Instant, Layer, Payload, Rx};
use network::{
    Delivery, IcmpError, Network, Outgoing, Packet, Problem, Protocol, Sent, TokenBucket,
};
use rt_regions::Region;

use crate::{
    IcmpHeader, MessageType, ParseError,
    quote::{self, Unusable},
    rules,
};

/// The rate of errors in the long run, in errors a second.
const ERRORS_PER_SECOND: u32 = 100;

/// The largest burst of errors.
const ERROR_BURST: u32 = 50;

layer::counters! {
    /// The counters of the ICMP layer.
    pub struct Counters of "icmp" {
        /// Messages received.
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
        /// Echo requests to a broadcast or multicast address, ignored.
        broadcast_echo_requests,
        /// Echo replies, ignored: this host sends no requests.
        echo_replies,
        /// Errors handed up to the transport.
        errors_rx,
        /// Errors ignored: no memory for their contents.
        errors_no_room,
        /// Errors ignored: they quote no IPv4 packet.
        malformed_errors,
        /// Errors ignored: they are about packets that we did not send.
        errors_not_ours,
        /// Errors ignored: they are about a fragment other than the first.
        errors_of_fragments,
        /// Errors with an impossible MTU, handed up as 0: it is below 68 or not below the length of the packet, or the
        /// packet had no DF.
        bad_mtus,
        /// Source quenches, ignored.
        source_quenches,
        /// Redirects, ignored.
        redirects,
        /// Messages of an unknown type or code, ignored.
        unknown_types,
        /// Errors handed to the network, which may not send them.
        errors_tx,
        /// Errors not sent: RFC 1122 3.2.2 forbids them.
        errors_forbidden,
        /// Errors not sent: the rate limit was reached.
        errors_limited,
        /// Packets handed up that no layer claimed: the protocol is unknown.
        unknown_protocol,
        /// Errors handed up that no layer claimed.
        unwanted_errors,
    }
}

/// ICMP over a network layer `I` that carries IPv4. Packets of IPv6 pass through.
#[derive(Debug)]
pub struct Icmp<I> {
    network: I,
    errors: TokenBucket,
    counters: Counters,
    log: bool,
}

impl<I> Icmp<I> {
    /// The layer over `network`. It sends about 100 errors a second, and about 50 at once; the secret `seed` decides
    /// the exact numbers, see [`TokenBucket`]. The other layers may share the seed; see [`layer::seed_for`].
    pub fn new(network: I, seed: u128) -> Self {
        let errors =
            TokenBucket::new(ERRORS_PER_SECOND, ERROR_BURST, layer::seed_for(*b"icmp", seed));
        Self { network, errors, counters: Counters::default(), log: false }
    }

    /// Sets the limit for the errors that the layer sends: `per_second` in the long run, `burst` at once. If either is
    /// 0, it sends none.
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

/// Whether what the network handed up is of IPv6, which passes through: `Icmpv6` handles it.
#[inline]
fn is_of_ipv6<I: Network>(item: &Delivery<'_>) -> bool {
    I::CARRIES_IPV6
        && match item {
            Delivery::Packet(packet) | Delivery::Rejected(packet, _) => packet.source.is_ipv6(),
            Delivery::Error(error) => error.packet.source.is_ipv6(),
        }
}

impl<I: Network> Icmp<I> {
    /// Handles a message; returns the error to hand up to the transport, if it is one.
    fn message<'r>(
        &mut self,
        now: Instant,
        packet: &Packet<'r>,
        region: &'r Region<'_>,
    ) -> Result<Option<&'r IcmpError<'r>>, I::Error> {
        let (header, data) = match IcmpHeader::parse(packet.payload, packet.verify_checksum) {
            Ok(parts) => parts,
            Err(error) => {
                match error {
                    ParseError::Short => self.counters.short += 1,
                    ParseError::Checksum => self.counters.bad_checksum += 1,
                }
                return Ok(None);
            }
        };
        layer::log!(self.log, "icmp: received {}, {} bytes", header, data.len());
        self.counters.messages_rx += 1;
        match header.message_type {
            MessageType::ECHO_REQUEST if packet.broadcast => {
                self.counters.broadcast_echo_requests += 1;
            }
            MessageType::ECHO_REQUEST => {
                self.counters.echo_requests += 1;
                self.transmit(now, packet, packet.tos, header.echo_reply(data), &data)?;
            }
            MessageType::ECHO_REPLY => self.counters.echo_replies += 1,
            MessageType::SOURCE_QUENCH => self.counters.source_quenches += 1,
            MessageType::REDIRECT => self.counters.redirects += 1,
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
        mut problem: Problem,
        quote: &'r [u8],
        region: &'r Region<'_>,
    ) -> Option<&'r IcmpError<'r>> {
        let (packet, header) = match quote::original(quote) {
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
        if let Problem::TooBig(mtu) = &mut problem {
            let path_mtu = header.path_mtu(*mtu).unwrap_or(0);
            self.counters.bad_mtus += u64::from(path_mtu == 0);
            *mtu = path_mtu.into();
        }
        let Ok(error) = region.alloc(IcmpError { problem, reporter, packet }) else {
            self.counters.errors_no_room += 1;
            return None;
        };
        self.counters.errors_rx += 1;
        Some(error)
    }

    /// Sends a message about `packet` to its sender. The message has no DF: if it were too big for a path, an error
    /// that says so could not be told from a forged one.
    fn transmit(
        &mut self,
        now: Instant,
        packet: &Packet<'_>,
        tos: u8,
        header: IcmpHeader,
        payload: &dyn Payload,
    ) -> Result<(), I::Error> {
        let outgoing = Outgoing {
            // The address that was asked answers.
            source: self.network.is_ours(packet.destination).then_some(packet.destination),
            tos,
            routers_fragment: true,
            ..Outgoing::new(packet.source, Protocol::ICMP)
        };
        layer::log!(self.log, "icmp: sends {}, {} bytes", header, payload.len());
        match self.network.send(now, &outgoing, &(header, payload) as &dyn Payload)? {
            Sent::Queued => self.counters.messages_tx += 1,
            Sent::NotSent(_) => self.counters.not_sent += 1,
        }
        Ok(())
    }
}

impl<I: Network> Layer for Icmp<I> {
    type Item<'r> = Delivery<'r>;

    layer::forward!(network: I, "icmp"; next_deadline, ready, configure, describe, end);

    fn receive<'r>(
        &mut self,
        now: Instant,
        region: &'r Region<'_>,
    ) -> Result<Rx<Delivery<'r>>, I::Error> {
        let received = self.network.receive(now, region);
        match &received {
            // The item is returned where it is, so that nothing is copied.
            Ok(Rx::Item(item)) if is_of_ipv6::<I>(item) => received,
            Ok(Rx::Item(Delivery::Packet(packet))) if packet.protocol == Protocol::ICMP => {
                let error = self.message(now, packet, region)?;
                Ok(error.map_or(Rx::Handled, |error| Rx::Item(Delivery::Error(error))))
            }
            // The network below rejected a packet: its sender gets an error.
            Ok(Rx::Item(Delivery::Rejected(packet, problem))) => {
                self.send_error(now, packet, *problem)?;
                Ok(Rx::Handled)
            }
            _ => received,
        }
    }

    fn unclaimed(&mut self, now: Instant, item: Delivery<'_>) -> Result<(), I::Error> {
        if is_of_ipv6::<I>(&item) {
            return self.network.unclaimed(now, item);
        }
        match item {
            Delivery::Packet(packet) => {
                self.counters.unknown_protocol += 1;
                self.send_error(now, packet, Problem::ProtocolUnreachable)
            }
            Delivery::Error(_) | Delivery::Rejected(..) => {
                self.counters.unwanted_errors += 1;
                Ok(())
            }
        }
    }
}

impl<I: Network> Network for Icmp<I> {
    const CARRIES_IPV6: bool = I::CARRIES_IPV6;

    network::forward!(network: I);

    fn send_error(
        &mut self,
        now: Instant,
        packet: &Packet<'_>,
        problem: Problem,
    ) -> Result<(), I::Error> {
        if I::CARRIES_IPV6 && packet.source.is_ipv6() {
            return self.network.send_error(now, packet, problem);
        }
        let Some(quote) = rules::quote(packet) else {
            self.counters.errors_forbidden += 1;
            return Ok(());
        };
        if !self.errors.take(now) {
            self.counters.errors_limited += 1;
            return Ok(());
        }
        self.counters.errors_tx += 1;
        self.transmit(now, packet, 0, IcmpHeader::error(problem, &quote), &quote)
    }
}

#[cfg(test)]
mod tests;
