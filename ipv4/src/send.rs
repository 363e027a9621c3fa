//! What is done to a packet on its way down: a route, a header, and fragments where it does not fit.

use core::net::{IpAddr, Ipv4Addr};

use arp::Resolve;
use ethernet::EtherType;
use layer::{Instant, Payload};
use netif::{MacAddr, Offloads};
use network::{Network, Outgoing, Packet, Problem, Protocol, SendError, Sent};

use crate::{
    Ipv4, ids, multicast_mac,
    paths::PathMtu,
    wire::{Fields, HEADER_LEN, Ipv4Header, MAX_PACKET_LEN},
};

/// The TTL of a multicast that does not say how far it is to go.
const MULTICAST_TTL: u8 = 1;

impl<E: Resolve> Ipv4<'_, E> {
    /// Sends one packet to `destination`, which is not ours.
    fn transmit(
        &mut self,
        now: Instant,
        destination: Ipv4Addr,
        neighbour: Option<Ipv4Addr>,
        packet: (Ipv4Header, impl Payload),
    ) -> Result<(), E::Error> {
        self.counters.packets_tx += 1;
        layer::log!(self.log, "ipv4: sent {}", packet.0);
        match neighbour {
            Some(neighbour) => self.link.send_to(now, neighbour, EtherType::IPV4, packet),
            None => self.send_to_many(now, destination, &packet),
        }
    }

    /// Sends one packet to a group, or to all.
    #[cold]
    fn send_to_many(
        &mut self,
        now: Instant,
        destination: Ipv4Addr,
        packet: &dyn Payload,
    ) -> Result<(), E::Error> {
        let mac = match destination.is_multicast() {
            true => multicast_mac(destination),
            false => MacAddr::BROADCAST,
        };
        self.link.send(now, mac, EtherType::IPV4, packet)
    }

    /// The neighbour that leads to `destination`; none for a broadcast or multicast.
    fn route(&self, destination: Ipv4Addr) -> Result<Option<Ipv4Addr>, SendError> {
        let address = IpAddr::V4(destination);
        // The first two leave no host (RFC 1122 3.2.1.3 (a), (b), (g)), and nobody is to have an address of the
        // last (RFC 6890 2.2.2, 240.0.0.0/4), but for the broadcast.
        if matches!(destination.octets()[0], 0 | 127 | 240..) && !destination.is_broadcast() {
            return Err(SendError::BadAddress(address));
        }
        if self.is_broadcast(destination) || destination.is_multicast() {
            return Ok(None);
        }
        if destination == self.cidr.address() || self.cidr.network() == Some(destination) {
            return Err(SendError::BadAddress(address));
        }
        if self.cidr.contains(destination) {
            return Ok(Some(destination));
        }
        self.gateway.map(Some).ok_or(SendError::NoRoute(address))
    }

    /// The TTL of a packet: never 0 (RFC 1122 3.2.1.7), and no further than this link for a multicast
    /// that does not say how far it is to go (RFC 1112 6.1).
    fn ttl_of(&self, outgoing: &Outgoing, destination: Ipv4Addr) -> u8 {
        let usual = if destination.is_multicast() { MULTICAST_TTL } else { self.ttl };
        outgoing.ttl.unwrap_or(usual).min(outgoing.max_ttl).max(1)
    }

    /// What is known of the path to `destination`.
    #[inline]
    fn path(&self, now: Instant, destination: Ipv4Addr) -> PathMtu {
        // A link with less than this is none (RFC 791 3.2 has 68); whatever it does, pieces are sent.
        self.paths.mtu(now, destination, self.link.mtu().max(HEADER_LEN + 8))
    }

    /// Whether the interface cuts packets of `protocol` for a path of `mtu` bytes: it does so for its own MTU,
    /// and knows of no smaller one.
    #[inline]
    fn is_cut_below(&self, protocol: Protocol, mtu: usize) -> bool {
        self.link.offloads().udp_fragmentation
            && protocol == Protocol::UDP
            && mtu == self.link.mtu()
    }

    /// Sends a packet that has a route, in as many pieces as it needs.
    fn send_pieces(
        &mut self,
        now: Instant,
        outgoing: Outgoing,
        destination: Ipv4Addr,
        payload: &impl Payload,
    ) -> Result<Result<(), SendError>, E::Error> {
        let neighbour = match self.route(destination) {
            Ok(neighbour) => neighbour,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let path = self.path(now, destination);
        let mtu = path.mtu;
        let length = payload.len();
        // Where a path may take less than is sent there, routers make the pieces (RFC 1191 3).
        let routers_fragment = path.routers_fragment || outgoing.routers_fragment;
        let whole = HEADER_LEN + length <= mtu && (outgoing.dont_fragment || !routers_fragment);
        let most = if outgoing.dont_fragment { mtu } else { MAX_PACKET_LEN } - HEADER_LEN;
        if length > most {
            return Ok(Err(SendError::TooLong { length, most }));
        }
        // In one piece it is atomic (RFC 6864 4): DF, and the identification says nothing.
        let identification = match whole {
            true => 0,
            false => ids::next(self.hash, self.paths.rows, destination, outgoing.protocol),
        };
        let fields = Fields {
            source: self.cidr.address(),
            destination,
            protocol: outgoing.protocol,
            ttl: self.ttl_of(&outgoing, destination),
            tos: outgoing.tos,
            identification,
            dont_fragment: whole,
        };
        if whole || self.is_cut_below(outgoing.protocol, mtu) {
            let header = Ipv4Header::new(&fields, 0, length, false);
            self.transmit(now, destination, neighbour, (header, payload))?;
        } else {
            self.send_fragments(now, fields, neighbour, mtu, payload)?;
        }
        Ok(Ok(()))
    }

    /// Sends a packet in pieces of at most `mtu` bytes, each with a header; in one if that is enough.
    #[inline(never)]
    fn send_fragments(
        &mut self,
        now: Instant,
        fields: Fields,
        neighbour: Option<Ipv4Addr>,
        mtu: usize,
        payload: &dyn Payload,
    ) -> Result<(), E::Error> {
        let length = payload.len();
        let most = mtu - HEADER_LEN;
        let step = if length <= most { most } else { most & !7 };
        self.counters.fragmented += u64::from(length > most);
        let mut offset = 0;
        loop {
            let piece = Payload::slice(&payload, offset, step);
            let more = offset + piece.len() < length;
            let header = Ipv4Header::new(&fields, offset, piece.len(), more);
            // Of the same type as a whole packet that is `dyn`: one copy of the way down for both.
            let piece: &dyn Payload = &piece;
            self.transmit(now, fields.destination, neighbour, (header, &piece))?;
            offset += step;
            if offset >= length {
                return Ok(());
            }
        }
    }
}

