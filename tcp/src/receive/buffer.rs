//! The bytes that were received and not yet consumed: one contiguous piece, which moves down as it is consumed.

use core::fmt;

use rt_regions::{PAGE_SIZE, SlabBox, Slabs};

use super::work;
use crate::share::share;

/// The most bytes that a buffer can have: the largest run of pages.
const LARGEST: u32 = (1024 * PAGE_SIZE) as u32;

/// Lengths of buffers below a page, which fill blocks of [`Slabs`].
const SMALL: [u32; 4] = [256, 496, 1008, 2032];

/// The readable bytes of a buffer, which were taken out to be looked at.
pub struct Lent<'p> {
    bytes: Option<SlabBox<'p, [u8]>>,
    start: u32,
    readable: u32,
}

impl Lent<'_> {
    /// The bytes that are readable.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        part(self.bytes.as_deref(), self.start, self.readable)
    }
}

impl fmt::Debug for Lent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lent").field("readable", &self.readable).finish_non_exhaustive()
    }
}

/// Part of the bytes of a buffer.
#[inline]
fn part(bytes: Option<&[u8]>, start: u32, length: u32) -> &[u8] {
    let start = start as usize;
    bytes.unwrap_or_default().get(start..start + length as usize).unwrap_or_default()
}

/// A linear buffer. Its bytes are counted from the first one that is not consumed. Those at the beginning are readable;
/// after them, bytes may lie that are received out of order.
///
/// Each byte that is received and consumed is moved at most three times on the average: the buffer moves down only if a
/// quarter of it was consumed, and is doubled otherwise. Only if there is no memory to double it, it moves down earlier.
pub(super) struct Buffer<'p> {
    slabs: &'p Slabs<'p>,
    bytes: Option<SlabBox<'p, [u8]>>,
    /// Where the first byte lies that is not consumed.
    start: u32,
    readable: u32,
    limit: u32,
}

impl<'p> Buffer<'p> {
    /// A buffer that takes at most `limit` bytes of memory, rounded down to a length that needs no more than that.
    pub(super) fn new(slabs: &'p Slabs<'p>, limit: u32) -> Self {
        let limit = match limit {
            0..=255 => limit,
            256..=4095 => SMALL.into_iter().rfind(|&small| small <= limit).unwrap_or(limit),
            _ => 1 << limit.min(LARGEST).ilog2(),
        };
        Self { slabs, bytes: None, start: 0, readable: 0, limit }
    }

    /// The most bytes of memory that it takes.
    pub(super) fn limit(&self) -> u32 {
        self.limit
    }

