//! The identifications of packets that are sent in fragments (RFC 7739), as a value.
//!
//! An identification must not come again while a fragment of an earlier packet with it may be under way, and nobody must be able to
//! predict it. A counter that is enciphered meets both: no number comes again before all 2^32 have been used, for whichever
//! destinations. The cipher is a Feistel network with a keyed hash as its round function.

use layer::KeyedHash;

/// Four rounds make a permutation that cannot be told from a random one (Luby and Rackoff, 1988).
const ROUNDS: u64 = 4;

/// The generator.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identifications {
    hash: KeyedHash,
    given: u32,
}

impl Identifications {
    /// Numbers that cannot be predicted without the secret of `hash`.
    pub(crate) const fn new(hash: KeyedHash) -> Self {
        Self { hash, given: 0 }
    }

    /// The identification of the next packet.
    #[inline(never)]
    pub(crate) fn draw(&mut self) -> u32 {
        self.given = self.given.wrapping_add(1);
        let (mut left, mut right) = ((self.given >> 16) as u16, self.given as u16);
        for round in 1..=ROUNDS {
            // Nothing else is hashed in this form: flows have bits above these.
            let mixed = self.hash.hash(round << 16 | u64::from(right)) as u16;
            (left, right) = (right, left ^ mixed);
        }
        u32::from(left) << 16 | u32::from(right)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn numbers(secret: u128) -> impl Iterator<Item = u32> {
        let mut ids = Identifications::new(KeyedHash::new(secret));
        core::iter::repeat_with(move || ids.draw())
    }

    /// RFC 7739 4: no collisions. A permutation has none; here the first 200,000.
    #[test]
    fn no_number_comes_again() {
        let all: HashSet<u32> = numbers(7).take(200_000).collect();
        assert_eq!(all.len(), 200_000);
    }

    /// RFC 7739 4: the next number does not follow from those before.
    #[test]
    fn steps_are_spread_over_all_numbers() {
        let all: std::vec::Vec<u32> = numbers(7).take(4096).collect();
        let mut steps = [0; 16];
        for pair in all.windows(2) {
            steps[(pair[1].wrapping_sub(pair[0]) >> 28) as usize] += 1;
        }
        assert!(steps.iter().all(|count| (190..=330).contains(count)), "{steps:?}");
        for bit in 0..32 {
            let ones = all.iter().filter(|&&number| number >> bit & 1 != 0).count();
            assert!((1900..=2200).contains(&ones), "bit {bit}: {ones}");
        }
    }

    #[test]
    fn each_secret_gives_other_numbers() {
        let first: HashSet<u32> = (0..200).filter_map(|secret| numbers(secret).next()).collect();
        assert_eq!(first.len(), 200);
    }
}
