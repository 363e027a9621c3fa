//! The reassembly of fragments (RFC 8200 4.5): a value without input or output.
//!
//! Every packet has a region of its own, which is freed in O(1) when the packet is whole, refused or timed out. Two maps with one
//! bit for each 8 bytes record which bytes have arrived and where the fragments begin, so fragments in any order cost the same. An
//! exact duplicate is ignored: one with the same place and length, whatever is in it. At a fragment that overlaps, all fragments of
//! the packet are dropped. The packet stays in the list without memory, so that those that still come are dropped too, until its
//! time is over (RFC 5722 4).
//!
//! The cost of a fragment is bounded by the number of packets that wait, which is at most 256 by default: they are in a list by
//! age, which is searched. `ipv4` finds its datagrams by a hash. It also has other keys, other errors and another header to keep,
//! so each has its own table.

use core::time::Duration;

use layer::Instant;
use network::Fit;
use rt_regions::{ChunkQueue, Exhausted, PAGE_SIZE, Pool, Region};

use crate::{
    fragment::FRAGMENT_HEADER_LEN,
    wire::{HEADER_LEN, MAX_PAYLOAD_LEN},
};

mod datagram;
mod waiting;

pub use datagram::{Datagram, Key};
use datagram::{HEADERS, Known};
use waiting::Waiting;

/// Limits for the packets that wait, and for how long they wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most packets that wait at once. One more displaces the oldest. A fragment costs time in proportion to it.
    pub datagrams: usize,
    /// The most bytes that wait at once, in whole pages. If there would be more, the oldest packet is dropped.
    pub bytes: usize,
    /// The most bytes of one source that wait at once, in whole pages. If there would be more, the oldest packet of that source is
    /// dropped.
    pub bytes_per_source: usize,
    /// How long a packet waits after the fragment that arrived first: 60 s (RFC 8200 4.5).
    pub timeout: Duration,
}

impl Limits {
    /// The default limits for `pool`: a quarter of the pool, half of that for one source, 60 s, and as many packets as there are
    /// pages in that quarter (each takes at least one), but at most 256.
    pub fn for_pool(pool: &Pool<'_>) -> Self {
        let pages = pool.pages() / 4;
        let bytes = pages * PAGE_SIZE;
        Self {
            datagrams: pages.clamp(1, 256),
            bytes,
            bytes_per_source: bytes / 2,
            timeout: Duration::from_secs(60),
        }
    }
}

/// A fragment, which came in a packet.
#[derive(Clone, Copy, Debug)]
pub struct Fragment<'a> {
    /// What the fragments of one packet have in common.
    pub key: Key,
    /// Where the fragment begins in the fragmented part, in bytes: a multiple of 8.
    pub offset: usize,
    /// Whether others follow.
    pub more: bool,
    /// The ECN codepoint of the packet (RFC 3168 5): 0 to 3.
    pub ecn: u8,
    /// The headers of the packet, from the IPv6 header to the Fragment header, which is the last.
    pub headers: &'a [u8],
    /// The position in `headers` of the field that names the Fragment header.
    pub named_at: usize,
    /// What follows the Fragment header.
    pub payload: &'a [u8],
}

/// The effect of a fragment.
#[derive(Debug)]
pub enum Insert<'p> {
    /// The fragment was kept; others are missing.
    Waiting,
    /// The fragment was the last one that was missing.
    Complete(Datagram<'p>),
    /// The fragment had arrived before.
    Duplicate,
    /// The fragment overlaps or contradicts an earlier one: the whole packet was dropped.
    Overlap,
    /// The fragment was dropped: an earlier fragment of its packet overlapped.
    Refused,
    /// The fragment was dropped: others follow, and its length is not a multiple of 8 bytes.
    NotMultipleOf8,
    /// The fragment was dropped: with it, the payload of the packet would be longer than 65,535 bytes.
    TooLong,
    /// The fragment is empty. Or it was the last one that was missing, and the fragments make no valid packet: with the headers of
    /// the first one it is too long, or the ECN codepoints contradict each other (RFC 3168 5.3).
    Malformed,
    /// There was no memory for the fragment: its packet was dropped.
    Exhausted(Exhausted),
}

/// The packets that wait for fragments.
#[derive(Debug)]
pub struct Reassembly<'p> {
    waiting: Waiting<'p>,
    pool: &'p Pool<'p>,
    limits: Limits,
    /// How many packets were dropped to make room.
    evicted: u64,
}

