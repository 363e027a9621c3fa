//! The way of a packet up: checks, extension headers and reassembly.

use ethernet::Frame;
use layer::{Instant, Rx};
use network::{Delivery, Packet, Problem, Protocol};
use rt_regions::{Exhausted, Region};
use zerocopy::FromBytes;

use super::{Host, is_other_host};
use crate::{
    Discovery, LONGEST_QUOTE,
    chain::{self, Outcome, Reason},
    fragment::{FRAGMENT, FRAGMENT_HEADER_LEN, FragmentHeader},
    reassembly::{Datagram, Fragment, Insert, Key},
    wire::{HEADER_LEN, Ipv6Header, ParseError},
};

/// A packet that was checked, as far as its chain of headers is not concerned.
#[derive(Clone, Copy)]
struct Received<'r> {
    header: &'r Ipv6Header,
    /// The whole packet, without padding of the link.
    bytes: &'r [u8],
    to_group: bool,
}

impl Host<'_> {
    /// Handles a frame with a packet. Returns the packet if it is for us and whole, or if its sender is to get an error. A fragment
    /// is kept. A packet that is not for us, or that fails a check, is counted and dropped.
    #[inline]
    pub fn receive<'r>(
        &mut self,
        now: Instant,
        link: &impl Discovery,
        frame: &Frame<'r>,
        region: &'r Region<'_>,
    ) -> Rx<Delivery<'r>> {
        let Some(received) = self.filter(link, frame) else { return Rx::Handled };
        layer::log!(self.log, "ipv6: received {}", received.header);
        let Ok(packet) = region.alloc(packet(frame, &received)) else {
            self.counters.no_room += 1;
            return Rx::Handled;
        };
        if chain::is_upper(packet.protocol) {
            // Nearly all packets: there is no chain to follow.
            self.counters.packets_rx += 1;
            return Rx::Item(Delivery::Packet(packet));
        }
        match chain::follow(received.bytes, received.to_group, false) {
            Outcome::Fragment { at, named_at } => {
                self.fragment(now, &received, at, named_at, packet, region)
            }
            outcome => self.deliver(outcome, received.bytes, packet),
        }
    }

    /// Drops a packet whose time for reassembly is over at `now`. The caller repeats this until it is [`Rx::Idle`]. Returns the
    /// first fragment if its sender is to get an error: it has arrived (RFC 8200 4.5), and was sent to an address that is still
    /// ours.
    #[cold]
    pub fn expire<'r>(
        &mut self,
        now: Instant,
        link: &impl Discovery,
        region: &'r Region<'_>,
    ) -> Rx<Delivery<'r>> {
        let Some(datagram) = self.reassembly.expire(now) else { return Rx::Idle };
        if datagram.is_refused() {
            return Rx::Handled;
        }
        self.counters.reassembly_timeouts += 1;
        let is_ours = Self::is_ours(link, datagram.key().destination);
        match first_fragment(&datagram, region) {
            Ok(Some(packet)) if is_ours => {
                Rx::Item(Delivery::Rejected(packet, Problem::ReassemblyTimedOut))
            }
            _ => Rx::Handled,
        }
    }

    /// Checks the IPv6 header of a packet.
    #[inline]
    fn filter<'r>(&mut self, link: &impl Discovery, frame: &Frame<'r>) -> Option<Received<'r>> {
        let parsed = match Ipv6Header::parse(frame.payload) {
            Ok(parsed) => parsed,
            Err(error) => {
                match error {
                    ParseError::TooShort => self.counters.bad_length += 1,
                    ParseError::Version => self.counters.bad_version += 1,
                }
                return None;
            }
        };
        let (header, destination) = (parsed.header, parsed.header.destination());
        let to_group = destination.is_multicast();
        let is_for_us = match to_group {
            true => link.is_member(destination),
            false => Self::is_ours(link, destination),
        };
        if !is_for_us {
            self.counters.not_for_us += 1;
            return None;
        }
        if !is_other_host(link, header.source()) {
            self.counters.bad_source += 1;
            return None;
        }
        if !to_group && frame.destination.is_group() {
            self.counters.broadcast_frame += 1;
            return None;
        }
        let bytes = &frame.payload[..HEADER_LEN + parsed.payload.len()];
        Some(Received { header, bytes, to_group })
    }

    /// Completes `packet`, which is in `bytes`, by what its chain of headers says.
    #[inline]
    fn deliver<'r>(
        &mut self,
        outcome: Outcome,
        bytes: &'r [u8],
        packet: &'r mut Packet<'r>,
    ) -> Rx<Delivery<'r>> {
        match outcome {
            Outcome::Upper { end, protocol } => {
                self.counters.packets_rx += 1;
                Rx::Item(Delivery::Packet(split(packet, bytes, end, protocol)))
            }
            Outcome::Rejected { end, protocol, problem } => {
                // What the packet carries decides whether an error may be sent (RFC 4443 2.4 (e)), so the rest of the chain belongs
                // to the header. But where the number of a header is the problem, that header is the last one.
                let (end, protocol) = match problem {
                    Problem::ProtocolUnreachable => (end, protocol),
                    _ => chain::end(bytes, protocol, end).unwrap_or((end, protocol)),
                };
                self.reject(split(packet, bytes, end, protocol), problem)
            }
            Outcome::Dropped(reason) => {
                self.drop(reason);
                Rx::Handled
            }
            // Only the chain of a packet that is not put together of fragments ends so, and the caller deals with it.
            Outcome::Fragment { .. } => Rx::Handled,
        }
    }

    #[cold]
    fn drop(&mut self, reason: Reason) {
        *match reason {
            Reason::TooShort => &mut self.counters.bad_length,
            Reason::TooMany => &mut self.counters.long_chains,
            Reason::Option => &mut self.counters.unknown_options,
            Reason::NoNext => &mut self.counters.no_next_header,
            Reason::Nested => &mut self.counters.fragments_malformed,
        } += 1;
    }

    /// Hands up a packet whose headers could not be processed, for its sender to be told.
    #[cold]
    fn reject<'r>(&mut self, packet: &'r Packet<'r>, problem: Problem) -> Rx<Delivery<'r>> {
        self.counters.bad_headers += 1;
        Rx::Item(Delivery::Rejected(packet, problem))
    }

    /// Keeps a fragment, whose Fragment header is at byte `at` and is named at byte `named_at`. Returns the packet if it is whole
    /// now.
    #[inline(never)]
    fn fragment<'r>(
        &mut self,
        now: Instant,
        received: &Received<'r>,
        at: usize,
        named_at: usize,
        packet: &'r mut Packet<'r>,
        region: &'r Region<'_>,
    ) -> Rx<Delivery<'r>> {
        let bytes = received.bytes;
        self.counters.fragments_rx += 1;
        let Ok((header, payload)) = FragmentHeader::ref_from_prefix(&bytes[at..]) else {
            return Rx::Handled;
        };
        let header = *header;
        let behind = at + FRAGMENT_HEADER_LEN;
        let next = Protocol(header.next_header);
        // What a packet carries is in its first fragment. Of the others nothing is known.
        let carried = match header.offset() {
            0 => chain::end(bytes, next, behind),
            _ => Some((at, FRAGMENT)),
        };
        let fragment = Fragment {
            key: Key {
                identification: header.identification.get(),
                source: received.header.source(),
                destination: received.header.destination(),
            },
            offset: header.offset(),
            more: header.more_fragments(),
            ecn: received.header.traffic_class() & 3,
            headers: &bytes[..behind],
            named_at,
            payload,
        };
        if carried.is_none() && payload.len() % 8 == 0 {
            self.counters.incomplete_chains += 1;
            let packet = split(packet, bytes, behind, next);
            return Rx::Item(Delivery::Rejected(packet, Problem::IncompleteChain));
        }
        let (end, protocol) = carried.unwrap_or((behind, next));
        let outcome = self.reassembly.insert(now, &fragment);
        let counters = &mut self.counters;
        counters.reassembly_evicted = self.reassembly.evicted();
        let counter = match outcome {
            Insert::Complete(datagram) => match datagram.packet(region) {
                Ok(whole) => {
                    counters.reassembled += 1;
                    return self.whole(&datagram, whole, received.to_group, packet);
                }
                Err(_) => &mut counters.reassembly_exhausted,
            },
            Insert::Waiting => return Rx::Handled,
            Insert::NotMultipleOf8 | Insert::TooLong => {
                counters.fragments_malformed += 1;
                // The Payload Length field, or the field of the offset (RFC 8200 4.5).
                let octet = match outcome {
                    Insert::TooLong => at as u32 + 2,
                    _ => 4,
                };
                let packet = split(packet, bytes, end, protocol);
                return self.reject(packet, Problem::Parameter(octet));
            }
            Insert::Duplicate => &mut counters.fragments_duplicate,
            Insert::Malformed => &mut counters.fragments_malformed,
            Insert::Overlap => &mut counters.reassembly_overlaps,
            Insert::Refused => &mut counters.fragments_refused,
            Insert::Exhausted(_) => &mut counters.reassembly_exhausted,
        };
        *counter += 1;
        Rx::Handled
    }

    /// Hands up a packet that was put together: `packet` is that of its last fragment.
    fn whole<'r>(
        &mut self,
        datagram: &Datagram<'_>,
        whole: &'r [u8],
        to_group: bool,
        packet: &'r mut Packet<'r>,
    ) -> Rx<Delivery<'r>> {
        let Ok((header, _)) = Ipv6Header::ref_from_prefix(whole) else { return Rx::Handled };
        // What the device says about checksums applies to one frame, and no layer below has seen the whole packet. "Verified" on a
        // fragment is only the word of its sender, and "Blank" covers the bytes to the end of the frame, which is not the end of
        // the packet. So the checksum is verified in either case.
        packet.verify_checksum = true;
        packet.segment_size = None;
        // The header is that of the first fragment. If any fragment met congestion, so did the whole packet.
        packet.ttl = header.hop_limit;
        packet.tos = header.traffic_class();
        if datagram.congestion() {
            packet.tos |= 3;
        }
        self.deliver(chain::follow(whole, to_group, true), whole, packet)
    }
}

