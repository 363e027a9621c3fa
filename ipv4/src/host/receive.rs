//! The way of a packet up: checks and reassembly.

use core::net::Ipv4Addr;

use ethernet::Frame;
use layer::{Cidr, Instant, Location, Rx, is_unicast};
use network::{Delivery, Packet, Problem, Protocol};
use rt_regions::{Exhausted, Region};

use super::Host;
use crate::{
    options,
    reassembly::{Datagram, Insert},
    wire::{HEADER_LEN, Ipv4Header, ParseError, Parsed},
};

impl<R> Host<'_, R> {
    /// Handles a frame with a packet; `ours` is our address. Returns the packet if it is for us and whole. A fragment
    /// is kept. A packet that is not for us, or that fails a check, is counted and dropped.
    #[inline]
    pub fn receive<'r>(
        &mut self,
        now: Instant,
        ours: Cidr,
        frame: &Frame<'r>,
        region: &'r Region<'_>,
    ) -> Rx<Delivery<'r>> {
        let Some(parsed) = self.filter(ours, frame) else { return Rx::Handled };
        layer::log!(self.log, "ipv4: received {}", parsed.header);
        let Ok(packet) = region.alloc(packet(ours, frame, &parsed)) else {
            self.counters.no_room += 1;
            return Rx::Handled;
        };
        if parsed.header_bytes.len() > HEADER_LEN
            && let Err(problem) = options::check(parsed.header_bytes)
        {
            match problem {
                Problem::SourceRouteFailed => self.counters.source_routed += 1,
                _ => self.counters.bad_options += 1,
            }
            return Rx::Item(Delivery::Rejected(packet, problem));
        }
        if parsed.header.is_fragment() && !self.reassemble(now, &parsed, packet, region) {
            return Rx::Handled;
        }
        self.counters.packets_rx += 1;
        Rx::Item(Delivery::Packet(packet))
    }

    /// Drops a datagram whose time for reassembly is over at `now`. The caller repeats this until it is [`Rx::Idle`].
    /// Returns the part that arrived if its sender is to get an error: the first fragment has arrived (RFC 792), and
    /// `ours` is still its destination.
    #[cold]
    pub fn expire<'r>(
        &mut self,
        now: Instant,
        ours: Cidr,
        region: &'r Region<'_>,
    ) -> Rx<Delivery<'r>> {
        match self.reassembly.expire(now) {
            None => Rx::Idle,
            Some(datagram) => {
                self.counters.reassembly_timeouts += 1;
                match expired(&datagram, ours, region) {
                    Some(packet) => {
                        Rx::Item(Delivery::Rejected(packet, Problem::ReassemblyTimedOut))
                    }
                    None => Rx::Handled,
                }
            }
        }
    }

    /// Whether a packet to `address`, which is not our own, is for us too: it is the broadcast address of our network,
    /// the limited broadcast address (RFC 1122 3.2.1.3 (c), (d)), or a multicast group that we joined.
    #[inline(never)]
    fn is_for_many(&self, ours: Cidr, address: Ipv4Addr) -> bool {
        address.is_broadcast()
            || ours.locate(address) == Location::Broadcast
            || self.is_member(address)
    }

    /// Checks a packet.
    #[inline]
    fn filter<'r>(&mut self, ours: Cidr, frame: &Frame<'r>) -> Option<Parsed<'r>> {
        let parsed = match Ipv4Header::parse(frame.payload) {
            Ok(parsed) => parsed,
            Err(error) => {
                match error {
                    ParseError::TooShort | ParseError::HeaderLength => {
                        self.counters.bad_length += 1;
                    }
                    ParseError::Version => self.counters.bad_version += 1,
                    ParseError::Checksum => self.counters.bad_checksum += 1,
                }
                return None;
            }
        };
        let destination = parsed.header.destination();
        let is_ours = destination == ours.address() && !destination.is_unspecified();
        if !is_ours && !self.is_for_many(ours, destination) {
            self.counters.not_for_us += 1;
            return None;
        }
        if !is_source(ours, parsed.header.source()) {
            self.counters.bad_source += 1;
            return None;
        }
        if is_ours && frame.destination.is_group() {
            self.counters.broadcast_frame += 1;
            return None;
        }
        Some(parsed)
    }

    /// Keeps a fragment, which came in `packet`. If its datagram is whole, turns `packet` into the datagram and returns
    /// true.
    #[inline(never)]
    fn reassemble<'r>(
        &mut self,
        now: Instant,
        fragment: &Parsed<'r>,
        packet: &mut Packet<'r>,
        region: &'r Region<'_>,
    ) -> bool {
        let counters = &mut self.counters;
        counters.fragments_rx += 1;
        let outcome = self.reassembly.insert(now, fragment);
        counters.reassembly_evicted = self.reassembly.evicted();
        let counter = match outcome {
            Insert::Complete(datagram) => match copy(&datagram, region) {
                Ok((header, payload)) => {
                    counters.reassembled += 1;
                    (packet.header, packet.payload) = (header, payload);
                    // What the device says about checksums applies to one frame, and no layer below has seen the whole
                    // datagram. "Verified" on a fragment is only the word of its sender (a kernel that cut a whole
                    // packet, a guest that passes on what it received). "Blank" covers the bytes to the end of the
                    // frame, which is not the end of the datagram. So the checksum is verified in either case.
                    packet.verify_checksum = true;
                    packet.segment_size = None;
                    // The header is that of the first fragment. If any fragment met congestion, so did the whole
                    // datagram.
                    packet.tos = header.get(1).copied().unwrap_or_default();
                    packet.ttl = header.get(8).copied().unwrap_or_default();
                    if datagram.congestion() {
                        packet.tos |= 3;
                    }
                    return true;
                }
                Err(_) => &mut counters.reassembly_exhausted,
            },
            Insert::Waiting => return false,
            Insert::Duplicate => &mut counters.fragments_duplicate,
            Insert::Malformed => &mut counters.fragments_malformed,
            Insert::Overlap => &mut counters.reassembly_overlaps,
            Insert::Refused => &mut counters.fragments_refused,
            Insert::Exhausted(_) => &mut counters.reassembly_exhausted,
        };
        *counter += 1;
        false
    }
}

