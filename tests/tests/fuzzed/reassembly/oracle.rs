//! What reassembly is to do, in the plainest way: an array of 64 KiB for each datagram, and a bit for
//! each of its bytes (RFC 791 3.2, RFC 5722 4, RFC 3168 5.3).

use std::{collections::VecDeque, time::Duration};

use ::ipv4::Key;
use layer::Instant;

use super::Fragment;

/// The length of the longest packet in bytes.
const LONGEST: usize = 65_535;
/// How many datagrams that were refused are remembered.
const REMEMBERED: usize = 16;
/// How long what still comes of them is dropped.
const REFUSED: Duration = Duration::from_secs(1);

/// What a fragment is to do.
#[derive(Debug)]
pub(super) enum Expected {
    Waiting,
    Complete(Box<Whole>),
    Duplicate,
    Overlap,
    Refused,
    Malformed,
}

/// A datagram.
pub(super) struct Whole {
    pub(super) key: Key,
    /// The header of the fragment at offset 0; empty if that has not come.
    pub(super) header: Vec<u8>,
    bytes: Box<[u8; 1 << 16]>,
    come: Box<[u64; 1 << 10]>,
    /// Offset, end and "more" of each fragment.
    pieces: Vec<(usize, usize, bool)>,
    codepoints: Vec<u8>,
    opened: Instant,
}

impl std::fmt::Debug for Whole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} with {:?}", self.key, self.pieces)
    }
}

impl Whole {
    fn new(key: Key, opened: Instant) -> Self {
        Self {
            key,
            header: Vec::new(),
            bytes: Box::new([0; 1 << 16]),
            come: Box::new([0; 1 << 10]),
            pieces: Vec::new(),
            codepoints: Vec::new(),
            opened,
        }
    }

    fn has_come(&self, place: usize) -> bool {
        self.come[place / 64] & 1 << (place % 64) != 0
    }

    /// Where the datagram ends, if the last fragment has come.
    fn end(&self) -> Option<usize> {
        self.pieces.iter().find(|(.., more)| !more).map(|&(_, end, _)| end)
    }

    pub(super) fn payload(&self) -> &[u8] {
        &self.bytes[..self.end().unwrap_or(0)]
    }

    pub(super) fn congestion(&self) -> bool {
        self.codepoints.contains(&3)
    }

    /// Whether this is a piece that came.
    pub(super) fn has(&self, offset: usize, bytes: &[u8]) -> bool {
        let end = offset + bytes.len();
        self.pieces.iter().any(|&(from, to, _)| (from, to) == (offset, end))
            && self.bytes[offset..end] == *bytes
    }

    fn keep(&mut self, fragment: &Fragment, header: &[u8]) {
        let end = fragment.offset + fragment.payload.len();
        self.bytes[fragment.offset..end].copy_from_slice(&fragment.payload);
        for place in fragment.offset..end {
            self.come[place / 64] |= 1 << (place % 64);
        }
        self.pieces.push((fragment.offset, end, fragment.more));
        self.codepoints.push(fragment.tos & 3);
        if fragment.offset == 0 {
            self.header = header.to_vec();
        }
    }
}

/// The datagrams that wait, the oldest first, and those that were refused.
pub(super) struct Oracle {
    most: usize,
    timeout: Duration,
    waiting: VecDeque<Box<Whole>>,
    refused: VecDeque<(Key, Instant)>,
    evicted: u64,
}

impl Oracle {
    pub(super) fn new(most: usize, timeout: Duration) -> Self {
        let (waiting, refused) = (VecDeque::new(), VecDeque::new());
        Self { most, timeout, waiting, refused, evicted: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn evicted(&self) -> u64 {
        self.evicted
    }

    pub(super) fn expire(&mut self, now: Instant) -> Option<Box<Whole>> {
        let is_over = self.waiting.front()?.opened + self.timeout <= now;
        is_over.then(|| self.waiting.pop_front()).flatten()
    }

    pub(super) fn insert(&mut self, now: Instant, fragment: &Fragment, header: &[u8]) -> Expected {
        let (offset, length, more) = (fragment.offset, fragment.payload.len(), fragment.more);
        let end = offset + length;
        if length == 0 || (more && length % 8 != 0) || header.len() + end > LONGEST {
            return Expected::Malformed;
        }
        let is_refused = |&(key, until): &(Key, Instant)| key == fragment.key && now < until;
        if let Some(place) = self.refused.iter_mut().find(|place| is_refused(place)) {
            if offset != 0 {
                return Expected::Refused;
            }
            // Another datagram begins; the place stays taken.
            place.1 = Instant::ZERO;
        }
        let known = self.waiting.iter().position(|whole| whole.key == fragment.key);
        let index = known.unwrap_or_else(|| {
            if self.waiting.len() == self.most {
                self.waiting.pop_front();
                self.evicted += 1;
            }
            self.waiting.push_back(Box::new(Whole::new(fragment.key, now)));
            self.waiting.len() - 1
        });
        let whole = &mut self.waiting[index];
        if whole.pieces.contains(&(offset, end, more)) {
            return Expected::Duplicate;
        }
        let overlaps = (offset..end).any(|place| whole.has_come(place));
        let highest = whole.pieces.iter().map(|&(_, end, _)| end).max().unwrap_or(0);
        let contradicts = match whole.end() {
            Some(known) => !more || end > known,
            None => !more && end < highest,
        };
        if overlaps || contradicts {
            self.refused.push_back((fragment.key, now + REFUSED));
            if self.refused.len() > REMEMBERED {
                self.refused.pop_front();
            }
            self.waiting.remove(index);
            return Expected::Overlap;
        }
        whole.keep(fragment, header);
        let complete = whole.end().is_some_and(|end| (0..end).all(|place| whole.has_come(place)));
        if !complete {
            return Expected::Waiting;
        }
        let Some(whole) = self.waiting.remove(index) else { return Expected::Waiting };
        let torn = whole.congestion() && whole.codepoints.contains(&0);
        let too_long = whole.header.len() + whole.payload().len() > LONGEST;
        if torn || too_long { Expected::Malformed } else { Expected::Complete(whole) }
    }
}
