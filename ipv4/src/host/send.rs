//! What is done to a packet on its way down: a source, a route, a header, and fragments where it does not fit.

use core::{
    net::{IpAddr, Ipv4Addr},
    num::NonZeroU16,
};

use ethernet::{EtherType, Neighbours};
use layer::{Cidr, Instant, Location, Offloads, PartialChecksum, Payload, TxOffload};
use netif::MacAddr;
use network::{Completed, Outgoing, Protocol, SendError, Sent};

use super::{Host, is_unicast, multicast_mac};
use crate::{
    paths::PathMtu,
    wire::{Fields, HEADER_LEN, Ipv4Header, MAX_PACKET_LEN},
};

/// The TTL of a multicast that does not say how far it is to go.
const MULTICAST_TTL: u8 = 1;

/// The shortest packet that carries a part of a payload, in bytes. A link that takes less than 68 is none (RFC 791 3.2);
/// whatever it says, pieces of this length are made.
const SHORTEST_FRAGMENT: usize = HEADER_LEN + 8;

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
        let mtu = link.mtu().max(SHORTEST_FRAGMENT);
        Self { ours: link.address(), mtu, offloads: link.offloads() }
    }
}

/// Why a packet is not sent: [`SendError`] without what the packet says itself, so that it fits a register on its way.
#[derive(Clone, Copy, Debug)]
enum Refusal {
    NoRoute,
    BadAddress,
    BadSource,
    TooLong { most: u32 },
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
    /// Whether the interface cuts it.
    is_cut_below: bool,
}

