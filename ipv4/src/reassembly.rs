//! The reassembly of fragments (RFC 791 3.2, RFC 815): a value without input or output.
//!
//! Every datagram has a region of its own, which is freed in O(1) when the datagram is whole, refused or timed out. Two
//! maps with one bit for each 8 bytes record which bytes have arrived and where the fragments begin, so fragments in
//! any order cost the same. An exact duplicate is ignored. A fragment that overlaps is refused when it arrives, and the
//! whole datagram is dropped. So are later fragments of that datagram, for a second or until another first fragment
//! arrives (RFC 5722's rule; Linux applies it to IPv4 too).
//!
//! The cost of a fragment does not depend on how many datagrams wait. Only making room takes longer: it removes as many
//! datagrams as it must, and counts the pages of each datagram of a source that has many.

use core::time::Duration;

use layer::{Instant, TableHash};
use network::{Fit, Protocol};
use rt_regions::{ChunkQueue, Exhausted, PAGE_SIZE, Pool, Region};

use crate::wire::{MAX_PACKET_LEN, Parsed};

mod datagram;
mod refused;
mod rings;
mod table;

use datagram::Known;
pub use datagram::{Datagram, Key};
use refused::Refused;
use table::Table;

/// Limits for the datagrams that wait, and for how long they wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most datagrams that wait at once. One more displaces the oldest.
    pub datagrams: usize,
    /// The most bytes that wait at once, in whole pages. If there would be more, the oldest datagram is dropped.
    pub bytes: usize,
    /// The most bytes of one source that wait at once, in whole pages. If there would be more, the oldest datagram of
    /// that source is dropped.
    pub bytes_per_source: usize,
    /// How long a datagram waits after the fragment that arrived first. RFC 1122 3.3.2 recommends 60 to 120 s; 30 s is
    /// Linux's value, and halves what a flood can hold.
    pub timeout: Duration,
}

impl Limits {
    /// The default limits for `pool`: a quarter of the pool, half of that for one source, 30 s, and as many datagrams
    /// as there are pages in that quarter (each takes at least one), but at most 256.
    pub fn for_pool(pool: &Pool<'_>) -> Self {
        let pages = pool.pages() / 4;
        let bytes = pages * PAGE_SIZE;
        Self {
            datagrams: pages.clamp(1, 256),
            bytes,
            bytes_per_source: bytes / 2,
            timeout: Duration::from_secs(30),
        }
    }
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
    /// The fragment overlaps or contradicts an earlier one: the whole datagram was dropped.
    Overlap,
    /// The fragment was dropped: an earlier fragment of its datagram overlapped less than a second ago, and no first
    /// fragment has arrived since.
    Refused,
    /// The fragment cannot be part of a datagram: it is empty, extends beyond 65,535 bytes, or has a length that is not
    /// a multiple of 8 bytes though others follow. Or it was the last one that was missing, and the fragments make no
    /// valid packet: with the header it is too long, or the ECN codepoints contradict each other (RFC 3168 5.3).
    Malformed,
    /// There was no memory for the fragment: its datagram was dropped.
    Exhausted(Exhausted),
}

/// The datagrams that wait for fragments.
#[derive(Debug)]
pub struct Reassembly<'p> {
    table: Table<'p>,
    pool: &'p Pool<'p>,
    limits: Limits,
    refused: Refused,
    /// How many datagrams were dropped to make room.
    evicted: u64,
}

impl<'p> Reassembly<'p> {
    /// An empty value. Its table is in `region`; the datagrams will be in regions of `pool`. The secret of `hash` keeps
    /// others from choosing datagrams that share one place of the table.
    ///
    /// # Errors
    /// The region has no room for the table.
    pub fn new(
        limits: Limits,
        hash: TableHash,
        pool: &'p Pool<'p>,
        region: &'p Region<'_>,
    ) -> Result<Self, Exhausted> {
        let table = Table::new(limits.datagrams.max(1), hash, region)?;
        Ok(Self { table, pool, limits, refused: Refused::NONE, evicted: 0 })
    }

    /// How many datagrams are waiting.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether none is waiting.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many datagrams were dropped to make room for others.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// When to call [`expire`](Self::expire).
    #[inline]
    pub fn next_deadline(&self) -> Option<Instant> {
        // Time never goes back, so the oldest datagram is due first.
        Some(self.table.get(self.table.oldest()?)?.deadline)
    }

