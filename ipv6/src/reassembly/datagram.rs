//! One packet, and its state while fragments are missing.

use core::net::Ipv6Addr;

use layer::Instant;
use network::Arrived;
use rt_regions::{ChunkQueue, Exhausted, Region};

use super::Fragment;
use crate::{
    fragment::FRAGMENT_HEADER_LEN,
    wire::{HEADER_LEN, MAX_PAYLOAD_LEN},
};

/// ECN codepoint: the sender does not support ECN (RFC 3168 5).
const NOT_ECT: u8 = 0;
/// ECN codepoint: a router experienced congestion.
const CONGESTION_EXPERIENCED: u8 = 3;

/// The number of the chunk that holds the headers of the first fragment. No fragment begins there.
pub(super) const HEADERS: u32 = u32::MAX;

/// Where the IPv6 header holds the length of the payload, in bytes.
const PAYLOAD_LENGTH: core::ops::Range<usize> = 4..6;

/// The fields that the fragments of one packet have in common (RFC 8200 4.5). What the fragmented part begins with is not among
/// them: it is the word of the first fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// The number that the sender gave the packet.
    pub identification: u32,
    /// The source address.
    pub source: Ipv6Addr,
    /// The destination address.
    pub destination: Ipv6Addr,
}

/// A packet of which fragments have arrived.
#[derive(Debug)]
pub struct Datagram<'p> {
    pub(super) key: Key,
    pub(super) deadline: Instant,
    /// How many of its pages are included in the total.
    pub(super) pages: usize,
    /// The fragments, numbered by their offset, and the state of the packet; `None` if it was refused.
    pub(super) fragments: Option<ChunkQueue<'p, Known>>,
}

#[derive(Debug)]
pub(super) struct Known {
    pub(super) arrived: Arrived,
    /// The length of the headers of the first fragment, the Fragment header included, or 0 until it has arrived.
    headers: usize,
    /// Where in them the field is that names the Fragment header.
    named_at: usize,
    /// The ECN codepoints of the fragments (RFC 3168 5): bit n is set if one of them has codepoint n.
    ecn: u8,
}

impl<'p> Datagram<'p> {
    pub(super) fn new(key: Key, deadline: Instant, fragments: ChunkQueue<'p, Known>) -> Self {
        Self { key, deadline, pages: 0, fragments: Some(fragments) }
    }

    /// The fields that its fragments have in common.
    pub fn key(&self) -> Key {
        self.key
    }

    /// Whether its fragments were dropped because they overlapped.
    pub fn is_refused(&self) -> bool {
        self.fragments.is_none()
    }

    /// The headers of the first fragment as they came, up to its Fragment header, or `None` if it has not arrived.
    pub fn headers(&self) -> Option<&[u8]> {
        let mut chunks = self.fragments.as_ref()?.iter();
        chunks.find_map(|(number, bytes)| (number == HEADERS).then_some(bytes))
    }

    /// Whether any fragment met congestion (RFC 3168 5.3).
    pub fn congestion(&self) -> bool {
        let known = self.fragments.as_ref().map(ChunkQueue::value);
        known.is_some_and(|known| known.ecn & 1 << CONGESTION_EXPERIENCED != 0)
    }

    /// The fragments that have arrived, each with its offset, in the order in which they arrived.
    pub fn fragments(&self) -> impl Iterator<Item = (usize, &[u8])> {
        let all = self.fragments.iter().flat_map(ChunkQueue::iter);
        all.filter(|(number, _)| *number != HEADERS).map(|(offset, bytes)| (offset as usize, bytes))
    }

    /// The whole packet, assembled in `region`: the headers of the first fragment without its Fragment header, and the fragmented
    /// part, with the next header and the payload length that this has (RFC 8200 4.5). Of a packet of which the first fragment is
    /// missing, it is empty.
    ///
    /// # Errors
    /// The region has no room for the packet.
    pub fn packet<'r>(&self, region: &'r Region<'_>) -> Result<&'r [u8], Exhausted> {
        let (Some(headers), Some(fragments)) = (self.headers(), &self.fragments) else {
            return Ok(&[]);
        };
        let known = fragments.value();
        // What is in the Fragment header goes, except what it names.
        let Some((headers, &[next, ..])) = headers.split_last_chunk::<FRAGMENT_HEADER_LEN>() else {
            return Ok(&[]);
        };
        let length = headers.len() + known.arrived.end();
        let packet = region.alloc_slice_with(length, |_| 0u8)?;
        let (front, part) = packet.split_at_mut(headers.len());
        front.copy_from_slice(headers);
        front[known.named_at] = next;
        let payload = length.saturating_sub(HEADER_LEN) as u16;
        front[PAYLOAD_LENGTH].copy_from_slice(&payload.to_be_bytes());
        for (offset, bytes) in self.fragments() {
            part[offset..offset + bytes.len()].copy_from_slice(bytes);
        }
        Ok(packet)
    }
}

impl Known {
    pub(super) fn new() -> Self {
        Self { arrived: Arrived::NOTHING, headers: 0, named_at: 0, ecn: 0 }
    }

    /// Whether the fragments make no valid packet: with the extension headers of the first one it is too long, or some fragments
    /// met congestion and others say that their sender does not support ECN (RFC 3168 5.3).
    pub(super) fn is_impossible(&self) -> bool {
        let contradiction = 1 << CONGESTION_EXPERIENCED | 1 << NOT_ECT;
        let before = self.headers.saturating_sub(HEADER_LEN + FRAGMENT_HEADER_LEN);
        before + self.arrived.end() > MAX_PAYLOAD_LEN || self.ecn & contradiction == contradiction
    }

    pub(super) fn note_headers(&mut self, fragment: &Fragment<'_>) {
        self.ecn |= 1 << (fragment.ecn & 3);
        if fragment.offset == 0 {
            (self.headers, self.named_at) = (fragment.headers.len(), fragment.named_at);
        }
    }
}
