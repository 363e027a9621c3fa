//! A ring of messages from one core to another.

use core::cell::Cell;

use layer::Payload;
use rt_regions::{Exhausted, Region};

use crate::atomic::{AtomicU64, AtomicUsize, Ordering};

/// The bytes of a word.
const WORD: usize = size_of::<u64>();
/// How many bytes are gathered before they are written as words.
const CHUNK: usize = 32 * WORD;
/// The least number of words of a ring.
const MIN_WORDS: usize = 8;

/// A value that shares its cache lines with no other: two of 64 bytes, because processors fetch them in pairs.
#[derive(Debug)]
#[repr(align(128))]
struct Apart<T>(T);

/// Messages of bytes on their way from one core to another: one sends, one receives, nobody waits.
///
/// A message takes one word of 8 bytes for its head (its tag and its length), and as many as its bytes need. All words
/// are atomics, so no order of events is a data race, and no unsafe code is needed. On the processors that this is for,
/// they cost what plain memory costs.
#[derive(Debug)]
pub struct Ring<'m> {
    /// As many as a power of two.
    words: &'m [AtomicU64],
    /// How many words were ever put. Written by the sender alone.
    put: Apart<AtomicUsize>,
    /// How many words were ever taken. Written by the receiver alone.
    taken: Apart<AtomicUsize>,
}

impl<'m> Ring<'m> {
    /// An empty ring in `words`, whose values do not matter.
    ///
    /// # Panics
    /// The number of words is not a power of two, or below 8.
    pub fn new(words: &'m [AtomicU64]) -> Self {
        let count = words.len();
        assert!(count.is_power_of_two() && count >= MIN_WORDS, "a ring cannot have {count} words");
        Self { words, put: Apart(AtomicUsize::new(0)), taken: Apart(AtomicUsize::new(0)) }
    }

    /// The longest message that an empty ring takes, in bytes.
    pub fn max_len(&self) -> usize {
        (self.words.len() - 1) * WORD
    }

    /// Whether there is no message. The sender may put one at any time.
    pub fn is_empty(&self) -> bool {
        self.put.0.load(Ordering::Acquire) == self.taken.0.load(Ordering::Acquire)
    }

    fn word(&self, at: usize) -> &AtomicU64 {
        &self.words[at & (self.words.len() - 1)]
    }
}

/// The words of a message of so many bytes, its head included.
const fn words_of(length: usize) -> usize {
    1 + length.div_ceil(WORD)
}

/// The end of a [`Ring`] that sends. There must be one for each ring: with two, messages overwrite each other.
#[derive(Debug)]
pub struct Sender<'m> {
    ring: &'m Ring<'m>,
    put: Cell<usize>,
    /// What was taken when it was last asked.
    taken: Cell<usize>,
}

impl<'m> Sender<'m> {
    /// The sender of `ring`.
    pub fn new(ring: &'m Ring<'m>) -> Self {
        let put = ring.put.0.load(Ordering::Relaxed);
        Self { ring, put: Cell::new(put), taken: Cell::new(ring.taken.0.load(Ordering::Acquire)) }
    }

    /// The ring that it sends into.
    pub fn ring(&self) -> &'m Ring<'m> {
        self.ring
    }

    /// How many bytes of messages and their heads of 8 bytes there is room for, where each message is filled up to a multiple of 8
    /// bytes. It only grows until the next message is sent.
    pub fn room(&self) -> usize {
        self.taken.set(self.ring.taken.0.load(Ordering::Acquire));
        (self.ring.words.len() - self.put.get().wrapping_sub(self.taken.get())) * WORD
    }

    /// Whether there is room for a message of this length now. The other side is asked only if there was none when it was asked
    /// last.
    #[inline]
    pub fn has_room(&self, length: usize) -> bool {
        let (words, put) = (words_of(length), self.put.get());
        let fits = |taken: usize| self.ring.words.len() - put.wrapping_sub(taken) >= words;
        fits(self.taken.get()) || {
            self.taken.set(self.ring.taken.0.load(Ordering::Acquire));
            fits(self.taken.get())
        }
    }

    /// Sends a message. False if there is no room for it: then nothing was sent.
    pub fn send(&self, tag: u32, message: &dyn Payload) -> bool {
        let (length, ring, put) = (message.len(), self.ring, self.put.get());
        if length > ring.max_len() || u32::try_from(length).is_err() {
            return false;
        }
        if !self.has_room(length) {
            return false;
        }
        ring.word(put).store(u64::from(tag) << 32 | length as u64, Ordering::Relaxed);
        let (mut at, mut offset, mut chunk) = (put.wrapping_add(1), 0, [0; CHUNK]);
        while offset < length {
            let bytes = &mut chunk[..CHUNK.min(length - offset)];
            message.copy_to(offset, bytes);
            offset += bytes.len();
            let (whole, rest) = bytes.as_chunks::<WORD>();
            for word in whole {
                ring.word(at).store(u64::from_le_bytes(*word), Ordering::Relaxed);
                at = at.wrapping_add(1);
            }
            if !rest.is_empty() {
                let mut word = [0; WORD];
                word[..rest.len()].copy_from_slice(rest);
                ring.word(at).store(u64::from_le_bytes(word), Ordering::Relaxed);
            }
        }
        let put = put.wrapping_add(words_of(length));
        self.put.set(put);
        // What was written above is seen by whoever sees this.
        ring.put.0.store(put, Ordering::Release);
        true
    }
}

