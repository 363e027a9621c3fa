//! The way of a packet down: source address, route, header, and fragmentation if it does not fit.

use core::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU16,
};

use ethernet::EtherType;
use layer::{
    IPV6_MIN_MTU, Instant, Offloads, PartialChecksum, Payload, TxOffload, is_unicast_ipv6,
};
use network::{Outgoing, Protocol, SendError, Sent, completed};

use super::Host;
use crate::{
    Discovery,
    flow_label::flow_label,
    fragment::{FRAGMENT, FRAGMENT_HEADER_LEN, FragmentHeader},
    multicast_mac, source,
    wire::{Fields, HEADER_LEN, Ipv6Header, MAX_PAYLOAD_LEN},
};

/// The default hop limit of a multicast packet (RFC 3493 5.2).
const MULTICAST_HOP_LIMIT: u8 = 1;

/// The length of a TCP header without options, in bytes (RFC 9293 3.1).
const TCP_HEADER_LEN: usize = 20;

/// The longest packet that the link takes, in bytes. Every link of IPv6 has an MTU of at least 1,280 (RFC 8200 5).
#[inline]
fn link_mtu(link: &impl Discovery) -> usize {
    link.ipv6_mtu().max(IPV6_MIN_MTU)
}

/// The decision how to send a packet.
struct Plan {
    fields: Fields,
    /// Whether the destination is one host, and no group.
    to_host: bool,
    /// The longest packet that is sent in one piece, header included, in bytes.
    mtu: usize,
    /// The size of the segments into which the interface cuts the packet; see [`TxOffload::segment_size`].
    segment_size: Option<NonZeroU16>,
}

impl Plan {
    /// The work that is left to the interface, for a packet in one piece.
    #[inline]
    fn offload(&self, checksum: Option<PartialChecksum>) -> TxOffload {
        TxOffload { checksum, segment_size: self.segment_size }.shifted(HEADER_LEN as u16)
    }
}

