//! The way of a packet down: source address, route, header, and fragmentation if it does not fit.

use core::{
    net::{IpAddr, Ipv4Addr},
    num::NonZeroU16,
};

use ethernet::{EtherType, Neighbours};
use layer::{Cidr, Instant, Location, Offloads, PartialChecksum, Payload, TxOffload, is_unicast};
use netif::MacAddr;
use network::{Outgoing, Protocol, SendError, Sent, completed};

use super::{Host, multicast_mac};
use crate::{
    Routes,
    paths::PathMtu,
    wire::{Fields, HEADER_LEN, Ipv4Header, MAX_PACKET_LEN},
};

/// The default TTL of a multicast packet.
const MULTICAST_TTL: u8 = 1;

/// The shortest packet that carries a part of a payload, in bytes. Every link has an MTU of at least 68 (RFC 791 3.2).
/// Even if a link claims less, fragments have this length.
const SHORTEST_FRAGMENT: usize = HEADER_LEN + 8;

/// The length of a TCP header without options, in bytes (RFC 9293 3.1).
const TCP_HEADER_LEN: usize = 20;

/// The state of the link at this moment.
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

/// Why a packet is not sent: a [`SendError`] without the fields that the packet itself has, so that it fits a register.
#[derive(Clone, Copy, Debug)]
enum Refusal {
    NoRoute,
    BadAddress,
    BadSource,
    TooLong { most: u32 },
}

/// The decision how to send a packet.
struct Plan {
    fields: Fields,
    /// The next hop, or `None` for a broadcast or multicast.
    neighbour: Option<Ipv4Addr>,
    /// The longest packet that is sent in one piece, header included, in bytes.
    mtu: usize,
    /// Whether this layer fragments the packet.
    in_pieces: bool,
    /// The size of the pieces into which the interface cuts the packet; see [`TxOffload::segment_size`].
    segment_size: Option<NonZeroU16>,
}

impl Plan {
    /// The work that is left to the interface, for a packet that this layer does not fragment.
    #[inline]
    fn offload(&self, checksum: Option<PartialChecksum>) -> TxOffload {
        TxOffload { checksum, segment_size: self.segment_size }.shifted(HEADER_LEN as u16)
    }
}

/// The identification of a packet, and the size of the pieces into which the interface cuts it.
type Form = (u16, Option<NonZeroU16>);

/// Whether the transport asks for the packet to be cut into TCP segments.
#[inline]
fn has_segments(outgoing: &Outgoing) -> bool {
    outgoing.segment_size.is_some() && outgoing.checksum.is_some_and(PartialChecksum::is_tcp)
}