    /// Takes out a datagram that has timed out. The caller repeats this until it is `None`.
    #[inline]
    pub fn expire(&mut self, now: Instant) -> Option<Datagram<'p>> {
        if self.next_deadline().is_none_or(|deadline| now < deadline) {
            return None;
        }
        self.take_oldest()
    }

    /// Keeps a fragment, and returns the datagram if it is whole now.
    pub fn insert(&mut self, now: Instant, fragment: &Parsed<'_>) -> Insert<'p> {
        let (offset, length) = (fragment.header.offset(), fragment.payload.len());
        let more = fragment.header.more_fragments();
        let longest = MAX_PACKET_LEN - fragment.header_bytes.len();
        if length == 0 || more && length % 8 != 0 || offset + length > longest {
            return Insert::Malformed;
        }
        let key = Key {
            source: fragment.header.source(),
            destination: fragment.header.destination(),
            protocol: Protocol(fragment.header.protocol),
            identification: fragment.header.identification.get(),
        };
        if self.refused.contains(now, key, offset) {
            return Insert::Refused;
        }
        let place = match self.table.find(&key) {
            Some(place) => place,
            None => match self.open(now, key) {
                Ok(place) => place,
                Err(exhausted) => return Insert::Exhausted(exhausted),
            },
        };
        // The datagram was found or opened at this place.
        let Some(Datagram { fragments, .. }) = self.table.get_mut(place) else {
            return Insert::Waiting;
        };
        match fragments.value_mut().arrived.note(offset, length, more) {
            Fit::New => {}
            Fit::Duplicate => return Insert::Duplicate,
            Fit::Overlap => {
                self.table.remove(place);
                self.refused.note(now, key);
                return Insert::Overlap;
            }
        }
        fragments.value_mut().note_header(offset, fragment);
        let pages = fragments.pages();
        if let Err(exhausted) = fragments.push(offset as u32, fragment.payload) {
            self.table.remove(place);
            return Insert::Exhausted(exhausted);
        }
        if fragments.value().arrived.is_whole() {
            let impossible = fragments.value().is_impossible();
            return match self.table.remove(place) {
                Some(datagram) if !impossible => Insert::Complete(datagram),
                _ => Insert::Malformed,
            };
        }
        if fragments.pages() > pages {
            self.table.count_pages(place);
            self.make_room(key, 0);
        }
        Insert::Waiting
    }

    /// Makes room for a datagram, and opens a place for it.
    fn open(&mut self, now: Instant, key: Key) -> Result<usize, Exhausted> {
        if self.table.is_full()
            && let Some(oldest) = self.table.oldest()
        {
            self.evict(oldest);
        }
        self.make_room(key, size_of::<Known>());
        let fragments = ChunkQueue::new(Region::new(self.pool, "ipv4.reassembly"), Known::new())?;
        Ok(self.table.add(Datagram { key, deadline: now + self.limits.timeout, fragments }))
    }

    /// Drops the oldest datagrams, first those of the same source, until those that wait, and `more` bytes, are within
    /// the limits. The datagram of `key` may be among those dropped.
    fn make_room(&mut self, key: Key, more: usize) {
        let more = more.next_multiple_of(PAGE_SIZE);
        // One source cannot have more than all sources together.
        let least = self.limits.bytes_per_source.min(self.limits.bytes);
        if self.table.pages() * PAGE_SIZE + more <= least {
            return;
        }
        while let (Some(oldest), pages) = self.table.of_source(key.source)
            && pages * PAGE_SIZE + more > self.limits.bytes_per_source
        {
            self.evict(oldest);
        }
        while let Some(oldest) = self.table.oldest()
            && self.table.pages() * PAGE_SIZE + more > self.limits.bytes
        {
            self.evict(oldest);
        }
    }

    #[cold]
    fn take_oldest(&mut self) -> Option<Datagram<'p>> {
        self.table.remove(self.table.oldest()?)
    }

    fn evict(&mut self, place: usize) {
        self.evicted += 1;
        self.table.remove(place);
    }
}

#[cfg(test)]
mod tests;