impl Host<'_> {
    /// Sends a packet through `link`, in as many fragments as it needs.
    ///
    /// # Errors
    /// The device is broken.
    pub fn send<E: Discovery>(
        &mut self,
        now: Instant,
        link: &mut E,
        outgoing: &Outgoing,
        payload: impl Payload,
    ) -> Result<Sent, E::Error> {
        let length = payload.len();
        let mut plan = match self.plan(now, link, outgoing, length) {
            Ok(plan) => plan,
            Err(error) => {
                self.counters.not_sent += 1;
                return Ok(Sent::NotSent(error));
            }
        };
        let Fields { source, destination, next_header, .. } = plan.fields;
        plan.fields.flow_label = flow_label(self.hash, source, destination, next_header, &payload);
        if HEADER_LEN + length <= plan.mtu || plan.segment_size.is_some() {
            let header = Ipv6Header::new(&plan.fields, length);
            // If the interface does no work, the compiler can see here that none is left to it.
            let offload = match link.offloads() {
                Offloads::NONE => TxOffload::NONE,
                _ => plan.offload(outgoing.checksum),
            };
            self.transmit(now, link, &plan, (header, &payload), offload)?;
        } else if let Some(checksum) = outgoing.checksum {
            // The interface does not see the whole packet, so the checksum is completed here.
            self.send_fragments(now, link, &plan, &completed(&payload, checksum))?;
        } else {
            self.send_fragments(now, link, &plan, &payload)?;
        }
        Ok(Sent::Queued)
    }

    /// The length in bytes of the largest packet of `protocol` that reaches `destination` over `link` without fragmentation, as far
    /// as is known.
    pub fn path_mtu(
        &self,
        now: Instant,
        link: &impl Discovery,
        destination: Ipv6Addr,
        protocol: Protocol,
    ) -> usize {
        self.paths.mtu(now, destination, protocol, link_mtu(link))
    }

    /// Decides how a packet with a payload of `length` bytes is sent.
    fn plan(
        &self,
        now: Instant,
        link: &impl Discovery,
        outgoing: &Outgoing,
        length: usize,
    ) -> Result<Plan, SendError> {
        let IpAddr::V6(destination) = outgoing.destination else {
            return Err(SendError::BadAddress(outgoing.destination));
        };
        let to_host = is_unicast_ipv6(destination) && !Self::is_ours(link, destination);
        if !to_host && !is_group_of_others(destination) {
            return Err(SendError::BadAddress(outgoing.destination));
        }
        let source = match outgoing.source {
            None => source::select(link.addresses(), destination),
            Some(IpAddr::V6(source)) if Self::is_ours(link, source) => Some(source),
            Some(_) => None,
        };
        let bad_source =
            || SendError::BadSource(outgoing.source.filter(|_| !link.addresses().is_empty()));
        let source = source.ok_or_else(bad_source)?;
        if to_host && !link.has_route(destination) {
            return Err(SendError::NoRoute(outgoing.destination));
        }
        let mut mtu = self.path_mtu(now, link, destination, outgoing.protocol);
        // No router fragments a packet of IPv6. Where the sender would not believe an error that says that it is too long, it has
        // the length that every path carries (RFC 8201 4).
        if outgoing.routers_fragment && !outgoing.dont_fragment {
            mtu = mtu.min(IPV6_MIN_MTU);
        }
        let is_segmented = HEADER_LEN + length > mtu
            && link.offloads().tcp_segmentation_ipv6
            && has_segments(outgoing);
        let most = if is_segmented {
            longest_segment(outgoing, mtu)
        } else if outgoing.dont_fragment {
            mtu - HEADER_LEN
        } else {
            MAX_PAYLOAD_LEN
        };
        if length > most {
            return Err(SendError::TooLong { length, most });
        }
        let usual = if to_host { link.hop_limit() } else { MULTICAST_HOP_LIMIT };
        let fields = Fields {
            source,
            destination,
            next_header: outgoing.protocol,
            hop_limit: outgoing.ttl.unwrap_or(usual).min(outgoing.max_ttl).max(1),
            traffic_class: outgoing.tos,
            flow_label: 0,
        };
        let segment_size = outgoing.segment_size.filter(|_| is_segmented);
        Ok(Plan { fields, to_host, mtu, segment_size })
    }

    /// Sends one packet or fragment.
    #[inline]
    fn transmit<E: Discovery>(
        &mut self,
        now: Instant,
        link: &mut E,
        plan: &Plan,
        packet: (Ipv6Header, impl Payload),
        offload: TxOffload,
    ) -> Result<(), E::Error> {
        self.counters.packets_tx += 1;
        layer::log!(self.log, "ipv6: sent {}", packet.0);
        let destination = plan.fields.destination;
        if plan.to_host {
            link.send_to(now, destination, EtherType::IPV6, packet, offload)
        } else {
            link.send(now, multicast_mac(destination), EtherType::IPV6, packet, offload)
        }
    }

    /// Sends a packet that is longer than the path MTU, in fragments that are not. There are at least two: a packet in one
    /// fragment is never made (RFC 8021).
    #[inline(never)]
    fn send_fragments<E: Discovery>(
        &mut self,
        now: Instant,
        link: &mut E,
        plan: &Plan,
        payload: &dyn Payload,
    ) -> Result<(), E::Error> {
        let length = payload.len();
        let step = (plan.mtu - HEADER_LEN - FRAGMENT_HEADER_LEN) & !7;
        let identification = self.identifications.draw();
        let fields = Fields { next_header: FRAGMENT, ..plan.fields };
        self.counters.fragmented += 1;
        let mut offset = 0;
        while offset < length {
            let piece = Payload::slice(&payload, offset, step);
            let more = offset + piece.len() < length;
            let header = Ipv6Header::new(&fields, FRAGMENT_HEADER_LEN + piece.len());
            let fragment =
                FragmentHeader::new(plan.fields.next_header, identification, offset, more);
            // A fragment has the same type as a whole `dyn` packet, so that the layers below need one copy of the code.
            let piece: &dyn Payload = &(fragment, piece);
            self.transmit(now, link, plan, (header, &piece), TxOffload::NONE)?;
            offset += step;
        }
        Ok(())
    }
}

/// Whether the transport asks for the packet to be cut into TCP segments.
#[inline]
fn has_segments(outgoing: &Outgoing) -> bool {
    outgoing.segment_size.is_some() && outgoing.checksum.is_some_and(PartialChecksum::is_tcp)
}

/// The length in bytes of the longest TCP segment, header included, that the interface cuts for a path with an MTU of `mtu`:
/// that of one packet if the segments which come of it do not fit the path.
#[inline(never)]
fn longest_segment(outgoing: &Outgoing, mtu: usize) -> usize {
    // The header may have options, for whose length TCP answers.
    let size = outgoing.segment_size.map_or(0, |size| usize::from(size.get()));
    let fits = HEADER_LEN + TCP_HEADER_LEN + size <= mtu;
    (if fits { Offloads::LONGEST_TCP_PACKET } else { mtu }) - HEADER_LEN
}

/// Whether `address` is a group that others can be in: its scope is larger than this host (RFC 4291 2.7).
fn is_group_of_others(address: Ipv6Addr) -> bool {
    let [_, second, ..] = address.octets();
    address.is_multicast() && second & 0xf > 1
}