/// The end of a [`Ring`] that receives. There must be one for each ring: with two, messages are received twice.
#[derive(Debug)]
pub struct Receiver<'m> {
    ring: &'m Ring<'m>,
    taken: Cell<usize>,
    /// What was put when it was last asked.
    put: Cell<usize>,
    /// Whether a message is out.
    lent: Cell<bool>,
}

impl<'m> Receiver<'m> {
    /// The receiver of `ring`.
    pub fn new(ring: &'m Ring<'m>) -> Self {
        let taken = ring.taken.0.load(Ordering::Relaxed);
        Self { ring, taken: Cell::new(taken), put: Cell::new(taken), lent: Cell::new(false) }
    }

    /// The next message, or `None` if there is none now, or the last one is not dropped yet. A message makes room when it is
    /// dropped.
    pub fn receive(&self) -> Option<Message<'_, 'm>> {
        let taken = self.taken.get();
        if self.lent.get() {
            return None;
        }
        if taken == self.put.get() {
            self.put.set(self.ring.put.0.load(Ordering::Acquire));
            if taken == self.put.get() {
                return None;
            }
        }
        self.lent.set(true);
        let head = self.ring.word(taken).load(Ordering::Relaxed);
        Some(Message {
            receiver: self,
            at: taken,
            tag: (head >> 32) as u32,
            length: head as u32 as usize,
        })
    }

    /// Whether there is no message now.
    pub fn is_empty(&self) -> bool {
        self.ring.is_empty()
    }
}

/// A message that was received and still lies in its ring.
#[derive(Debug)]
pub struct Message<'a, 'm> {
    receiver: &'a Receiver<'m>,
    /// Where its head is.
    at: usize,
    tag: u32,
    length: usize,
}

impl Message<'_, '_> {
    /// What its sender called it.
    pub fn tag(&self) -> u32 {
        self.tag
    }

    /// How many bytes it has.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Copies its first bytes into `out`, which is as long as the message at most.
    pub fn copy_to(&self, out: &mut [u8]) {
        self.copy_from(0, out);
    }

    /// Copies its bytes from `offset` on into `out`, of which no byte is beyond its end.
    fn copy_from(&self, offset: usize, out: &mut [u8]) {
        let (end, all) = (offset + out.len(), self.length);
        assert!(end <= all, "the bytes {offset} to {end} of a message of {all}");
        let mut at = self.at.wrapping_add(1 + offset / WORD);
        let mut next = || {
            let word = self.receiver.ring.word(at).load(Ordering::Relaxed).to_le_bytes();
            at = at.wrapping_add(1);
            word
        };
        let skipped = offset % WORD;
        let first = if skipped == 0 { 0 } else { (WORD - skipped).min(out.len()) };
        let (first, out) = out.split_at_mut(first);
        if !first.is_empty() {
            first.copy_from_slice(&next()[skipped..][..first.len()]);
        }
        let (whole, rest) = out.as_chunks_mut::<WORD>();
        for word in whole {
            *word = next();
        }
        if !rest.is_empty() {
            rest.copy_from_slice(&next()[..rest.len()]);
        }
    }

    /// Its bytes from `start` on, where they are, to be sent elsewhere. None if the message is shorter.
    pub fn tail(&self, start: usize) -> Option<impl Payload> {
        (start <= self.length).then_some(Tail { message: self, start })
    }

    /// Its bytes, in `region`.
    ///
    /// # Errors
    /// The region has no room. The message is lost if it is dropped then.
    pub fn to_region<'r>(&self, region: &'r Region<'_>) -> Result<&'r mut [u8], Exhausted> {
        let bytes = region.alloc_slice_with(self.length, |_| 0)?;
        self.copy_to(bytes);
        Ok(bytes)
    }
}

/// The bytes of a message from `start` on, which is not beyond its end.
struct Tail<'a, 'b, 'm> {
    message: &'a Message<'b, 'm>,
    start: usize,
}

impl Payload for Tail<'_, '_, '_> {
    fn len(&self) -> usize {
        self.message.length - self.start
    }

    #[inline]
    fn copy_to(&self, offset: usize, out: &mut [u8]) {
        self.message.copy_from(self.start + offset, out);
    }

    fn visit(&self, offset: usize, length: usize, visit: &mut dyn FnMut(&[u8])) {
        let mut chunk = [0; CHUNK];
        for at in (0..length).step_by(CHUNK) {
            let bytes = &mut chunk[..CHUNK.min(length - at)];
            self.copy_to(offset + at, bytes);
            visit(bytes);
        }
    }
}

impl Drop for Message<'_, '_> {
    fn drop(&mut self) {
        let taken = self.at.wrapping_add(words_of(self.length));
        self.receiver.taken.set(taken);
        self.receiver.lent.set(false);
        // The words are read before the sender may write them again.
        self.receiver.ring.taken.0.store(taken, Ordering::Release);
    }
}
