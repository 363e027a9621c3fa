//! Fragments, until their datagram is whole (RFC 791 3.2, RFC 815): a value, no I/O.
//!
//! Every datagram has a region of its own, which goes in O(1) when the datagram is whole, refused or
//! timed out. Two maps of one bit for each 8 bytes say what has arrived and where the pieces begin, so a
//! fragment in any order costs the same, and one that overlaps is refused when it arrives: the whole
//! datagram goes, with what still arrives of it (RFC 5722's rule; Linux applies it to IPv4 too) within a
//! second and before another first fragment. An exact duplicate is ignored. Nothing takes longer when many
//! datagrams wait, but for what makes room: it takes out as many as it must, and counts the pages of a source that has
//! many datagrams one by one.

use core::time::Duration;

use layer::{Instant, TableHash};
use network::Protocol;
use rt_regions::{ChunkQueue, Exhausted, PAGE_SIZE, Pool, Region};

use crate::wire::{MAX_PACKET_LEN, Parsed};

mod datagram;
mod map;
mod refused;
mod rings;
mod table;

pub use datagram::{Datagram, Key};
use datagram::{Fit, Known};
use refused::Refused;
use table::Table;

/// How much may wait, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Datagrams at once. When one more comes, the oldest goes.
    pub datagrams: usize,
    /// Bytes at once, in whole pages. When it would be more, the oldest datagram goes.
    pub bytes: usize,
    /// Bytes of one source at once, in whole pages. When it would be more, its oldest datagram goes.
    pub bytes_per_source: usize,
    /// How long a datagram waits after its first fragment came. RFC 1122 3.3.2 recommends 60 to
    /// 120 s; 30 s is Linux's value, and halves what a flood can hold.
    pub timeout: Duration,
}

impl Limits {
    /// A quarter of the pool, half of that for one source, as many datagrams as there are pages in it
    /// (each takes one at least) but not more than 256, 30 s.
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

/// What became of a fragment.
#[derive(Debug)]
pub enum Insert<'p> {
    /// It was kept; others are missing.
    Waiting,
    /// It was the last that was missing.
    Complete(Datagram<'p>),
    /// It had come before.
    Duplicate,
    /// It overlaps what came before, or contradicts it: the whole datagram was dropped.
    Overlap,
    /// An earlier fragment of its datagram overlapped, less than a second ago, and no first fragment came since:
    /// it is dropped like the others.
    Refused,
    /// It cannot be part of a datagram: not a multiple of 8 bytes though others follow, empty, or
    /// beyond 65,535 bytes. Or it was the last that was missing, and no packet can be made of them:
    /// too long with the header, or of two minds about congestion (RFC 3168 5.3).
    Malformed,
    /// There was no room for it: its datagram was dropped.
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
    /// No datagrams; their table is in `region`, they will be in regions of `pool`. The secret of `hash` keeps others
    /// from choosing datagrams that are all in one place of the table.
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

    /// When [`expire`](Self::expire) has something to do.
    #[inline]
    pub fn next_deadline(&self) -> Option<Instant> {
        // Time never goes back, so the oldest is due first.
        Some(self.table.get(self.table.oldest()?)?.deadline)
    }

    /// Takes out a datagram whose time is over; ask again until there is none.
    #[inline]
    pub fn expire(&mut self, now: Instant) -> Option<Datagram<'p>> {
        if self.next_deadline().is_none_or(|deadline| now < deadline) {
            return None;
        }
        self.take_oldest()
    }

    /// Keeps a fragment, and gives the datagram if it is whole now.
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
        // It was found or opened there.
        let Some(Datagram { fragments, .. }) = self.table.get_mut(place) else {
            return Insert::Waiting;
        };
        match fragments.value_mut().note(offset, length, more) {
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
        if fragments.value().is_whole() {
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

    /// Opens a place for a datagram, after making room for it.
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

    /// Drops the oldest datagrams until what waits, and `more` bytes, is inside the limits: first those
    /// of the same source, then any. The datagram of `key` may be among them.
    fn make_room(&mut self, key: Key, more: usize) {
        let more = more.next_multiple_of(PAGE_SIZE);
        // One source has no more than all have.
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
