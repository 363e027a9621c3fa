//! One datagram, and its state while fragments are missing.

use core::net::Ipv4Addr;

use layer::Instant;
use network::{Arrived, Protocol};
use rt_regions::{ChunkQueue, Exhausted, Region};

use crate::wire::{MAX_HEADER_LEN, MAX_PACKET_LEN, Parsed};

/// ECN codepoint: the sender does not support ECN (RFC 3168 5).
const NOT_ECT: u8 = 0;
/// ECN codepoint: a router experienced congestion.
const CONGESTION_EXPERIENCED: u8 = 3;

/// The fields that the fragments of one datagram have in common (RFC 791 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// The source address.
    pub source: Ipv4Addr,
    /// The destination address.
    pub destination: Ipv4Addr,
    /// The protocol of the payload.
    pub protocol: Protocol,
    /// The number that the sender gave the datagram.
    pub identification: u16,
}

/// A datagram of which fragments have arrived.
#[derive(Debug)]
pub struct Datagram<'p> {
    pub(super) key: Key,
    pub(super) deadline: Instant,
    /// The fragments, numbered by their offset, and the state of the datagram.
    pub(super) fragments: ChunkQueue<'p, Known>,
}

#[derive(Debug)]
pub(super) struct Known {
    pub(super) arrived: Arrived,
    /// The header of the first fragment, once it has arrived.
    header: [u8; MAX_HEADER_LEN],
    header_length: usize,
    /// The ECN codepoints of the fragments (RFC 3168 5): bit n is set if one of them has codepoint n.
    ecn: u8,
}

impl Datagram<'_> {
    /// The fields that its fragments have in common.
    pub fn key(&self) -> Key {
        self.key
    }

    /// The header of the first fragment, or `None` if that has not arrived.
    pub fn header(&self) -> Option<&[u8]> {
        let known = self.fragments.value();
        (known.header_length > 0).then(|| &known.header[..known.header_length])
    }

    /// Whether any fragment met congestion (RFC 3168 5.3).
    pub fn congestion(&self) -> bool {
        self.fragments.value().ecn & 1 << CONGESTION_EXPERIENCED != 0
    }

    /// The fragments that have arrived, each with its offset, in the order in which they arrived.
    pub fn fragments(&self) -> impl Iterator<Item = (usize, &[u8])> {
        self.fragments.iter().map(|(offset, bytes)| (offset as usize, bytes))
    }

    /// The payload, assembled in `region`.
    ///
    /// # Errors
    /// The region has no room for the payload.
    pub fn payload<'r>(&self, region: &'r Region<'_>) -> Result<&'r [u8], Exhausted> {
        Ok(self.fragments.gather(self.fragments.value().arrived.end(), region)?)
    }
}

impl Known {
    pub(super) fn new() -> Self {
        Self { arrived: Arrived::NOTHING, header: [0; MAX_HEADER_LEN], header_length: 0, ecn: 0 }
    }

    /// Whether the fragments make no valid packet: header and payload would be too long, or some fragments met
    /// congestion and others say that their sender does not support ECN (RFC 3168 5.3).
    pub(super) fn is_impossible(&self) -> bool {
        let contradiction = 1 << CONGESTION_EXPERIENCED | 1 << NOT_ECT;
        self.header_length + self.arrived.end() > MAX_PACKET_LEN
            || self.ecn & contradiction == contradiction
    }

    pub(super) fn note_header(&mut self, offset: usize, fragment: &Parsed<'_>) {
        self.ecn |= 1 << (fragment.header.tos & 3);
        if offset == 0 {
            self.header_length = fragment.header_bytes.len();
            self.header[..self.header_length].copy_from_slice(fragment.header_bytes);
        }
    }
}
