//! What is done to a packet on its way up: checks, and reassembly.

use core::net::Ipv4Addr;

use ethernet::Frame;
use layer::Instant;
use network::{IcmpError, Packet, Problem, Protocol};
use rt_regions::{Exhausted, Region};

use crate::{
    Ipv4,
    reassembly::{Datagram, Insert},
    wire::{Ipv4Header, ParseError, Parsed},
};

impl<E> Ipv4<'_, E> {
    /// Whether `address` is a broadcast: of our network, or of all (RFC 1122 3.2.1.3 (c), (d)).
    pub(crate) fn is_broadcast(&self, address: Ipv4Addr) -> bool {
        address.is_broadcast() || self.cidr.broadcast() == Some(address)
    }

    /// Whether a packet to `address` is for us.
    pub(crate) fn is_ours(&self, address: Ipv4Addr) -> bool {
        address == self.cidr.address() || self.is_broadcast(address) || self.is_member(address)
    }

    /// Whether another host can have sent from `address` (RFC 1122 3.2.1.3).
    pub(crate) fn is_source(&self, address: Ipv4Addr) -> bool {
        let [first, ..] = address.octets();
        !matches!(first, 0 | 127 | 224..)
            && !self.is_broadcast(address)
            && self.cidr.network() != Some(address)
            && address != self.cidr.address()
    }

    /// Checks a packet: what is not for us, or not to be believed, is counted and gone.
    pub(crate) fn filter<'r>(&mut self, frame: &Frame<'r>) -> Option<Parsed<'r>> {
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
        if !self.is_ours(destination) {
            self.counters.not_for_us += 1;
            return None;
        }
        if !self.is_source(parsed.header.source()) {
            self.counters.bad_source += 1;
            return None;
        }
        if frame.destination.is_group() && destination == self.cidr.address() {
            self.counters.broadcast_frame += 1;
            return None;
        }
        Some(parsed)
    }

    /// Keeps a fragment; gives its datagram when it is whole.
    pub(crate) fn reassemble<'r>(
        &mut self,
        now: Instant,
        frame: &Frame<'r>,
        fragment: &Parsed<'r>,
        region: &'r Region<'_>,
    ) -> Option<Packet<'r>> {
        let counters = &mut self.counters;
        counters.fragments_rx += 1;
        let outcome = self.reassembly.insert(now, fragment);
        counters.reassembly_evicted = self.reassembly.evicted();
        let datagram = match outcome {
            Insert::Complete(datagram) => datagram,
            Insert::Waiting => return None,
            Insert::Duplicate => {
                counters.fragments_duplicate += 1;
                return None;
            }
            Insert::Malformed => {
                counters.fragments_malformed += 1;
                return None;
            }
            Insert::Overlap => {
                counters.reassembly_overlaps += 1;
                return None;
            }
            Insert::Refused => {
                counters.fragments_refused += 1;
                return None;
            }
            Insert::Exhausted(_) => {
                counters.reassembly_exhausted += 1;
                return None;
            }
        };
        let Ok((header, payload)) = copy(&datagram, region) else {
            counters.reassembly_exhausted += 1;
            return None;
        };
        counters.reassembled += 1;
        let mut packet = self.packet(frame, fragment.header, header, payload);
        // Whatever a device says of checksums, it says of a frame, and nobody below has seen the datagram whole.
        // "Verified" on a fragment is the word of whoever sent it (a kernel that cut what it had in one piece, a guest
        // that passes on what it heard); "blank" is from a place to the end of the frame, which is not that of the
        // datagram. Both are no reason not to look.
        packet.verify_checksum = true;
        // The header is the first fragment's; congestion met by any fragment was met by the whole.
        packet.tos = header.get(1).copied().unwrap_or_default();
        packet.ttl = header.get(8).copied().unwrap_or_default();
        if datagram.congestion() {
            packet.tos |= 3;
        }
        Some(packet)
    }

    pub(crate) fn packet<'r>(
        &self,
        frame: &Frame<'_>,
        header: &Ipv4Header,
        header_bytes: &'r [u8],
        payload: &'r [u8],
    ) -> Packet<'r> {
        let destination = header.destination();
        Packet {
            source: header.source().into(),
            destination: destination.into(),
            protocol: Protocol(header.protocol),
            ttl: header.ttl,
            tos: header.tos,
            broadcast: frame.destination.is_group() || destination != self.cidr.address(),
            verify_checksum: frame.checksums.must_verify(),
            header: header_bytes,
            payload,
        }
    }

    /// Word about a packet whose header is wrong, or asks for what is not done.
    pub(crate) fn header_problem<'r>(
        &mut self,
        frame: &Frame<'r>,
        parsed: &Parsed<'r>,
        problem: Problem,
    ) -> IcmpError<'r> {
        match problem {
            Problem::SOURCE_ROUTE_FAILED => self.counters.source_routed += 1,
            _ => self.counters.bad_options += 1,
        }
        let packet = self.packet(frame, parsed.header, parsed.header_bytes, parsed.payload);
        IcmpError { problem, reporter: None, packet }
    }

    /// Word about a datagram whose time is over, if its first fragment had come (RFC 792).
    pub(crate) fn report<'r>(
        &self,
        datagram: &Datagram<'_>,
        region: &'r Region<'_>,
    ) -> Option<IcmpError<'r>> {
        let header = region.alloc_slice(datagram.header()?).ok()?;
        let (_, first) = datagram.fragments().find(|(offset, _)| *offset == 0)?;
        let payload = region.alloc_slice(&first[..first.len().min(8)]).ok()?;
        let key = datagram.key();
        let packet = Packet {
            source: key.source.into(),
            destination: key.destination.into(),
            protocol: key.protocol,
            ttl: header.get(8).copied().unwrap_or_default(),
            tos: header.get(1).copied().unwrap_or_default(),
            broadcast: key.destination != self.cidr.address(),
            verify_checksum: false,
            header,
            payload,
        };
        Some(IcmpError { problem: Problem::ReassemblyTimeExceeded, reporter: None, packet })
    }
}

/// Header and payload of a whole datagram, in `region`.
fn copy<'r>(
    datagram: &Datagram<'_>,
    region: &'r Region<'_>,
) -> Result<(&'r [u8], &'r [u8]), Exhausted> {
    let header = region.alloc_slice(datagram.header().unwrap_or_default())?;
    Ok((header, datagram.payload(region)?))
}