impl<E: Resolve> Network for Ipv4<'_, E> {
    fn address(&self) -> IpAddr {
        self.cidr.address().into()
    }

    fn max_payload(&self) -> usize {
        MAX_PACKET_LEN - HEADER_LEN
    }

    fn offloads(&self, now: Instant, outgoing: &Outgoing, length: usize) -> Offloads {
        let offloads = self.link.offloads();
        let IpAddr::V4(destination) = outgoing.destination else { return Offloads::NONE };
        if offloads == Offloads::NONE {
            return offloads;
        }
        let mtu = self.path(now, destination).mtu;
        let is_cut_here = HEADER_LEN + length > mtu && !self.is_cut_below(outgoing.protocol, mtu);
        // A fragment of ours says nothing of the whole, whose checksum it may carry.
        if is_cut_here { Offloads::NONE } else { offloads }
    }

    fn send(
        &mut self,
        now: Instant,
        outgoing: Outgoing,
        payload: impl Payload,
    ) -> Result<Sent, E::Error> {
        let sent = match outgoing.destination {
            IpAddr::V4(destination) => self.send_pieces(now, outgoing, destination, &payload)?,
            other @ IpAddr::V6(_) => Err(SendError::BadAddress(other)),
        };
        Ok(match sent {
            Ok(()) => Sent::Queued,
            Err(refusal) => {
                self.counters.not_sent += 1;
                Sent::NotSent(refusal)
            }
        })
    }

    /// This layer alone has no way to tell: `Icmp` has.
    fn send_error(
        &mut self,
        _now: Instant,
        _packet: &Packet<'_>,
        _problem: Problem,
    ) -> Result<(), E::Error> {
        self.counters.unknown_protocol += 1;
        Ok(())
    }

    fn packet_too_big(&mut self, now: Instant, destination: IpAddr, mtu: usize) {
        if let IpAddr::V4(destination) = destination {
            let noted = self.paths.note(now, destination, mtu);
            self.counters.small_mtus += u64::from(noted.below_floor);
            self.counters.paths_displaced += u64::from(noted.displaced);
        }
    }
}
