//! What is done to a packet on its way down: a source, a route, a header, and fragments where it does not fit.

use core::{
    net::{IpAddr, Ipv4Addr},
    num::NonZeroU16,
};

use ethernet::{EtherType, Neighbours};
use layer::{Cidr, Instant, Offloads, Payload, TxOffload};
use netif::MacAddr;
use network::{Completed, Outgoing, Protocol, SendError, Sent};

use super::{Host, is_broadcast, multicast_mac};
use crate::{
    paths::PathMtu,
    wire::{Fields, HEADER_LEN, Ipv4Header, MAX_PACKET_LEN},
};

/// The TTL of a multicast that does not say how far it is to go.
const MULTICAST_TTL: u8 = 1;

/// The least MTU that packets are made for, in bytes. A link with less than this is none (RFC 791 3.2 has 68); whatever
/// it does, pieces are sent.
const LEAST_MTU: usize = HEADER_LEN + 8;

/// What the link is at this moment.
#[derive(Clone, Copy)]
struct Below {
    ours: Cidr,
    mtu: usize,
    offloads: Offloads,
}

impl Below {
    #[inline]
    fn of(link: &impl Neighbours<Ipv4Addr, Address = Cidr>) -> Self {
        let mtu = link.mtu().max(LEAST_MTU);
        Self { ours: link.address(), mtu, offloads: link.offloads() }
    }
}

/// How a packet is sent.
struct Plan {
    fields: Fields,
    /// The neighbour that leads there; none for a broadcast or multicast.
    neighbour: Option<Ipv4Addr>,
    /// What goes in one piece, header included, in bytes.
    mtu: usize,
    /// Whether it is cut here.
    in_pieces: bool,
    /// What is left to the interface where it is not.
    offload: TxOffload,
}