impl<'p> Reassembly<'p> {
    /// An empty value. Its list is in `region`; the packets will be in regions of `pool`.
    ///
    /// # Errors
    /// The region has no room for the list.
    pub fn new(
        limits: Limits,
        pool: &'p Pool<'p>,
        region: &'p Region<'_>,
    ) -> Result<Self, Exhausted> {
        let waiting = Waiting::new(limits.datagrams.max(1), region)?;
        Ok(Self { waiting, pool, limits, evicted: 0 })
    }

    /// How many packets are waiting, those included that were refused a short time ago.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none is waiting.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many packets were dropped to make room for others.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// When to call [`expire`](Self::expire).
    #[inline]
    pub fn next_deadline(&self) -> Option<Instant> {
        // Time never goes back, so the oldest packet is due first.
        Some(self.waiting.oldest()?.deadline)
    }

    /// Takes out a packet that has timed out, or that was refused. The caller repeats this until it is `None`.
    #[inline]
    pub fn expire(&mut self, now: Instant) -> Option<Datagram<'p>> {
        if self.next_deadline().is_none_or(|deadline| now < deadline) {
            return None;
        }
        self.waiting.remove(0)
    }

    /// Keeps a fragment, and returns the packet if it is whole now.
    pub fn insert(&mut self, now: Instant, fragment: &Fragment<'_>) -> Insert<'p> {
        let (key, offset, length) = (fragment.key, fragment.offset, fragment.payload.len());
        if fragment.more && length % 8 != 0 {
            return Insert::NotMultipleOf8;
        }
        // The extension headers before the Fragment header count as well.
        let before = fragment.headers.len().saturating_sub(HEADER_LEN + FRAGMENT_HEADER_LEN);
        if before + offset + length > MAX_PAYLOAD_LEN {
            return Insert::TooLong;
        }
        if length == 0 {
            return Insert::Malformed;
        }
        let place = match self.waiting.find(&key) {
            Some(place) => place,
            None => match self.open(now, key) {
                Ok(place) => place,
                Err(exhausted) => return Insert::Exhausted(exhausted),
            },
        };
        // The packet was found or opened at this place. It has no memory if it was refused.
        let Some(fragments) = self.waiting.fragments(place) else { return Insert::Refused };
        match fragments.value_mut().arrived.note(offset, length, fragment.more) {
            Fit::New => {}
            Fit::Duplicate => return Insert::Duplicate,
            Fit::Overlap => {
                self.waiting.refuse(place);
                return Insert::Overlap;
            }
        }
        let pages = fragments.pages();
        fragments.value_mut().note_headers(fragment);
        let kept = match offset {
            0 => fragments.push(HEADERS, fragment.headers),
            _ => Ok(()),
        };
        if let Err(exhausted) = kept.and_then(|()| fragments.push(offset as u32, fragment.payload))
        {
            self.waiting.remove(place);
            return Insert::Exhausted(exhausted);
        }
        if fragments.value().arrived.is_whole() {
            let impossible = fragments.value().is_impossible();
            return match self.waiting.remove(place) {
                Some(datagram) if !impossible => Insert::Complete(datagram),
                _ => Insert::Malformed,
            };
        }
        if fragments.pages() > pages {
            self.waiting.count_pages(place);
            self.make_room(key, 0);
        }
        Insert::Waiting
    }

    /// Makes room for a packet, and opens a place for it.
    fn open(&mut self, now: Instant, key: Key) -> Result<usize, Exhausted> {
        if self.waiting.is_full() {
            self.evict(0);
        }
        self.make_room(key, size_of::<Known>());
        let fragments = ChunkQueue::new(Region::new(self.pool, "ipv6.reassembly"), Known::new())?;
        self.waiting.add(Datagram::new(key, now + self.limits.timeout, fragments))
    }

    /// Drops the oldest packets, first those of the same source, until those that wait, and `more` bytes, are within the limits.
    /// The packet of `key` may be among those dropped.
    fn make_room(&mut self, key: Key, more: usize) {
        let more = more.next_multiple_of(PAGE_SIZE);
        // One source cannot have more than all sources together.
        let least = self.limits.bytes_per_source.min(self.limits.bytes);
        if self.waiting.pages() * PAGE_SIZE + more <= least {
            return;
        }
        while let (Some(oldest), pages) = self.waiting.of_source(key.source)
            && pages * PAGE_SIZE + more > self.limits.bytes_per_source
        {
            self.evict(oldest);
        }
        while let Some(oldest) = self.waiting.oldest_with_pages()
            && self.waiting.pages() * PAGE_SIZE + more > self.limits.bytes
        {
            self.evict(oldest);
        }
    }

    fn evict(&mut self, place: usize) {
        self.evicted += 1;
        self.waiting.remove(place);
    }
}

#[cfg(test)]
mod tests;