/// Whether `address` can be the source address of another host (RFC 1122 3.2.1.3).
#[inline]
fn is_source(ours: Cidr, address: Ipv4Addr) -> bool {
    is_unicast(address)
        && matches!(ours.locate(address), Location::Host | Location::Outside)
        && address != ours.address()
}

#[inline]
fn packet<'r>(ours: Cidr, frame: &Frame<'_>, parsed: &Parsed<'r>) -> Packet<'r> {
    let &Parsed { header, header_bytes, payload } = parsed;
    let destination = header.destination();
    Packet {
        source: header.source().into(),
        destination: destination.into(),
        protocol: Protocol(header.protocol),
        ttl: header.ttl,
        tos: header.tos,
        broadcast: frame.destination.is_group() || destination != ours.address(),
        verify_checksum: frame.checksums.must_verify(),
        segment_size: frame.segment_size,
        header: header_bytes,
        payload,
    }
}

/// The part of an expired datagram that arrived, with 8 bytes of its payload, if its sender is to get an error.
fn expired<'r>(
    datagram: &Datagram<'_>,
    ours: Cidr,
    region: &'r Region<'_>,
) -> Option<&'r Packet<'r>> {
    let key = datagram.key();
    if key.destination != ours.address() {
        return None;
    }
    let header = region.alloc_slice(datagram.header()?).ok()?;
    let (_, first) = datagram.fragments().find(|(offset, _)| *offset == 0)?;
    let payload = region.alloc_slice(&first[..first.len().min(8)]).ok()?;
    let packet = Packet {
        source: key.source.into(),
        destination: key.destination.into(),
        protocol: key.protocol,
        ttl: header.get(8).copied().unwrap_or_default(),
        tos: header.get(1).copied().unwrap_or_default(),
        broadcast: false,
        verify_checksum: false,
        segment_size: None,
        header,
        payload,
    };
    Some(region.alloc(packet).ok()?)
}

/// Copies the header and the payload of a whole datagram to `region`.
fn copy<'r>(
    datagram: &Datagram<'_>,
    region: &'r Region<'_>,
) -> Result<(&'r [u8], &'r [u8]), Exhausted> {
    let header = region.alloc_slice(datagram.header().unwrap_or_default())?;
    Ok((header, datagram.payload(region)?))
}
