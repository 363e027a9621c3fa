//! The Internet checksum (RFC 1071): the ones' complement of the ones' complement sum of 16-bit words.

use core::net::IpAddr;

use layer::Payload;

use crate::Protocol;

/// An Internet checksum in progress. Pieces may have any length; only their order counts.
///
/// ```
/// use network::Checksum;
///
/// // RFC 1071, 3: the example.
/// let bytes = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
/// assert_eq!(Checksum::new().add(&bytes).finish(), !0xddf2);
/// assert_eq!(Checksum::new().add(&bytes[..3]).add(&bytes[3..]).finish(), !0xddf2);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Checksum {
    /// The sum in the machine's own byte order, which only swaps the bytes of the result (RFC 1071 2 B). It has 64
    /// bits, with an end-around carry: in effect, four sums of 16 bits side by side.
    sum: u64,
    /// Whether an odd number of bytes was added.
    odd: bool,
}

impl Checksum {
    /// The sum of no bytes.
    pub const fn new() -> Self {
        Self { sum: 0, odd: false }
    }

    /// The sum of the pseudo header of UDP and TCP (RFC 768, 9293; RFC 8200 8.1): addresses, protocol, and the `length`
    /// of header and payload in bytes.
    ///
    /// The result has no meaning if the addresses are of two families, which no packet has.
    #[inline]
    pub fn pseudo_header(
        source: IpAddr,
        destination: IpAddr,
        protocol: Protocol,
        length: usize,
    ) -> Self {
        let word = |bytes| u64::from(u32::from_ne_bytes(bytes));
        let address = |address| match address {
            IpAddr::V4(address) => word(address.octets()),
            IpAddr::V6(address) => sum_bytes(&address.octets()),
        };
        let sum = word([0, 0, 0, protocol.0]) + word((length as u32).to_be_bytes());
        Self::new().plus(sum).plus(address(source)).plus(address(destination))
    }

    /// Adds `bytes`, which follow the bytes that were added before.
    #[allow(clippy::should_implement_trait, reason = "bytes are appended: this is not `+`")]
    #[inline]
    pub fn add(self, bytes: &[u8]) -> Self {
        let sum = sum_bytes(bytes);
        // After an odd number of bytes, each byte is in the other half of its word.
        let sum = if self.odd { sum.rotate_left(8) } else { sum };
        Self { odd: self.odd ^ (bytes.len() % 2 == 1), ..self.plus(sum) }
    }

    /// Adds all of `payload`, which follows the bytes that were added before.
    #[inline]
    pub fn add_payload(mut self, payload: &impl Payload) -> Self {
        payload.visit(0, payload.len(), &mut |piece| self = self.add(piece));
        self
    }

    /// The checksum for a header whose checksum field was zero or left out of the sum.
    #[inline]
    pub fn finish(self) -> u16 {
        u16::from_be(!self.fold())
    }

    /// Whether the bytes that were added, checksum included, are undamaged.
    #[inline]
    pub fn is_valid(self) -> bool {
        self.fold() == 0xffff
    }

    /// Adds a sum of whole words.
    #[inline]
    fn plus(self, sum: u64) -> Self {
        Self { sum: add(self.sum, sum), ..self }
    }

    /// Folds the sum into 16 bits, in two steps that each add one half to the other. The upper half of each result
    /// receives the carry out of the lower half, which is the end-around carry.
    #[inline]
    fn fold(self) -> u16 {
        let sum = (self.sum.wrapping_add(self.sum.rotate_left(32)) >> 32) as u32;
        (sum.wrapping_add(sum.rotate_left(16)) >> 16) as u16
    }
}

/// The sum of the words of `bytes` in the machine's byte order. An odd last byte is padded with zero.
#[inline]
fn sum_bytes(bytes: &[u8]) -> u64 {
    let (words, mut rest) = bytes.as_chunks::<8>();
    // Inlined for a header, which may be in registers. Longer input is worth a call.
    let sum = match words {
        [] => 0,
        [one] => halves(*one),
        [one, other] => halves(*one) + halves(*other),
        words => sum_words(words),
    };
    // A few words cannot overflow, unlike many.
    let mut last = 0;
    if let Some((word, after)) = rest.split_first_chunk::<4>() {
        last += u64::from(u32::from_ne_bytes(*word));
        rest = after;
    }
    if let Some((word, after)) = rest.split_first_chunk::<2>() {
        last += u64::from(u16::from_ne_bytes(*word));
        rest = after;
    }
    if let [byte] = rest {
        last += u64::from(u16::from_ne_bytes([*byte, 0]));
    }
    add(sum, last)
}

/// The sum of the two halves of a word.
#[inline]
fn halves(word: [u8; 8]) -> u64 {
    let word = u64::from_ne_bytes(word);
    (word & 0xffff_ffff) + (word >> 32)
}

