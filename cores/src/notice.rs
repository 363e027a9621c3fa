//! What the first core wants all others to know: the last word counts.

use layer::Payload;

use crate::atomic::{AtomicU64, Ordering, fence};

/// The longest notice, in bytes.
pub const MAX_NOTICE: usize = 512;

/// Bytes in a word.
const WORD: usize = size_of::<u64>();

/// A notice that one core writes again and again, and others read, in shared words: a sequence lock.
///
/// The edition is odd while the words are being written. A reader reads it, then the words, and then the edition again: only
/// what has the same even edition before and after is whole. All words are atomics, so a reader that comes in between reads
/// what is of no use, and it is no data race.
#[derive(Debug)]
pub struct Notice {
    edition: AtomicU64,
    length: AtomicU64,
    words: [AtomicU64; MAX_NOTICE / WORD],
}

impl Notice {
    /// No notice yet. Its edition is 0.
    #[expect(clippy::new_without_default, reason = "what nobody has written has no default")]
    pub fn new() -> Self {
        let words = core::array::from_fn(|_| AtomicU64::new(0));
        Self { edition: AtomicU64::new(0), length: AtomicU64::new(0), words }
    }

    /// How often it was written, and whether it is being written: of use to compare.
    #[inline]
    pub fn edition(&self) -> u64 {
        self.edition.load(Ordering::Acquire)
    }

    /// Writes it, for the one core that does. False if the message is too long: then the notice is as before.
    pub fn write(&self, message: &dyn Payload) -> bool {
        let length = message.len();
        if length > MAX_NOTICE {
            return false;
        }
        let edition = self.edition.load(Ordering::Relaxed);
        self.edition.store(edition.wrapping_add(1), Ordering::Relaxed);
        // Whoever reads a word that is written below sees that edition, or a later one.
        fence(Ordering::Release);
        self.length.store(length as u64, Ordering::Relaxed);
        for (word, offset) in self.words.iter().zip((0..length).step_by(WORD)) {
            let mut bytes = [0; WORD];
            message.copy_to(offset, &mut bytes[..WORD.min(length - offset)]);
            word.store(u64::from_le_bytes(bytes), Ordering::Relaxed);
        }
        self.edition.store(edition.wrapping_add(2), Ordering::Release);
        true
    }

    /// Copies it to `out`, and returns its edition and how many bytes it has. `None` if it is being written: it is read again
    /// later.
    pub fn read(&self, out: &mut [u8; MAX_NOTICE]) -> Option<(u64, usize)> {
        let edition = self.edition();
        if edition % 2 == 1 {
            return None;
        }
        let length = (self.length.load(Ordering::Relaxed) as usize).min(MAX_NOTICE);
        let (words, _) = out.as_chunks_mut::<WORD>();
        for (out, word) in words.iter_mut().zip(&self.words).take(length.div_ceil(WORD)) {
            *out = word.load(Ordering::Relaxed).to_le_bytes();
        }
        fence(Ordering::Acquire);
        (self.edition.load(Ordering::Relaxed) == edition).then_some((edition, length))
    }
}