impl Host<'_> {
    /// Sends a packet through `link`, in as many pieces as it needs.
    ///
    /// # Errors
    /// The device is broken.
    pub fn send<E: Neighbours<Ipv4Addr, Address = Cidr>>(
        &mut self,
        now: Instant,
        link: &mut E,
        outgoing: &Outgoing,
        payload: impl Payload,
    ) -> Result<Sent, E::Error> {
        let plan = match self.plan(now, Below::of(link), outgoing, payload.len()) {
            Ok(plan) => plan,
            Err(reason) => {
                self.counters.not_sent += 1;
                return Ok(Sent::NotSent(reason));
            }
        };
        if !plan.in_pieces {
            let header = Ipv4Header::new(&plan.fields, 0, payload.len(), false);
            self.transmit(now, link, &plan, (header, payload))?;
        } else if let Some(checksum) = outgoing.checksum {
            // No interface sees the whole of it.
            self.send_fragments(now, link, &plan, &Completed::new(&payload, checksum))?;
        } else {
            self.send_fragments(now, link, &plan, &payload)?;
        }
        Ok(Sent::Queued)
    }

    /// The largest packet that goes to `destination` in one piece over `link`, in bytes, as far as is known.
    pub fn path_mtu(
        &self,
        now: Instant,
        link: &impl Neighbours<Ipv4Addr, Address = Cidr>,
        destination: Ipv4Addr,
    ) -> usize {
        self.paths.mtu(now, destination, Below::of(link).mtu).mtu
    }

    /// Decides how a packet with a payload of `length` bytes is sent.
    #[inline]
    fn plan(
        &mut self,
        now: Instant,
        below: Below,
        outgoing: &Outgoing,
        length: usize,
    ) -> Result<Plan, SendError> {
        let IpAddr::V4(destination) = outgoing.destination else {
            return Err(SendError::BadAddress(outgoing.destination));
        };
        let source = source(below.ours, outgoing.source, destination)?;
        let neighbour = self.route(below.ours, destination)?;
        let PathMtu { mtu, routers_fragment } = self.paths.mtu(now, destination, below.mtu);
        // Where a path may take less than is sent there, routers make the pieces (RFC 1191 3).
        let routers_fragment = routers_fragment || outgoing.routers_fragment;
        let fits = HEADER_LEN + length <= mtu;
        let dont_fragment = fits && (outgoing.dont_fragment || !routers_fragment);
        let most = if outgoing.dont_fragment { mtu } else { MAX_PACKET_LEN } - HEADER_LEN;
        if length > most {
            return Err(SendError::TooLong { length, most });
        }
        // The interface cuts for its own MTU, and knows of no smaller one. This is the one place that knows.
        let is_cut_below = !fits
            && below.offloads.udp_fragmentation
            && outgoing.protocol == Protocol::UDP
            && outgoing.checksum.is_some()
            && mtu == below.mtu;
        let segment_size = match is_cut_below {
            // Each fragment but the last carries a multiple of 8 bytes (RFC 791 3.2).
            true => NonZeroU16::new(((mtu - HEADER_LEN) & !7).min(usize::from(u16::MAX)) as u16),
            false => None,
        };
        // In one piece it is atomic (RFC 6864 4): DF, and the identification says nothing.
        let identification = match dont_fragment {
            true => 0,
            false => self.paths.next_identification(self.hash, destination, outgoing.protocol),
        };
        let fields = Fields {
            source,
            destination,
            protocol: outgoing.protocol,
            ttl: self.ttl_of(outgoing, destination),
            tos: outgoing.tos,
            identification,
            dont_fragment,
        };
        let offload = TxOffload { checksum: outgoing.checksum, segment_size };
        let offload = offload.shifted(HEADER_LEN as u16);
        Ok(Plan { fields, neighbour, mtu, in_pieces: !fits && !is_cut_below, offload })
    }

    /// The neighbour that leads to `destination`; none for a broadcast or multicast.
    #[inline]
    fn route(&self, ours: Cidr, destination: Ipv4Addr) -> Result<Option<Ipv4Addr>, SendError> {
        let address = IpAddr::V4(destination);
        // The first two leave no host (RFC 1122 3.2.1.3 (a), (b), (g)), and nobody is to have an address of the
        // last (RFC 6890 2.2.2, 240.0.0.0/4), but for the broadcast.
        if matches!(destination.octets()[0], 0 | 127 | 240..) && !destination.is_broadcast() {
            return Err(SendError::BadAddress(address));
        }
        if is_broadcast(ours, destination) || destination.is_multicast() {
            return Ok(None);
        }
        if destination == ours.address() || ours.network() == Some(destination) {
            return Err(SendError::BadAddress(address));
        }
        if ours.contains(destination) {
            return Ok(Some(destination));
        }
        self.gateway.map(Some).ok_or(SendError::NoRoute(address))
    }

    /// The TTL of a packet: never 0 (RFC 1122 3.2.1.7), and no further than this link for a multicast
    /// that does not say how far it is to go (RFC 1112 6.1).
    #[inline]
    fn ttl_of(&self, outgoing: &Outgoing, destination: Ipv4Addr) -> u8 {
        let usual = if destination.is_multicast() { MULTICAST_TTL } else { self.ttl };
        outgoing.ttl.unwrap_or(usual).min(outgoing.max_ttl).max(1)
    }

    /// Sends one piece.
    #[inline]
    fn transmit<E: Neighbours<Ipv4Addr>>(
        &mut self,
        now: Instant,
        link: &mut E,
        plan: &Plan,
        packet: (Ipv4Header, impl Payload),
    ) -> Result<(), E::Error> {
        self.counters.packets_tx += 1;
        layer::log!(self.log, "ipv4: sent {}", packet.0);
        match plan.neighbour {
            Some(neighbour) => link.send_to(now, neighbour, EtherType::IPV4, packet, plan.offload),
            None => send_to_many(now, link, plan, &packet),
        }
    }

    /// Sends a packet in pieces of at most the MTU of its path, each with a header; in one if that is enough.
    #[inline(never)]
    fn send_fragments<E: Neighbours<Ipv4Addr>>(
        &mut self,
        now: Instant,
        link: &mut E,
        plan: &Plan,
        payload: &dyn Payload,
    ) -> Result<(), E::Error> {
        let plan = &Plan { offload: TxOffload::NONE, ..*plan };
        let length = payload.len();
        let step = (plan.mtu - HEADER_LEN) & !7;
        self.counters.fragmented += 1;
        let mut offset = 0;
        loop {
            let piece = Payload::slice(&payload, offset, step);
            let more = offset + piece.len() < length;
            let header = Ipv4Header::new(&plan.fields, offset, piece.len(), more);
            // Of the same type as a whole packet that is `dyn`: one copy of the way down for both.
            let piece: &dyn Payload = &piece;
            self.transmit(now, link, plan, (header, &piece))?;
            offset += step;
            if offset >= length {
                return Ok(());
            }
        }
    }
}

/// Sends one piece to a group, or to all.
#[cold]
fn send_to_many<E: Neighbours<Ipv4Addr>>(
    now: Instant,
    link: &mut E,
    plan: &Plan,
    packet: &dyn Payload,
) -> Result<(), E::Error> {
    let destination = plan.fields.destination;
    let mac = match destination.is_multicast() {
        true => multicast_mac(destination),
        false => MacAddr::BROADCAST,
    };
    link.send(now, mac, EtherType::IPV4, packet, plan.offload)
}

/// Where a packet comes from: our address. A host that has none yet may ask all for one, and says so (RFC 1122
/// 3.2.1.3 (a)).
#[inline]
fn source(ours: Cidr, named: Option<IpAddr>, destination: Ipv4Addr) -> Result<Ipv4Addr, SendError> {
    let source = match named {
        None => ours.address(),
        Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED)) if destination.is_broadcast() => {
            return Ok(Ipv4Addr::UNSPECIFIED);
        }
        Some(IpAddr::V4(source)) if source == ours.address() => source,
        Some(_) => return Err(SendError::BadSource(named)),
    };
    if source.is_unspecified() { Err(SendError::BadSource(None)) } else { Ok(source) }
}
