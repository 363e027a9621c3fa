//! A hash with a secret.

/// A hash that cannot be predicted by whoever does not know its secret: for the places of a table that
/// strangers fill, and for numbers that strangers are not to guess. It mixes well and costs two
/// multiplications a step; it is not made to withstand somebody who sees its results.
#[derive(Clone, Copy)]
pub struct Keyed(u64);

impl Keyed {
    /// The hash with this secret.
    pub const fn new(secret: u64) -> Self {
        Self(secret)
    }

    /// The hash of `value`: the same each time.
    #[inline]
    pub const fn hash(self, value: u64) -> u64 {
        mix(mix(self.0 ^ value).wrapping_add(self.0))
    }
}

/// Does not tell the secret.
impl core::fmt::Debug for Keyed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Keyed")
    }
}

/// Spreads the bits of a number over all of it (the last steps of `SplitMix64`).
#[inline]
const fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, format};

    use super::*;

    #[test]
    fn secrets_and_values_give_other_hashes() {
        let by_value: HashSet<u64> = (0..1000).map(|value| Keyed::new(7).hash(value)).collect();
        let by_secret: HashSet<u64> = (0..1000).map(|secret| Keyed::new(secret).hash(7)).collect();
        assert_eq!((by_value.len(), by_secret.len()), (1000, 1000));
        assert_eq!(Keyed::new(7).hash(1), Keyed::new(7).hash(1));
    }

    /// Each bit of the value changes each bit of the hash about every other time.
    #[test]
    fn every_bit_counts() {
        for bit in 0..64 {
            let mut flips = [0; 64];
            for value in 0..512 {
                let changed = Keyed::new(3).hash(value) ^ Keyed::new(3).hash(value ^ 1 << bit);
                flips.iter_mut().enumerate().for_each(|(at, n)| *n += changed >> at & 1);
            }
            assert!(flips.iter().all(|n| (180..=332).contains(n)), "bit {bit}: {flips:?}");
        }
    }

    #[test]
    fn the_secret_is_not_printed() {
        assert_eq!(format!("{:?}", Keyed::new(0xdead_beef)), "Keyed");
    }
}
