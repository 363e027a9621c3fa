//! A bit map of what a packet's fragments carry, which records the parts that have arrived.

/// The longest packet, in bytes: both families have 16 bits for a length and 13 for an offset in units of 8 bytes (RFC 791 3.1,
/// RFC 8200 4.5).
const MAX_LEN: usize = 65_535;

/// One bit for each 8 bytes that the fragments of a packet carry, the unit of their offsets (RFC 791 3.1, RFC 8200 4.5).
///
/// [`mark`](Self::mark) and [`set`](Self::set) panic at a bit beyond the end, which is 8,192: an offset has 13 bits.
#[derive(Debug)]
pub(crate) struct FragmentMap([u64; MAX_LEN.div_ceil(8 * 64)]);

impl FragmentMap {
    /// Nothing has arrived.
    pub(crate) const EMPTY: Self = Self([0; MAX_LEN.div_ceil(8 * 64)]);

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
    pub(crate) fn mark(&mut self, bit: usize) {
        self.0[bit / 64] |= 1 << (bit % 64);
    }

    /// Whether any of the bits from `first` to `last` is set. Bits beyond the end are not set.
    pub(crate) fn any(&self, first: usize, last: usize) -> bool {
        Self::words(first, last)
            .any(|(word, mask)| self.0.get(word).is_some_and(|bits| bits & mask != 0))
    }

    /// Whether all of the bits from `first` to `last` are set.
    pub(crate) fn all(&self, first: usize, last: usize) -> bool {
        Self::words(first, last)
            .all(|(word, mask)| self.0.get(word).is_some_and(|bits| bits & mask == mask))
    }

    /// Sets the bits from `first` to `last`, which must not be before `first`.
    pub(crate) fn set(&mut self, first: usize, last: usize) {
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
