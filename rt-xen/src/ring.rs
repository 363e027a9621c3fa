//! A ring of bytes that one side writes and the other side reads, as used by the console and by xenstore
//! (`io/console.h`, `io/xs_wire.h`).
//!
//! Both indices count freely through 32 bits, and each is written by one side only. The other side's index is never
//! trusted. It is read once for each use, and a distance that the ring cannot have is an error. Our own index is never
//! read back from the shared page.

use core::{
    cell::Cell,
    error, fmt,
    sync::atomic::{AtomicU8, AtomicU32, Ordering},
};

/// The other side's index is farther from ours than the length of the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BrokenRing;

impl fmt::Display for BrokenRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the other side of the ring has put its index outside of it")
    }
}

impl error::Error for BrokenRing {}

/// The side that writes.
#[derive(Debug)]
pub(crate) struct Writer<'s> {
    /// INVARIANT: its length is a power of two.
    bytes: &'s [AtomicU8],
    consumed: &'s AtomicU32,
    produced: &'s AtomicU32,
    /// The value of `produced`.
    next: Cell<u32>,
}

/// The side that reads.
#[derive(Debug)]
pub(crate) struct Reader<'s> {
    /// INVARIANT: its length is a power of two.
    bytes: &'s [AtomicU8],
    produced: &'s AtomicU32,
    consumed: &'s AtomicU32,
    /// The value of `consumed`.
    next: Cell<u32>,
}

/// Free bytes of a ring, which are filled from the front. The other side sees them when they are published.
#[derive(Debug)]
pub(crate) struct Space<'w, 's> {
    writer: &'w Writer<'s>,
    free: usize,
    filled: usize,
}

impl<'s> Writer<'s> {
    /// Uses the ring of `bytes`, whose length is a power of two, from its current state on.
    pub(crate) fn new(
        bytes: &'s [AtomicU8],
        consumed: &'s AtomicU32,
        produced: &'s AtomicU32,
    ) -> Self {
        assert!(bytes.len().is_power_of_two(), "a ring of {} bytes", bytes.len());
        Self { bytes, consumed, produced, next: Cell::new(produced.load(Ordering::Relaxed)) }
    }

    /// The size of the ring in bytes.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The free bytes.
    pub(crate) fn space(&self) -> Result<Space<'_, 's>, BrokenRing> {
        // The other side has read the bytes that it gives back before we overwrite them.
        let consumed = self.consumed.load(Ordering::Acquire);
        let outstanding = self.next.get().wrapping_sub(consumed) as usize;
        let free = self.bytes.len().checked_sub(outstanding).ok_or(BrokenRing)?;
        Ok(Space { writer: self, free, filled: 0 })
    }
}

impl Space<'_, '_> {
    /// How many bytes can still be written.
    pub(crate) fn free(&self) -> usize {
        self.free - self.filled
    }

    /// Writes as much of `bytes` as there is space for; returns how many bytes that was.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> usize {
        let ring = self.writer.bytes;
        let count = bytes.len().min(self.free());
        let start = self.writer.next.get() as usize + self.filled;
        for (index, byte) in bytes[..count].iter().enumerate() {
            // The length is a power of two, so the remainder stays correct when the index wraps at 32 bits.
            ring[(start + index) % ring.len()].store(*byte, Ordering::Relaxed);
        }
        self.filled += count;
        count
    }

    /// Publishes the bytes that were written to the other side.
    pub(crate) fn publish(self) {
        let next = self.writer.next.get().wrapping_add(self.filled as u32);
        self.writer.next.set(next);
        self.writer.produced.store(next, Ordering::Release);
    }
}

impl<'s> Reader<'s> {
    /// Uses the ring of `bytes`, whose length is a power of two, from its current state on.
    pub(crate) fn new(
        bytes: &'s [AtomicU8],
        produced: &'s AtomicU32,
        consumed: &'s AtomicU32,
    ) -> Self {
        assert!(bytes.len().is_power_of_two(), "a ring of {} bytes", bytes.len());
        Self { bytes, produced, consumed, next: Cell::new(consumed.load(Ordering::Relaxed)) }
    }

    /// Moves as many bytes as fit from the ring into `out`; returns how many that was.
    pub(crate) fn read(&self, out: &mut [u8]) -> Result<usize, BrokenRing> {
        let count = self.available()?.min(out.len());
        let start = self.next.get() as usize;
        for (index, byte) in out[..count].iter_mut().enumerate() {
            *byte = self.bytes[(start + index) % self.bytes.len()].load(Ordering::Relaxed);
        }
        self.consume(count);
        Ok(count)
    }

    /// Discards the bytes in the ring; returns how many that was.
    pub(crate) fn discard(&self) -> Result<usize, BrokenRing> {
        let count = self.available()?;
        self.consume(count);
        Ok(count)
    }

    fn available(&self) -> Result<usize, BrokenRing> {
        let produced = self.produced.load(Ordering::Acquire);
        let available = produced.wrapping_sub(self.next.get()) as usize;
        if available > self.bytes.len() { Err(BrokenRing) } else { Ok(available) }
    }

