//! The bytes that are not acknowledged yet.

use core::fmt;

use layer::Payload;
use rt_regions::{SlabBox, Slabs};

use crate::share::share;

/// The smallest buffer in bytes.
const SMALLEST: usize = 512;

/// The largest buffer in bytes: the longest run of pages.
pub(super) const LARGEST: u32 = 4 << 20;

/// A circular buffer, whose size is a power of two. It takes memory with the first byte, and gives it back with the
/// last.
pub(super) struct Buffer<'p> {
    slabs: &'p Slabs<'p>,
    bytes: Option<SlabBox<'p, [u8]>>,
    /// Where the first byte is.
    head: u32,
    len: u32,
}

impl<'p> Buffer<'p> {
    pub(super) fn new(slabs: &'p Slabs<'p>) -> Self {
        Self { slabs, bytes: None, head: 0, len: 0 }
    }

    pub(super) fn slabs(&self) -> &'p Slabs<'p> {
        self.slabs
    }

    #[inline]
    pub(super) fn len(&self) -> u32 {
        self.len
    }

    fn capacity(&self) -> usize {
        self.bytes.as_ref().map_or(0, |bytes| bytes.len())
    }

    /// Takes up to `most` bytes from the beginning of `payload`, and returns how many: fewer if there is no memory.
    pub(super) fn push(&mut self, payload: &impl Payload, most: usize) -> usize {
        let wanted = payload.len().min(most);
        if wanted == 0 {
            return 0;
        }
        if self.capacity() - (self.len as usize) < wanted {
            self.grow(self.len as usize + wanted);
        }
        let (head, len) = (self.head as usize, self.len as usize);
        let Some(bytes) = &mut self.bytes else { return 0 };
        let taken = wanted.min(bytes.len() - len);
        let start = (head + len) & (bytes.len() - 1);
        let first = taken.min(bytes.len() - start);
        payload.copy_to(0, &mut bytes[start..start + first]);
        payload.copy_to(first, &mut bytes[..taken - first]);
        self.len += taken as u32;
        taken
    }

    /// Grows to `needed` bytes or more; less if there is no memory, or that is more than its [`share`].
    #[cold]
    fn grow(&mut self, needed: usize) {
        let most = 1 << share(self.slabs, self.capacity()).ilog2();
        let mut size = needed.next_power_of_two().max(SMALLEST).min(most);
        while size > self.capacity() && size >= SMALLEST {
            if let Ok(mut larger) = self.slabs.alloc_default(size) {
                let (first, second) = self.slices(0, self.len);
                larger[..first.len()].copy_from_slice(first);
                larger[first.len()..first.len() + second.len()].copy_from_slice(second);
                self.bytes = Some(larger);
                self.head = 0;
                return;
            }
            size /= 2;
        }
    }

    /// `length` bytes from `offset` on, which are there, in two pieces.
    #[inline]
    pub(super) fn slices(&self, offset: u32, length: u32) -> (&[u8], &[u8]) {
        debug_assert!(offset + length <= self.len);
        let Some(bytes) = &self.bytes else { return (&[], &[]) };
        let start = (self.head as usize + offset as usize) & (bytes.len() - 1);
        let length = length as usize;
        let first = length.min(bytes.len() - start);
        (&bytes[start..start + first], &bytes[..length - first])
    }

    /// Drops `count` bytes from the beginning; all of them if there are fewer.
    #[inline]
    pub(super) fn consume(&mut self, count: u32) {
        let count = count.min(self.len);
        self.len -= count;
        if self.len == 0 {
            (self.bytes, self.head) = (None, 0);
        } else {
            self.head = (self.head + count) & (self.capacity() as u32 - 1);
        }
    }
}

/// Without the bytes.
impl fmt::Debug for Buffer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffer")
            .field("len", &self.len)
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::VecDeque, vec::Vec};

    use rt_regions::Slabs;
    use testkit::{Random, with_pool};

    use super::*;

    #[test]
    fn bytes_come_out_as_they_went_in() {
        with_pool(64, |pool| {
            let slabs = Slabs::new(pool, "tcp.buffers");
            let mut buffer = Buffer::new(&slabs);
            let (mut model, mut random) = (VecDeque::new(), Random::new(1));
            for _ in 0..20_000 {
                let length = random.below(3_000);
                let bytes = random.bytes(length);
                let taken = buffer.push(&&bytes[..], 40_000 - model.len());
                assert_eq!(taken, bytes.len().min(40_000 - model.len()));
                model.extend(&bytes[..taken]);
                let gone = random.below(model.len() * 5 / 4 + 1).min(model.len());
                buffer.consume(gone as u32);
                model.drain(..gone);
                assert_eq!(buffer.len() as usize, model.len());
                let offset = random.below(model.len() + 1);
                let length = random.below(model.len() - offset + 1);
                let (first, second) = buffer.slices(offset as u32, length as u32);
                let expected: Vec<u8> = model.range(offset..offset + length).copied().collect();
                assert_eq!([first, second].concat(), expected);
            }
            buffer.consume(u32::MAX);
            assert_eq!(slabs.pages(), 0);
        });
    }

    #[test]
    fn without_memory_it_takes_what_there_is_room_for() {
        with_pool(40, |pool| {
            let slabs = Slabs::new(pool, "tcp.buffers").with_cap(32 * 4096);
            let mut buffer = Buffer::new(&slabs);
            // Half of what is left beside a reserve.
            assert_eq!(buffer.push(&&[7; 60_000][..], usize::MAX), 32_768);
            assert_eq!(buffer.push(&&[7; 1][..], usize::MAX), 0);
            buffer.consume(100);
            assert_eq!(buffer.push(&&[9; 200][..], usize::MAX), 100);
            let mut other = Buffer::new(&slabs);
            assert_eq!(other.push(&&[1; 60_000][..], usize::MAX), 16_384);
            let _held = [16, 4].map(|pages| slabs.alloc_default::<u8>(pages * 4096).unwrap());
            assert_eq!(Buffer::new(&slabs).push(&&[1; 1][..], usize::MAX), 0);
        });
    }
}