    /// The number of bytes of memory that it takes now.
    pub(super) fn capacity(&self) -> u32 {
        self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u32)
    }

    pub(super) fn slabs(&self) -> &'p Slabs<'p> {
        self.slabs
    }

    /// How many bytes are readable.
    #[inline]
    pub(super) fn len(&self) -> u32 {
        self.readable
    }

    /// The bytes that are readable.
    #[inline]
    pub(super) fn readable(&self) -> &[u8] {
        part(self.bytes.as_deref(), self.start, self.readable)
    }

    /// Takes the readable bytes out. Until they are [back](Self::take_back), nothing is taken or consumed.
    #[inline]
    pub(super) fn lend(&mut self) -> Lent<'p> {
        let bytes = if self.readable == 0 { None } else { self.bytes.take() };
        Lent { bytes, start: self.start, readable: self.readable }
    }

    /// Puts the readable bytes back.
    #[inline]
    pub(super) fn take_back(&mut self, lent: Lent<'p>) {
        if self.is_lent() {
            self.bytes = lent.bytes;
        }
    }

    /// Whether the readable bytes are taken out.
    #[inline]
    pub(super) fn is_lent(&self) -> bool {
        self.bytes.is_none() && self.readable > 0
    }

    /// Appends what it has room for from the beginning of `bytes`, if it has no memory now. Returns how many bytes were
    /// taken.
    pub(super) fn begin(&mut self, bytes: &[u8]) -> u32 {
        let bytes = &bytes[..bytes.len().min(self.limit as usize).min(share(self.slabs, 0))];
        // Exactly as long, so that nothing is written twice and a short message takes little. If there is no run of
        // pages for it, there may be a page for a part.
        let first = [bytes.len(), bytes.len().min(PAGE_SIZE)]
            .into_iter()
            .find_map(|length| self.slabs.alloc_slice(&bytes[..length]).ok());
        self.readable = first.as_ref().map_or(0, |first| first.len() as u32);
        work::count(self.readable as usize);
        self.start = 0;
        self.bytes = first.filter(|first| !first.is_empty());
        self.readable
    }

    /// Whether it has no memory now.
    #[inline]
    pub(super) fn is_vacant(&self) -> bool {
        self.bytes.is_none()
    }

    /// Makes room for `wanted` bytes, of which the first `used` are in use already. Returns for how many there is room.
    #[inline]
    pub(super) fn reserve(&mut self, wanted: u32, used: u32) -> u32 {
        let room = self.capacity() - self.start;
        if wanted <= room { wanted } else { self.make_room(wanted, used) }
    }

    #[cold]
    fn make_room(&mut self, wanted: u32, used: u32) -> u32 {
        let (wanted, capacity) = (wanted.min(self.limit), self.capacity());
        let moves_down = wanted <= capacity && self.start >= capacity / 4;
        // Where less than a quarter can be won by moving, the next larger length.
        let length = if wanted > capacity { wanted } else { capacity.saturating_add(1) };
        if moves_down || !self.move_to(fitting(length).min(self.limit), used) {
            self.move_down(used);
        }
        wanted.min(self.capacity() - self.start)
    }

    /// Moves the first `used` bytes to the beginning.
    fn move_down(&mut self, used: u32) {
        let start = self.start as usize;
        if let Some(bytes) = &mut self.bytes
            && start + used as usize <= bytes.len()
        {
            bytes.copy_within(start..start + used as usize, 0);
            work::count(used as usize);
            self.start = 0;
        }
    }

    /// Moves the first `used` bytes into a buffer of `length` bytes, unless it has this length already, or that is more than
    /// its [`share`], or there is no memory. Returns whether it moved.
    fn move_to(&mut self, length: u32, used: u32) -> bool {
        let capacity = self.capacity();
        if length == capacity
            || length > capacity && length as usize > share(self.slabs, capacity as usize)
        {
            return false;
        }
        let Ok(mut larger) = self.slabs.alloc_default::<u8>(length as usize) else { return false };
        work::count((length + used) as usize);
        let (start, used) = (self.start as usize, used as usize);
        if let Some(bytes) = &self.bytes
            && let (Some(from), Some(to)) = (bytes.get(start..start + used), larger.get_mut(..used))
        {
            to.copy_from_slice(from);
        }
        self.bytes = Some(larger);
        self.start = 0;
        true
    }

    /// Writes bytes at a place for which there is room.
    #[inline]
    pub(super) fn write(&mut self, at: u32, bytes: &[u8]) {
        let at = self.start as usize + at as usize;
        if let Some(place) =
            self.bytes.as_mut().and_then(|buffer| buffer.get_mut(at..at + bytes.len()))
        {
            place.copy_from_slice(bytes);
            work::count(bytes.len());
        }
    }

    /// Makes `count` bytes more readable, which were written.
    #[inline]
    pub(super) fn extend(&mut self, count: u32) {
        self.readable += count;
    }

    /// Consumes `count` bytes, which are readable. The first `used` bytes after them stay in use.
    #[inline]
    pub(super) fn consume(&mut self, count: u32, used: u32) {
        if self.is_lent() {
            return;
        }
        self.readable -= count;
        self.start += count;
        if used == 0 {
            self.bytes = None;
            self.start = 0;
        } else if self.capacity() >= 4 * PAGE_SIZE as u32 && used <= self.capacity() / 8 {
            // Few bytes do not hold many pages. Most of the pages were consumed, so this is not done for each byte.
            self.move_to(fitting(used), used);
        }
    }
}

/// The least length of a buffer for `count` bytes: one that fills a block of [`Slabs`], or its pages.
fn fitting(count: u32) -> u32 {
    let small = SMALL.into_iter().find(|&small| count <= small);
    small.unwrap_or_else(|| count.max(PAGE_SIZE as u32).next_power_of_two())
}
