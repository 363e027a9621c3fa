//! Entity tags: a hash of the bytes, which the compiler computes.

/// 16 hexadecimal digits and two quotes.
pub(super) const LEN: usize = 18;

/// The entity tag of a file with these bytes.
///
/// The hash is no secret, and it is not for keys that strangers choose: the files are those of the program. It has 64 bits, so two
/// versions of a file have the same tag once in 2^64.
pub(super) const fn of(bytes: &[u8]) -> [u8; LEN] {
    let hash = hash(bytes);
    let mut tag = [b'"'; LEN];
    let mut at = 0;
    while at < 16 {
        tag[at + 1] = b"0123456789abcdef"[(hash >> (60 - 4 * at) & 15) as usize];
        at += 1;
    }
    tag
}

/// Multiplies and folds, 8 bytes at a time. The number of steps is what the compiler limits in a `const`.
const fn hash(mut bytes: &[u8]) -> u64 {
    let (length, mut hash) = (bytes.len() as u64, 1);
    while let Some((word, rest)) = bytes.split_first_chunk::<8>() {
        hash = mix(hash ^ u64::from_le_bytes(*word));
        bytes = rest;
    }
    let mut last = 0;
    while let [byte, rest @ ..] = bytes {
        last = last << 8 | *byte as u64;
        bytes = rest;
    }
    mix(mix(hash ^ last) ^ length)
}

/// A permutation of 64-bit numbers: an odd factor and a shift to the right can be undone, so no two words become the same.
const fn mix(word: u64) -> u64 {
    let word = (word ^ word >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
    let word = (word ^ word >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
    word ^ word >> 32
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, vec, vec::Vec};

    use super::*;

    #[test]
    fn a_tag_changes_with_each_bit_and_with_the_length() {
        let mut tags = BTreeSet::new();
        let mut count = 0;
        for length in 0..40 {
            let zeros: Vec<u8> = vec![0; length];
            tags.insert(of(&zeros));
            count += 1;
            for bit in 0..8 * length {
                let mut bytes = zeros.clone();
                bytes[bit / 8] ^= 1 << (bit % 8);
                tags.insert(of(&bytes));
                count += 1;
            }
        }
        assert_eq!(tags.len(), count);
    }

    #[test]
    fn the_compiler_computes_a_tag() {
        const TAG: [u8; LEN] = of(&[7; 100_000]);
        assert_eq!(TAG, of(&[7; 100_000]));
        assert!(TAG[1..17].iter().all(u8::is_ascii_hexdigit));
        assert_eq!((TAG[0], TAG[17]), (b'"', b'"'));
    }
}
