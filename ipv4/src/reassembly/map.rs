//! A bit map of a payload, which records the parts that have arrived.

use crate::wire::MAX_PACKET_LEN;

/// One bit for each 8 bytes of payload.
#[derive(Debug)]
pub(super) struct Map([u64; MAX_PACKET_LEN.div_ceil(8 * 64)]);

impl Map {
    pub(super) const EMPTY: Self = Self([0; MAX_PACKET_LEN.div_ceil(8 * 64)]);

    /// The words that hold the bits from `first` to `last`, each with a mask of those bits.
    fn words(first: usize, last: usize) -> impl Iterator<Item = (usize, u64)> {
        let range = if first <= last { first / 64..last / 64 + 1 } else { 0..0 };
        range.map(move |word| {
            let from = if word == first / 64 { first % 64 } else { 0 };
            let to = if word == last / 64 { last % 64 } else { 63 };
            (word, u64::MAX << from & u64::MAX >> (63 - to))
        })
    }

    /// Sets one bit.
    pub(super) fn mark(&mut self, bit: usize) {
        self.0[bit / 64] |= 1 << (bit % 64);
    }

    /// Whether any of the bits from `first` to `last` is set. Bits beyond the end are not set.
    pub(super) fn any(&self, first: usize, last: usize) -> bool {
        Self::words(first, last)
            .any(|(word, mask)| self.0.get(word).is_some_and(|bits| bits & mask != 0))
    }

    /// Whether all of the bits from `first` to `last` are set.
    pub(super) fn all(&self, first: usize, last: usize) -> bool {
        Self::words(first, last)
            .all(|(word, mask)| self.0.get(word).is_some_and(|bits| bits & mask == mask))
    }

    /// Sets the bits from `first` to `last`, which must not be before `first`.
    pub(super) fn set(&mut self, first: usize, last: usize) {
        let (from, to) = (u64::MAX << (first % 64), u64::MAX >> (63 - last % 64));
        match &mut self.0[first / 64..=last / 64] {
            [word] => *word |= from & to,
            [start, middle @ .., end] => {
                *start |= from;
                middle.fill(u64::MAX);
                *end |= to;
            }
            [] => {}
        }
    }
}
