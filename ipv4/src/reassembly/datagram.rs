//! One datagram, and what is known of it while fragments are missing.

use core::net::Ipv4Addr;

use layer::Instant;
use network::Protocol;
use rt_regions::{ChunkQueue, Exhausted, Region};

use super::map::Map;
use crate::wire::{MAX_HEADER_LEN, MAX_PACKET_LEN, Parsed};

/// ECN codepoint: the sender does not take part (RFC 3168 5).
const NOT_ECT: u8 = 0;
/// ECN codepoint: a router met congestion.
const CONGESTION_EXPERIENCED: u8 = 3;

/// What the fragments of one datagram have in common (RFC 791 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Who sent it.
    pub source: Ipv4Addr,
    /// Whom it is for.
    pub destination: Ipv4Addr,
    /// What it carries.
    pub protocol: Protocol,
    /// The number that the sender gave it.
    pub identification: u16,
}

/// A datagram of which fragments have come.
#[derive(Debug)]
pub struct Datagram<'p> {
    pub(super) key: Key,
    pub(super) deadline: Instant,
    /// The pieces, numbered by their offset, beside what is known of the datagram.
    pub(super) fragments: ChunkQueue<'p, Known>,
}

#[derive(Debug)]
pub(super) struct Known {
    /// What has come.
    come: Map,
    /// Where a fragment that has come begins.
    begins: Map,
    /// How many bytes have come.
    received: usize,
    /// Where the last fragment ends, once it has come.
    total: Option<usize>,
    /// The highest end of what has come.
    end: usize,
    /// The header of the first fragment, once it has come.
    header: [u8; MAX_HEADER_LEN],
    header_length: usize,
    /// The ECN codepoints of the fragments (RFC 3168 5): bit n is set if one of them has codepoint n.
    ecn: u8,
}

impl Datagram<'_> {
    /// What its fragments have in common.
    pub fn key(&self) -> Key {
        self.key
    }

    /// The header of the first fragment; nothing if that has not come.
    pub fn header(&self) -> Option<&[u8]> {
        let known = self.fragments.value();
        (known.header_length > 0).then(|| &known.header[..known.header_length])
    }

    /// Whether any fragment had met congestion (RFC 3168 5.3).
    pub fn congestion(&self) -> bool {
        self.fragments.value().ecn & 1 << CONGESTION_EXPERIENCED != 0
    }

    /// The pieces that have come, each with its offset, in the order in which they came.
    pub fn fragments(&self) -> impl Iterator<Item = (usize, &[u8])> {
        self.fragments.iter().map(|(offset, bytes)| (offset as usize, bytes))
    }

    /// The payload, put together in `region`.
    ///
    /// # Errors
    /// The region has no room for it.
    pub fn payload<'r>(&self, region: &'r Region<'_>) -> Result<&'r [u8], Exhausted> {
        Ok(self.fragments.gather(self.fragments.value().end, region)?)
    }
}

/// How a fragment fits to those that came before.
pub(super) enum Fit {
    New,
    Duplicate,
    Overlap,
}

impl Known {
    pub(super) fn new() -> Self {
        Self {
            come: Map::EMPTY,
            begins: Map::EMPTY,
            received: 0,
            total: None,
            end: 0,
            header: [0; MAX_HEADER_LEN],
            header_length: 0,
            ecn: 0,
        }
    }

    pub(super) fn is_whole(&self) -> bool {
        self.total == Some(self.received)
    }

    /// Whether no packet can be made of what has come: header and payload would be too long, or some
    /// fragments met congestion and others say that their sender does not know of such a thing
    /// (RFC 3168 5.3).
    pub(super) fn is_impossible(&self) -> bool {
        let contradiction = 1 << CONGESTION_EXPERIENCED | 1 << NOT_ECT;
        self.header_length + self.end > MAX_PACKET_LEN || self.ecn & contradiction == contradiction
    }

    /// Notes that the bytes from `offset` on have come; `more` says that others follow them.
    pub(super) fn note(&mut self, offset: usize, length: usize, more: bool) -> Fit {
        let end = offset + length;
        let (first, last) = (offset / 8, (end - 1) / 8);
        // What comes in order, as most does, lies beyond all that has come.
        if offset < self.end && self.come.any(first, last) {
            let one_piece = self.begins.any(first, first)
                && !self.begins.any(first + 1, last)
                && self.come.all(first, last)
                && (!self.come.any(last + 1, last + 1) || self.begins.any(last + 1, last + 1));
            // The map knows ends to 8 bytes only: what others follow ends before the last fragment does.
            let same_end = match self.total {
                Some(total) if more => end < total,
                total => more || total == Some(end),
            };
            return if one_piece && same_end { Fit::Duplicate } else { Fit::Overlap };
        }
        let contradicts = match self.total {
            Some(total) => !more || end > total,
            None => !more && end < self.end,
        };
        if contradicts {
            return Fit::Overlap;
        }
        self.come.set(first, last);
        self.begins.mark(first);
        self.received += length;
        self.end = self.end.max(end);
        if !more {
            self.total = Some(end);
        }
        Fit::New
    }

    pub(super) fn note_header(&mut self, offset: usize, fragment: &Parsed<'_>) {
        self.ecn |= 1 << (fragment.header.tos & 3);
        if offset == 0 {
            self.header_length = fragment.header_bytes.len();
            self.header[..self.header_length].copy_from_slice(fragment.header_bytes);
        }
    }
}