#[inline]
fn packet<'r>(frame: &Frame<'_>, received: &Received<'r>) -> Packet<'r> {
    let header = received.header;
    Packet {
        source: header.source().into(),
        destination: header.destination().into(),
        protocol: Protocol(header.next_header),
        ttl: header.hop_limit,
        tos: header.traffic_class(),
        broadcast: received.to_group || frame.destination.is_group(),
        verify_checksum: frame.checksums.must_verify(),
        segment_size: frame.segment_size,
        header: &received.bytes[..HEADER_LEN],
        payload: &received.bytes[HEADER_LEN..],
    }
}

/// `packet` with its headers up to byte `end` of `bytes`, and `protocol` after them.
#[inline]
fn split<'r>(
    packet: &'r mut Packet<'r>,
    bytes: &'r [u8],
    end: usize,
    protocol: Protocol,
) -> &'r Packet<'r> {
    (packet.header, packet.payload) = bytes.split_at(end);
    packet.protocol = protocol;
    packet
}

/// A packet that an error is about, whose headers end at byte `end` of `bytes`, with `protocol` after them.
pub(super) fn quoted<'r>(
    header: &Ipv6Header,
    bytes: &'r [u8],
    end: usize,
    protocol: Protocol,
) -> Packet<'r> {
    let (headers, payload) = bytes.split_at(end);
    Packet {
        source: header.source().into(),
        destination: header.destination().into(),
        protocol,
        ttl: header.hop_limit,
        tos: header.traffic_class(),
        broadcast: false,
        verify_checksum: false,
        segment_size: None,
        header: headers,
        payload,
    }
}

/// The first fragment of a packet that timed out, as it came, or as much as an error quotes. `None` if it has not arrived.
fn first_fragment<'r>(
    datagram: &Datagram<'_>,
    region: &'r Region<'_>,
) -> Result<Option<&'r Packet<'r>>, Exhausted> {
    let first = datagram.fragments().find(|(offset, _)| *offset == 0);
    let (Some(headers), Some((_, payload))) = (datagram.headers(), first) else { return Ok(None) };
    let length = (headers.len() + payload.len()).min(LONGEST_QUOTE.max(headers.len()));
    let bytes = region.alloc_slice_with(length, |_| 0u8)?;
    let (front, back) = bytes.split_at_mut(headers.len());
    front.copy_from_slice(headers);
    back.copy_from_slice(&payload[..back.len()]);
    let bytes = &*bytes;
    let next = Protocol(bytes[headers.len() - FRAGMENT_HEADER_LEN]);
    let behind = headers.len();
    let (end, protocol) = chain::end(bytes, next, behind).unwrap_or((behind, next));
    let Ok((header, _)) = Ipv6Header::ref_from_prefix(bytes) else { return Ok(None) };
    Ok(Some(region.alloc(quoted(header, bytes, end, protocol))?))
}
