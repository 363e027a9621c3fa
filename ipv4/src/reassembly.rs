//! Fragments, until their datagram is whole (RFC 791 3.2, RFC 815): a value, no I/O.
//!
//! Every datagram has a region of its own, which goes in O(1) when the datagram is whole, refused or
//! timed out. Two maps of one bit for each 8 bytes say what has arrived and where the pieces begin, so a
//! fragment in any order costs the same, and one that overlaps is refused when it arrives: the whole datagram goes, and what
//! still arrives of it cannot complete (RFC 5722's rule; Linux applies it to IPv4 too). An exact
//! duplicate is ignored.

use core::{net::Ipv4Addr, time::Duration};

use netif::Instant;
use network::Protocol;
use rt_regions::{Exhausted, PAGE_SIZE, Parcels, Pool, Region, RegionVec};

use crate::wire::{MAX_HEADER_LEN, MAX_PACKET_LEN, Parsed};

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
    /// It cannot be part of a datagram: not a multiple of 8 bytes though others follow, empty, or
    /// beyond 65,535 bytes.
    Malformed,
    /// There was no room for it: its datagram was dropped.
    Exhausted(Exhausted),
}

/// A datagram of which fragments have come.
#[derive(Debug)]
pub struct Datagram<'p> {
    key: Key,
    deadline: Instant,
    /// The pieces, numbered by their offset, beside what is known of the datagram.
    fragments: Parcels<'p, Known>,
}

#[derive(Debug)]
struct Known {
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
    /// Whether a router marked any of the fragments as having met congestion (RFC 3168 5.3).
    congestion: bool,
}

/// The datagrams that wait for fragments.
#[derive(Debug)]
pub struct Reassembly<'p> {
    /// In any order; only the places in use.
    datagrams: RegionVec<'p, Datagram<'p>>,
    pool: &'p Pool<'p>,
    limits: Limits,
    /// No datagram times out before this.
    next_deadline: Option<Instant>,
    /// How many datagrams were dropped to make room.
    evicted: u64,
}

impl<'p> Reassembly<'p> {
    /// No datagrams; their table is in `region`, they will be in regions of `pool`.
    ///
    /// # Errors
    /// The region has no room for the table.
    pub fn new(
        limits: Limits,
        pool: &'p Pool<'p>,
        region: &'p Region<'_>,
    ) -> Result<Self, Exhausted> {
        let datagrams = RegionVec::with_capacity(limits.datagrams.max(1), region)?;
        Ok(Self { datagrams, pool, limits, next_deadline: None, evicted: 0 })
    }

    /// How many datagrams are waiting.
    pub fn len(&self) -> usize {
        self.datagrams.len()
    }

    /// Whether none is waiting.
    pub fn is_empty(&self) -> bool {
        self.datagrams.is_empty()
    }

    /// How many datagrams were dropped to make room for others.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// When [`expire`](Self::expire) has something to do.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.next_deadline
    }

    /// Takes out a datagram whose time is over; ask again until there is none.
    pub fn expire(&mut self, now: Instant) -> Option<Datagram<'p>> {
        if self.next_deadline.is_none_or(|deadline| now < deadline) {
            return None;
        }
        let oldest = self.oldest(|_| true)?;
        if now < self.datagrams[oldest].deadline {
            self.next_deadline = Some(self.datagrams[oldest].deadline);
            return None;
        }
        Some(self.remove(oldest))
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
        let index = match self.datagrams.iter().position(|datagram| datagram.key == key) {
            Some(index) => index,
            None => match self.open(now, key) {
                Ok(index) => index,
                Err(exhausted) => return Insert::Exhausted(exhausted),
            },
        };
        let fragments = &mut self.datagrams[index].fragments;
        match fragments.value_mut().note(offset, length, more) {
            Fit::New => {}
            Fit::Duplicate => return Insert::Duplicate,
            Fit::Overlap => {
                self.remove(index);
                return Insert::Overlap;
            }
        }
        fragments.value_mut().note_header(offset, fragment);
        let pages = fragments.pages();
        if let Err(exhausted) = fragments.push(offset as u32, fragment.payload) {
            self.remove(index);
            return Insert::Exhausted(exhausted);
        }
        if fragments.value().is_whole() {
            let too_long = fragments.value().is_too_long();
            let datagram = self.remove(index);
            return if too_long { Insert::Malformed } else { Insert::Complete(datagram) };
        }
        if fragments.pages() > pages {
            self.make_room(key, 0);
        }
        Insert::Waiting
    }

    /// Opens a place for a datagram, after making room for it.
    fn open(&mut self, now: Instant, key: Key) -> Result<usize, Exhausted> {
        if self.datagrams.len() == self.datagrams.capacity()
            && let Some(oldest) = self.oldest(|_| true)
        {
            self.evict(oldest);
        }
        self.make_room(key, size_of::<Known>());
        let fragments = Parcels::new(Region::new(self.pool, "ipv4.reassembly"), Known::new())?;
        let deadline = now + self.limits.timeout;
        self.next_deadline = Some(self.next_deadline.map_or(deadline, |next| next.min(deadline)));
        self.datagrams.push(Datagram { key, deadline, fragments })?;
        Ok(self.datagrams.len() - 1)
    }

    /// Drops the oldest datagrams until what waits, and `more` bytes, is inside the limits: first those
    /// of the same source, then any. The datagram of `key` may be among them.
    fn make_room(&mut self, key: Key, more: usize) {
        let more = more.next_multiple_of(PAGE_SIZE);
        let of_source = |datagram: &Datagram<'_>| datagram.key.source == key.source;
        while self.bytes(of_source) + more > self.limits.bytes_per_source
            && let Some(oldest) = self.oldest(of_source)
        {
            self.evict(oldest);
        }
        while self.bytes(|_| true) + more > self.limits.bytes
            && let Some(oldest) = self.oldest(|_| true)
        {
            self.evict(oldest);
        }
    }

    fn bytes(&self, which: impl Fn(&Datagram<'_>) -> bool) -> usize {
        let pages = |datagram: &Datagram<'_>| datagram.fragments.pages();
        self.datagrams.iter().filter(|d| which(d)).map(pages).sum::<usize>() * PAGE_SIZE
    }

    fn oldest(&self, which: impl Fn(&Datagram<'_>) -> bool) -> Option<usize> {
        let candidates = self.datagrams.iter().enumerate().filter(|(_, d)| which(d));
        candidates.min_by_key(|(_, datagram)| datagram.deadline).map(|(index, _)| index)
    }

    fn evict(&mut self, index: usize) {
        self.evicted += 1;
        self.remove(index);
    }

    fn remove(&mut self, index: usize) -> Datagram<'p> {
        let datagram = self.datagrams.swap_remove(index);
        if self.datagrams.is_empty() {
            self.next_deadline = None;
        }
        datagram
    }
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
        self.fragments.value().congestion
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
        let length = self.fragments.value().end;
        let payload = region.alloc_slice_with(length, |_| 0u8)?;
        for (offset, bytes) in self.fragments() {
            payload[offset..offset + bytes.len()].copy_from_slice(bytes);
        }
        Ok(payload)
    }
}

