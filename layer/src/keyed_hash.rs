//! Hashes with a secret: one whose results strangers may see, and one for places in tables, whose results stay private.

use core::fmt;

use siphasher::sip::SipHasher13;

/// A hash that strangers cannot predict, even if they see its results: SipHash-1-3 with a key of 128 bits. It makes
/// identifications, random waiting times and the secrets of [`TableHash`].
#[derive(Clone, Copy)]
pub struct KeyedHash(u64, u64);

impl KeyedHash {
    /// The hash with this secret. Each bit of the secret is 0 or 1 with equal probability.
    pub const fn new(secret: u128) -> Self {
        Self(secret as u64, (secret >> 64) as u64)
    }

    /// The hash of `value`, taken as 8 bytes in little-endian order.
    #[inline(never)]
    pub fn hash(self, value: u64) -> u64 {
        SipHasher13::new_with_keys(self.0, self.1).hash(&value.to_le_bytes())
    }
}

/// Omits the secret.
impl fmt::Debug for KeyedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyedHash")
    }
}

/// Numbers one after the other, none of which can be predicted without the secret: the hashes of 1, 2, 3 and so on.
#[derive(Clone, Copy, Debug)]
pub struct KeyedSequence {
    keyed: KeyedHash,
    drawn: u64,
}

impl KeyedSequence {
    /// The numbers of this secret.
    pub const fn new(secret: u128) -> Self {
        Self { keyed: KeyedHash::new(secret), drawn: 0 }
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.drawn = self.drawn.wrapping_add(1);
        self.keyed.hash(self.drawn)
    }
}

/// A hash that chooses places in a table. An attacker who knows neither the secret nor the results cannot make more
/// entries compete for a place than chance does. It consists of bits of the product of the value and the secret:
/// "multiply-shift" (Dietzfelbinger and others, "A Reliable Randomized Algorithm for the Closest-Pair Problem", 1997).
/// It costs one multiplication. Its results must stay private, because a few of them reveal the secret.
#[derive(Clone, Copy)]
pub struct TableHash(u64);

impl TableHash {
    /// The hash whose secret is derived from `keyed`. The same `keyed` always gives the same hash.
    #[inline]
    pub fn new(keyed: KeyedHash) -> Self {
        // No other code hashes the largest number.
        Self(keyed.hash(u64::MAX))
    }

    /// The hash of `value`.
    #[inline]
    pub const fn hash(self, value: u32) -> u32 {
        (self.0.wrapping_mul(value as u64) >> 32) as u32
    }
}

/// Omits the secret.
impl fmt::Debug for TableHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TableHash")
    }
}

/// Derives the secret of the layer called `name` from the `seed` that all layers of a tower share. One layer's numbers
/// reveal nothing about another's, even if both hash the same values. Each layer derives its own secret, and uses the
/// seed for nothing else.
#[inline(never)]
pub fn seed_for(name: [u8; 4], seed: u128) -> u128 {
    let (name, keyed) = (u64::from(u32::from_be_bytes(name)), KeyedHash::new(seed));
    u128::from(keyed.hash(name << 8)) << 64 | u128::from(keyed.hash(name << 8 | 1))
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, format};

    use super::*;

    #[test]
    fn a_sequence_is_the_hashes_of_one_number_after_the_other() {
        let (keyed, mut numbers) = (KeyedHash::new(7), KeyedSequence::new(7));
        for number in 1..=3 {
            assert_eq!(numbers.draw(), keyed.hash(number));
        }
    }

    /// Eight bytes under the key 0 to 15, as the reference implementation of SipHash-1-3 has it.
    #[test]
    fn it_is_siphash() {
        let secret = u128::from_le_bytes(core::array::from_fn(|byte| byte as u8));
        let value = u64::from_le_bytes([0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(KeyedHash::new(secret).hash(value), 0x3690_9511_8d29_9a8e);
    }

    fn table(secret: u128) -> TableHash {
        TableHash::new(KeyedHash::new(secret))
    }

    #[test]
    fn secrets_and_values_give_other_hashes() {
        fn check<T: Eq + core::hash::Hash>(hash: impl Fn(u32, u32) -> T) {
            let by_value: HashSet<T> = (0..1000).map(|value| hash(7, value)).collect();
            let by_secret: HashSet<T> = (0..1000).map(|secret| hash(secret, 7)).collect();
            assert_eq!((by_value.len(), by_secret.len()), (1000, 1000));
            assert!(hash(7, 1) == hash(7, 1));
        }
        check(|secret, value| table(secret.into()).hash(value));
        check(|secret, value| KeyedHash::new(secret.into()).hash(value.into()));
        check(|secret, value| KeyedHash::new(u128::from(secret) << 64).hash(value.into()));
    }

    /// Each bit of the value changes each bit of the hash about every other time.
    #[test]
    fn every_bit_counts() {
        for bit in 0..64 {
            let mut flips = [0; 64];
            for value in 0..512 {
                let hash = KeyedHash::new(3);
                let changed = hash.hash(value) ^ hash.hash(value ^ 1 << bit);
                flips.iter_mut().enumerate().for_each(|(at, n)| *n += changed >> at & 1);
            }
            assert!(flips.iter().all(|n| (180..=332).contains(n)), "bit {bit}: {flips:?}");
        }
    }

    /// Two values are in one of 256 places as often as chance puts them there, whatever they are.
    #[test]
    fn no_two_values_compete_more_often_than_by_chance() {
        for (one, other) in [(0, 1), (0, 1 << 31), (7, 7 << 8), (1, u32::MAX), (3 << 20, 5 << 20)] {
            let collides = |secret: &u128| {
                (table(*secret).hash(one) ^ table(*secret).hash(other)).trailing_zeros() >= 8
            };
            let times = (0..25_600).filter(collides).count();
            assert!((60..=140).contains(&times), "{one} and {other}: {times} of 25,600");
        }
    }

    #[test]
    fn each_layer_has_a_secret_of_its_own() {
        let names = [*b"arp ", *b"ipv4", *b"icmp", *b"udp ", *b"tcp ", [0; 4]];
        let secrets = names.map(|name| seed_for(name, 7));
        for (at, secret) in secrets.iter().enumerate() {
            assert!(!secrets[..at].contains(secret) && *secret != 7, "{:?}", names[at]);
            assert_eq!(*secret, seed_for(names[at], 7));
            assert_ne!(*secret, seed_for(names[at], 8));
            // Its halves are hashes of two values.
            assert_ne!((*secret >> 64) as u64, *secret as u64);
        }
    }

    #[test]
    fn the_secret_is_not_printed() {
        assert_eq!(format!("{:?}", KeyedHash::new(0xdead_beef)), "KeyedHash");
        assert_eq!(format!("{:?}", table(0xdead_beef)), "TableHash");
    }
}