impl Plan {
    /// What is left to the interface of a packet that is not cut here.
    #[inline]
    fn offload(&self, checksum: Option<PartialChecksum>) -> TxOffload {
        let segment_size = match self.is_cut_below {
            // Each fragment but the last carries a multiple of 8 bytes (RFC 791 3.2).
            true => {
                let most = self.mtu.min(MAX_PACKET_LEN) - HEADER_LEN;
                NonZeroU16::new((most & !7) as u16)
            }
            false => None,
        };
        TxOffload { checksum, segment_size }.shifted(HEADER_LEN as u16)
    }
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
            Err(refusal) => {
                self.counters.not_sent += 1;
                let has_address = !link.address().address().is_unspecified();
                return Ok(Sent::NotSent(explain(refusal, outgoing, payload.len(), has_address)));
            }
        };
        if !plan.in_pieces {
            let header = Ipv4Header::new(&plan.fields, 0, payload.len(), false);
            // Where the interface does nothing, the compiler sees here that nothing is left to it.
            let offload = match link.offloads() {
                Offloads::NONE => TxOffload::NONE,
                _ => plan.offload(outgoing.checksum),
            };
            self.transmit(now, link, &plan, (header, &payload), offload)?;
        } else if let Some(checksum) = outgoing.checksum
            && link.offloads().checksum
        {
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
    #[inline(always)]
    fn plan(
        &mut self,
        now: Instant,
        below: Below,
        outgoing: &Outgoing,
        length: usize,
    ) -> Result<Plan, Refusal> {
        let IpAddr::V4(destination) = outgoing.destination else {
            return Err(Refusal::BadAddress);
        };
        let ours = below.ours.address();
        let source = match outgoing.source {
            None => ours,
            Some(IpAddr::V4(source)) => source,
            Some(IpAddr::V6(_)) => return Err(Refusal::BadSource),
        };
        // A host that has no address yet may ask all for one, and says so (RFC 1122 3.2.1.3 (a)).
        let asks_for_one =
            || outgoing.source.is_some() && source.is_unspecified() && destination.is_broadcast();
        if (source != ours || ours.is_unspecified()) && !asks_for_one() {
            return Err(Refusal::BadSource);
        }
        let neighbour = match below.ours.locate(destination) {
            Location::Host if is_unicast(destination) && destination != ours => Some(destination),
            _ => self.route(below.ours, destination)?,
        };
        let PathMtu { mtu, routers_fragment } = self.paths.mtu(now, destination, below.mtu);
        // Where a path may take less than is sent there, routers make the pieces (RFC 1191 3).
        let routers_fragment = routers_fragment || outgoing.routers_fragment;
        let fits = HEADER_LEN + length <= mtu;
        let dont_fragment = fits && (outgoing.dont_fragment || !routers_fragment);
        // In one piece it is atomic (RFC 6864 4): DF, and the identification says nothing.
        let (identification, is_cut_below) = match dont_fragment {
            true => (0, false),
            false => self.unlike_atomic(below, outgoing, destination, length, mtu)?,
        };
        let usual = if neighbour.is_none() && destination.is_multicast() {
            MULTICAST_TTL
        } else {
            self.ttl
        };
        let fields = Fields {
            source,
            destination,
            protocol: outgoing.protocol,
            // Never 0 (RFC 1122 3.2.1.7).
            ttl: outgoing.ttl.unwrap_or(usual).min(outgoing.max_ttl).max(1),
            tos: outgoing.tos,
            identification,
            dont_fragment,
        };
        let in_pieces = !fits && !is_cut_below;
        Ok(Plan { fields, neighbour, mtu, in_pieces, is_cut_below })
    }

    /// The identification of a packet that is not atomic, and whether it is cut below.
    #[inline(never)]
    fn unlike_atomic(
        &mut self,
        below: Below,
        outgoing: &Outgoing,
        destination: Ipv4Addr,
        length: usize,
        mtu: usize,
    ) -> Result<(u16, bool), Refusal> {
        let most = if outgoing.dont_fragment { mtu } else { MAX_PACKET_LEN } - HEADER_LEN;
        if length > most {
            return Err(Refusal::TooLong { most: most as u32 });
        }
        // The interface cuts for its own MTU, and knows of no smaller one. This is the one place that knows.
        let is_cut_below = HEADER_LEN + length > mtu
            && below.offloads.udp_fragmentation
            && outgoing.protocol == Protocol::UDP
            && outgoing.checksum.is_some()
            && mtu == below.mtu;
        let protocol = outgoing.protocol;
        Ok((self.paths.next_identification(self.hash, destination, protocol), is_cut_below))
    }

    /// The neighbour that leads to a destination that is none; none for a broadcast or multicast.
    #[inline(never)]
    fn route(&self, ours: Cidr, destination: Ipv4Addr) -> Result<Option<Ipv4Addr>, Refusal> {
        let location = ours.locate(destination);
        let to_all = location == Location::Broadcast || destination.is_broadcast();
        match destination.octets()[0] {
            // Nothing leaves to the first two (RFC 1122 3.2.1.3 (a), (b), (g)), and nobody is to have an address of
            // the last (RFC 6890 2.2.2, 240.0.0.0/4), but for the broadcast.
            0 | 127 | 240.. if !destination.is_broadcast() => Err(Refusal::BadAddress),
            _ if to_all || destination.is_multicast() => Ok(None),
            _ if destination == ours.address() || location == Location::Network => {
                Err(Refusal::BadAddress)
            }
            _ => self.gateway.map(Some).ok_or(Refusal::NoRoute),
        }
    }

    /// Sends one piece.
    #[inline]
    fn transmit<E: Neighbours<Ipv4Addr>>(
        &mut self,
        now: Instant,
        link: &mut E,
        plan: &Plan,
        packet: (Ipv4Header, impl Payload),
        offload: TxOffload,
    ) -> Result<(), E::Error> {
        self.counters.packets_tx += 1;
        layer::log!(self.log, "ipv4: sent {}", packet.0);
        match plan.neighbour {
            Some(neighbour) => link.send_to(now, neighbour, EtherType::IPV4, packet, offload),
            None => send_to_many(now, link, plan.fields.destination, &packet, offload),
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
            self.transmit(now, link, plan, (header, &piece), TxOffload::NONE)?;
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
    destination: Ipv4Addr,
    packet: &dyn Payload,
    offload: TxOffload,
) -> Result<(), E::Error> {
    let mac = match destination.is_multicast() {
        true => multicast_mac(destination),
        false => MacAddr::BROADCAST,
    };
    link.send(now, mac, EtherType::IPV4, packet, offload)
}

/// What the sender of a packet with a payload of `length` bytes is told.
#[cold]
fn explain(refusal: Refusal, outgoing: &Outgoing, length: usize, has_address: bool) -> SendError {
    let destination = outgoing.destination;
    match refusal {
        Refusal::NoRoute => SendError::NoRoute(destination),
        Refusal::BadAddress => SendError::BadAddress(destination),
        Refusal::BadSource => SendError::BadSource(outgoing.source.filter(|_| has_address)),
        Refusal::TooLong { most } => SendError::TooLong { length, most: most as usize },
    }
}