/// How a fragment fits to those that came before.
enum Fit {
    New,
    Duplicate,
    Overlap,
}

impl Known {
    fn new() -> Self {
        Self {
            come: Map::EMPTY,
            begins: Map::EMPTY,
            received: 0,
            total: None,
            end: 0,
            header: [0; MAX_HEADER_LEN],
            header_length: 0,
            congestion: false,
        }
    }

    fn is_whole(&self) -> bool {
        self.total == Some(self.received)
    }

    /// Whether header and payload are more than a packet can have.
    fn is_too_long(&self) -> bool {
        self.header_length + self.end > MAX_PACKET_LEN
    }

    /// Notes that the bytes from `offset` on have come; `more` says that others follow them.
    fn note(&mut self, offset: usize, length: usize, more: bool) -> Fit {
        let end = offset + length;
        let (first, last) = (offset / 8, (end - 1) / 8);
        if self.come.count(first, last) > 0 {
            let one_piece = self.begins.count(first, first) == 1
                && self.begins.count(first + 1, last) == 0
                && self.come.count(first, last) == last - first + 1
                && (self.come.count(last + 1, last + 1) == 0
                    || self.begins.count(last + 1, last + 1) == 1);
            let same_end = if more { self.total != Some(end) } else { self.total == Some(end) };
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
        self.begins.set(first, first);
        self.received += length;
        self.end = self.end.max(end);
        if !more {
            self.total = Some(end);
        }
        Fit::New
    }

    fn note_header(&mut self, offset: usize, fragment: &Parsed<'_>) {
        self.congestion |= fragment.header.tos & 3 == 3;
        if offset == 0 {
            self.header_length = fragment.header_bytes.len();
            self.header[..self.header_length].copy_from_slice(fragment.header_bytes);
        }
    }
}

/// One bit for each 8 bytes of payload.
#[derive(Debug)]
struct Map([u64; MAX_PACKET_LEN.div_ceil(8 * 64)]);

impl Map {
    const EMPTY: Self = Self([0; MAX_PACKET_LEN.div_ceil(8 * 64)]);

    /// The words that hold the bits from `first` to `last`, each with a mask of those bits.
    fn words(first: usize, last: usize) -> impl Iterator<Item = (usize, u64)> {
        let range = if first <= last { first / 64..last / 64 + 1 } else { 0..0 };
        range.map(move |word| {
            let from = if word == first / 64 { first % 64 } else { 0 };
            let to = if word == last / 64 { last % 64 } else { 63 };
            (word, u64::MAX << from & u64::MAX >> (63 - to))
        })
    }

    /// How many of the bits from `first` to `last` are set; there are none beyond the end.
    fn count(&self, first: usize, last: usize) -> usize {
        let bits = |(word, mask): (usize, u64)| {
            self.0.get(word).map_or(0, |bits| (bits & mask).count_ones())
        };
        Self::words(first, last).map(bits).sum::<u32>() as usize
    }

    fn set(&mut self, first: usize, last: usize) {
        for (word, mask) in Self::words(first, last) {
            self.0[word] |= mask;
        }
    }
}

#[cfg(test)]
mod tests;