    fn consume(&self, count: usize) {
        let next = self.next.get().wrapping_add(count as u32);
        self.next.set(next);
        // We have read the bytes before the other side overwrites them.
        self.consumed.store(next, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::VecDeque, vec::Vec};

    use super::*;

    fn page(size: usize, at: u32) -> (Vec<AtomicU8>, AtomicU32, AtomicU32) {
        let bytes = core::iter::repeat_with(AtomicU8::default).take(size).collect();
        (bytes, AtomicU32::new(at), AtomicU32::new(at))
    }

    fn random(state: &mut u64) -> u32 {
        *state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (*state >> 33) as u32
    }

    /// Both sides over one page against a queue, over the end of 32 bits.
    #[test]
    fn bytes_come_out_as_they_went_in() {
        let (bytes, consumed, produced) = page(64, u32::MAX - 100_000);
        let writer = Writer::new(&bytes, &consumed, &produced);
        let reader = Reader::new(&bytes, &produced, &consumed);
        let (mut queue, mut state, mut buffer) = (VecDeque::new(), 1, [0; 96]);
        for step in 0..200_000_u32 {
            let length = random(&mut state) as usize % 97;
            if random(&mut state).is_multiple_of(2) {
                let mut space = writer.space().unwrap();
                assert_eq!(space.free(), 64 - queue.len());
                buffer.fill(step as u8);
                let written = space.write(&buffer[..length / 2]);
                let written = written + space.write(&buffer[length / 2..length]);
                assert_eq!(written, length.min(64 - queue.len()));
                // What is not published was not written.
                if step % 3 > 0 {
                    space.publish();
                    queue.extend(&buffer[..written]);
                }
            } else {
                let read = reader.read(&mut buffer[..length]).unwrap();
                assert_eq!(read, length.min(queue.len()));
                assert!(buffer[..read].iter().copied().eq(queue.drain(..read)));
            }
        }
        assert_eq!(reader.discard(), Ok(queue.len()));
        assert_eq!(reader.discard(), Ok(0));
    }

    /// A writer and a reader on two processors: no byte is seen before it is written, none written over
    /// before it is read.
    #[test]
    fn both_sides_may_run_at_once() {
        const TOTAL: usize = 1_000_000;
        let (bytes, consumed, produced) = page(64, 0);
        let number = |at: usize| (at % 251) as u8;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let writer = Writer::new(&bytes, &consumed, &produced);
                let mut at = 0;
                while at < TOTAL {
                    let mut space = writer.space().unwrap();
                    let message = [0, 1, 2, 3, 4, 5, 6].map(|next| number(at + next));
                    at += space.write(&message[..7.min(TOTAL - at)]);
                    space.publish();
                    std::thread::yield_now();
                }
            });
            let reader = Reader::new(&bytes, &produced, &consumed);
            let (mut at, mut buffer) = (0, [0; 48]);
            while at < TOTAL {
                let read = reader.read(&mut buffer).unwrap();
                for byte in &buffer[..read] {
                    assert_eq!(*byte, number(at));
                    at += 1;
                }
                std::thread::yield_now();
            }
        });
    }

    #[test]
    fn an_index_outside_of_the_ring_is_an_error_and_stays_one_that_can_be_mended() {
        let (bytes, consumed, produced) = page(16, 40);
        let writer = Writer::new(&bytes, &consumed, &produced);
        let reader = Reader::new(&bytes, &produced, &consumed);
        for wrong in [41, 23, 0, u32::MAX, 1 << 31] {
            consumed.store(wrong, Ordering::Relaxed);
            assert_eq!(writer.space().unwrap_err(), BrokenRing);
        }
        for wrong in [57, 39, 0, u32::MAX, 1 << 31] {
            produced.store(wrong, Ordering::Relaxed);
            assert_eq!(reader.read(&mut [0; 4]), Err(BrokenRing));
            assert_eq!(reader.discard(), Err(BrokenRing));
        }
        consumed.store(24, Ordering::Relaxed);
        produced.store(56, Ordering::Relaxed);
        assert_eq!(writer.space().unwrap().free(), 0);
        assert_eq!(reader.read(&mut [0; 32]), Ok(16));
    }

    /// Two million steps against a side that writes whatever it likes wherever it can.
    #[test]
    fn no_index_and_no_byte_panics() {
        let (bytes, consumed, produced) = page(32, 0);
        let writer = Writer::new(&bytes, &consumed, &produced);
        let reader = Reader::new(&bytes, &produced, &consumed);
        let (mut state, mut buffer, mut broken) = (7, [0; 48], 0);
        for _ in 0..2_000_000 {
            let (choice, value) = (random(&mut state), random(&mut state));
            // Often near to where it should be.
            let near = |index: &AtomicU32| index.load(Ordering::Relaxed).wrapping_add(value % 40);
            let length = value as usize % 49;
            match choice % 6 {
                0 => consumed.store(value << (choice % 3), Ordering::Relaxed),
                1 => consumed.store(near(&produced).wrapping_sub(38), Ordering::Relaxed),
                2 => produced.store(near(&consumed), Ordering::Relaxed),
                3 => bytes[value as usize % 32].store(choice as u8, Ordering::Relaxed),
                4 => match writer.space() {
                    Ok(mut space) => {
                        let free = space.free();
                        assert!(free <= 32 && space.write(&buffer[..length]) == length.min(free));
                        space.publish();
                    }
                    Err(BrokenRing) => broken += 1,
                },
                _ => match reader.read(&mut buffer[..length]) {
                    Ok(read) => assert!(read <= length.min(32)),
                    Err(BrokenRing) => broken += 1,
                },
            }
        }
        assert!((10_000..1_990_000).contains(&broken), "{broken}");
    }
}