/// Whether many words are summed side by side, which takes vector registers and 500 bytes of code. Guests that are
/// built to be small use neither.
const SIDE_BY_SIDE: bool = !layer::SMALL;

/// How many words are summed side by side: twice as many as two vector registers of 16 bytes hold.
const LANES: usize = 8;

/// The sum of words of 64 bits, with an end-around carry. It is a function of its own, so that there is one copy of it,
/// which is built for speed even where other code is built for size.
#[inline(never)]
fn sum_words(words: &[[u8; 8]]) -> u64 {
    let (mut sum, mut rest) = (0, words);
    if SIDE_BY_SIDE && let (blocks @ [_, ..], after) = words.as_chunks::<{ 2 * LANES }>() {
        (sum, rest) = (sum_blocks(blocks), after);
    }
    let (eights, rest) = rest.as_chunks::<8>();
    // The length is known, so the carry goes from word to word in the processor's carry flag.
    for eight in eights {
        let mut carry = false;
        for word in eight {
            (sum, carry) = sum.carrying_add(u64::from_ne_bytes(*word), carry);
        }
        sum = add(sum, carry.into());
    }
    rest.iter().fold(sum, |sum, word| add(sum, u64::from_ne_bytes(*word)))
}

/// The sum of two words, with an end-around carry.
#[inline]
fn add(one: u64, other: u64) -> u64 {
    let (sum, carry) = one.overflowing_add(other);
    // If there is a carry, the sum is below the largest word, so this cannot overflow.
    sum + u64::from(carry)
}

/// The sum of many words. The compiler keeps the lanes in vector registers, which have no carry. So the upper halves
/// are summed separately, and the sum of the lower halves is the rest of the whole sum.
#[inline]
fn sum_blocks(blocks: &[[[u8; 8]; 2 * LANES]]) -> u64 {
    let (mut all, mut upper) = ([0_u64; LANES], [0_u64; LANES]);
    for block in blocks {
        for words in block.as_chunks::<LANES>().0 {
            for (lane, word) in words.iter().enumerate() {
                let word = u64::from_ne_bytes(*word);
                all[lane] = all[lane].wrapping_add(word);
                upper[lane] += word >> 32;
            }
        }
    }
    let [all, upper] = [all, upper].map(|lanes| lanes.into_iter().fold(0, u64::wrapping_add));
    // Each is below 2^32 times the number of words, far from overflow for an object that fits in memory.
    all.wrapping_sub(upper << 32) + upper
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    /// The sum as RFC 1071 4.1 writes it, word by word.
    fn reference(bytes: &[u8]) -> u16 {
        let mut sum = 0u32;
        for pair in bytes.chunks(2) {
            sum += u32::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
            sum = (sum >> 16) + (sum & 0xffff);
        }
        !(sum as u16)
    }

    #[test]
    fn agrees_with_the_reference_at_every_length_and_cut() {
        let bytes: Vec<u8> = (0..200u32).map(|i| (i * 151 % 256) as u8 | 0x80).collect();
        for length in 0..bytes.len() {
            let bytes = &bytes[..length];
            assert_eq!(Checksum::new().add(bytes).finish(), reference(bytes), "{length}");
            for cut in 0..=length.min(70) {
                let sum = Checksum::new().add(&bytes[..cut]).add(&bytes[cut..]);
                assert_eq!(sum.finish(), reference(bytes), "{length} cut at {cut}");
            }
        }
    }

    #[test]
    fn carries_are_never_lost() {
        let ones = std::vec![0xff; 65_535];
        // Up to 127 bytes, the words of 64 bits sum to the largest number, and the rest is added to that.
        for length in (0..=300).chain([1480, 65_534, 65_535]) {
            assert_eq!(Checksum::new().add(&ones[..length]).finish(), reference(&ones[..length]));
        }
    }

    #[test]
    fn a_header_with_its_checksum_is_valid() {
        // RFC 791's example values with the checksum that they need.
        let mut header =
            [0x45, 0, 0, 0x73, 0, 0, 0x40, 0, 0x40, 0x11, 0, 0, 192, 168, 0, 1, 192, 168, 0, 199];
        let checksum = Checksum::new().add(&header).finish();
        assert_eq!(checksum, 0xb861);
        header[10..12].copy_from_slice(&checksum.to_be_bytes());
        assert!(Checksum::new().add(&header).is_valid());
        header[15] ^= 1;
        assert!(!Checksum::new().add(&header).is_valid());
    }

    #[test]
    fn the_pseudo_header_counts_protocol_and_length() {
        let (a, b) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let sum = Checksum::pseudo_header(a, b, Protocol::UDP, 9);
        assert_eq!(sum.finish(), reference(&[10, 0, 0, 1, 10, 0, 0, 2, 0, 17, 0, 9]));
    }
}