impl<R: Routes> Host<'_, R> {
    /// Sends a packet through `link`, in as many fragments as it needs.
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
            // If the interface does no work, the compiler can see here that none is left to it.
            let offload = match link.offloads() {
                Offloads::NONE => TxOffload::NONE,
                _ => plan.offload(outgoing.checksum),
            };
            self.transmit(now, link, &plan, (header, &payload), offload)?;
        } else if let Some(checksum) = outgoing.checksum
            && link.offloads().checksum
        {
            // The interface does not see the whole packet, so the checksum is completed here.
            self.send_fragments(now, link, &plan, &completed(&payload, checksum))?;
        } else {
            self.send_fragments(now, link, &plan, &payload)?;
        }
        Ok(Sent::Queued)
    }

    /// The length in bytes of the largest packet of `protocol` that reaches `destination` over `link` without
    /// fragmentation, as far as is known.
    pub fn path_mtu(
        &self,
        now: Instant,
        link: &impl Neighbours<Ipv4Addr, Address = Cidr>,
        destination: Ipv4Addr,
        protocol: Protocol,
    ) -> usize {
        self.paths.mtu(now, destination, protocol, Below::of(link).mtu).mtu
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
        // A host that has no address yet may send a broadcast from 0.0.0.0 to get one (RFC 1122 3.2.1.3 (a)).
        let asks_for_one =
            || outgoing.source.is_some() && source.is_unspecified() && destination.is_broadcast();
        if (source != ours || ours.is_unspecified()) && !asks_for_one() {
            return Err(Refusal::BadSource);
        }
        let neighbour = match below.ours.locate(destination) {
            Location::Host if is_unicast(destination) && destination != ours => {
                Some(self.routes.detour(below.ours, destination).unwrap_or(destination))
            }
            _ => self.route(below.ours, destination)?,
        };
        let PathMtu { mtu, routers_fragment } =
            self.paths.mtu(now, destination, outgoing.protocol, below.mtu);
        // If the path MTU may be below the length of the packet, routers may fragment (RFC 1191 3).
        let routers_fragment = routers_fragment || outgoing.routers_fragment;
        let fits = HEADER_LEN + length <= mtu;
        let is_segmented = !fits && below.offloads.tcp_segmentation && has_segments(outgoing);
        let dont_fragment = (fits || is_segmented) && (outgoing.dont_fragment || !routers_fragment);
        // An unfragmented packet is atomic (RFC 6864 4): DF is set, and the identification has no meaning.
        let (identification, segment_size) = if is_segmented {
            self.segments(outgoing, destination, length, mtu)?
        } else if dont_fragment {
            (0, None)
        } else {
            self.unlike_atomic(below, outgoing, destination, length, mtu)?
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
        let in_pieces = !fits && segment_size.is_none();
        Ok(Plan { fields, neighbour, mtu, in_pieces, segment_size })
    }

    /// The form of a packet that may be fragmented, here, by the interface or by routers.
    #[inline(never)]
    fn unlike_atomic(
        &mut self,
        below: Below,
        outgoing: &Outgoing,
        destination: Ipv4Addr,
        length: usize,
        mtu: usize,
    ) -> Result<Form, Refusal> {
        let most = if outgoing.dont_fragment { mtu } else { MAX_PACKET_LEN } - HEADER_LEN;
        if length > most {
            return Err(Refusal::TooLong { most: most as u32 });
        }
        // The interface fragments for its own MTU, and does not know a smaller path MTU. Only this layer knows it.
        let is_cut_below = HEADER_LEN + length > mtu
            && below.offloads.udp_fragmentation
            && outgoing.protocol == Protocol::UDP
            && outgoing.checksum.is_some()
            && mtu == below.mtu;
        let segment_size = match is_cut_below {
            // Each fragment but the last carries a multiple of 8 bytes (RFC 791 3.2).
            true => NonZeroU16::new(((mtu.min(MAX_PACKET_LEN) - HEADER_LEN) & !7) as u16),
            false => None,
        };
        let protocol = outgoing.protocol;
        let identification = self.paths.identifications(self.hash, destination, protocol, 1);
        Ok((identification, segment_size))
    }

    /// The form of a TCP segment that the interface cuts into segments, each of which is a packet.
    ///
    /// The interface numbers these packets from the identification on. Where they have DF they are atomic, and the
    /// numbers have no meaning (RFC 6864 4.1). Where routers may fragment them, no number may come again soon. In either
    /// case the numbers go on from one call to the next, so that a receiver can join what came of several.
    #[inline(never)]
    fn segments(
        &mut self,
        outgoing: &Outgoing,
        destination: Ipv4Addr,
        length: usize,
        mtu: usize,
    ) -> Result<Form, Refusal> {
        let size = outgoing.segment_size.map_or(1, NonZeroU16::get);
        // The header may have options, for whose length TCP answers.
        let segment = HEADER_LEN + TCP_HEADER_LEN + usize::from(size);
        let most = if segment > mtu { mtu } else { Offloads::LONGEST_TCP_PACKET } - HEADER_LEN;
        if length > most {
            return Err(Refusal::TooLong { most: most as u32 });
        }
        let count = length.saturating_sub(TCP_HEADER_LEN).div_ceil(size.into()) as u16;
        let protocol = outgoing.protocol;
        let first = self.paths.identifications(self.hash, destination, protocol, count);
        Ok((first, outgoing.segment_size))
    }

    /// The next hop to a destination that is not a neighbour, or `None` for a broadcast or multicast.
    #[inline(never)]
    fn route(&self, ours: Cidr, destination: Ipv4Addr) -> Result<Option<Ipv4Addr>, Refusal> {
        let location = ours.locate(destination);
        let to_all = location == Location::Broadcast || destination.is_broadcast();
        match destination.octets()[0] {
            // The first two blocks are never a destination (RFC 1122 3.2.1.3 (a), (b), (g)). No host has an address in
            // the last one (RFC 6890 2.2.2, 240.0.0.0/4), which contains the broadcast address.
            0 | 127 | 240.. if !destination.is_broadcast() => Err(Refusal::BadAddress),
            _ if to_all || destination.is_multicast() => Ok(None),
            _ if destination == ours.address() || location == Location::Network => {
                Err(Refusal::BadAddress)
            }
            _ => self.routes.next_hop(destination).map(Some).ok_or(Refusal::NoRoute),
        }
    }

    /// Sends one packet or fragment.
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

    /// Sends a packet in fragments of at most the path MTU, each with a header, or in one piece if it fits.
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
            // A fragment has the same type as a whole `dyn` packet, so that the layers below need one copy of the code.
            let piece: &dyn Payload = &piece;
            self.transmit(now, link, plan, (header, &piece), TxOffload::NONE)?;
            offset += step;
            if offset >= length {
                return Ok(());
            }
        }
    }
}

/// Sends one packet or fragment to a multicast group or to the broadcast address.
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

/// The error that is returned for a packet with a payload of `length` bytes.
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
