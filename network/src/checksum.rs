//! The Internet checksum (RFC 1071): the ones' complement of the ones' complement sum of 16-bit words.

use core::net::IpAddr;

use netif::Payload;

use crate::Protocol;

/// A sum under way. Pieces may have any length; only their order counts.
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
    /// The sum of the words in the machine's own byte order, carries not yet folded in
    /// (RFC 1071 2 B: the sum is the same up to the order of its bytes).
    sum: u64,
    /// Whether an odd number of bytes was added.
    odd: bool,
}

impl Checksum {
    /// The sum of nothing.
    pub const fn new() -> Self {
        Self { sum: 0, odd: false }
    }

    /// The sum of the pseudo header that UDP and TCP put before theirs (RFC 768, 9293; RFC 8200 8.1):
    /// addresses, protocol, and the `length` of header and payload in bytes.
    ///
    /// Addresses of two families sum to something; no packet has them.
    pub fn pseudo_header(
        source: IpAddr,
        destination: IpAddr,
        protocol: Protocol,
        length: usize,
    ) -> Self {
        let address = |sum: Self, address| match address {
            IpAddr::V4(address) => sum.add(&address.octets()),
            IpAddr::V6(address) => sum.add(&address.octets()),
        };
        let sum = address(address(Self::new(), source), destination);
        sum.add(&[0, protocol.0]).add(&(length as u32).to_be_bytes())
    }

    /// The sum with `bytes` after what was added before.
    #[allow(clippy::should_implement_trait, reason = "bytes are appended: this is not `+`")]
    #[inline]
    pub fn add(self, bytes: &[u8]) -> Self {
        let sum = u64::from(fold(sum_words(bytes)));
        // After an odd number of bytes, each byte stands in the other half of its word.
        let sum = if self.odd { u64::from((sum as u16).swap_bytes()) } else { sum };
        Self { sum: self.sum + sum, odd: self.odd ^ (bytes.len() % 2 == 1) }
    }

    /// The sum with all of `payload` after what was added before.
    #[inline]
    pub fn add_payload(mut self, payload: &impl Payload) -> Self {
        payload.visit(0, payload.len(), &mut |piece| self = self.add(piece));
        self
    }

    /// The checksum to put into a header, in which the field was zero or left out.
    #[inline]
    pub fn finish(self) -> u16 {
        u16::from_be(!fold(self.sum))
    }

    /// Whether what was added, checksum included, is undamaged.
    #[inline]
    pub fn is_valid(self) -> bool {
        fold(self.sum) == 0xffff
    }
}

/// The sum of the words of `bytes` in the machine's byte order, an odd last byte filled up with zero.
#[inline]
fn sum_words(bytes: &[u8]) -> u64 {
    let (blocks, rest) = bytes.as_chunks::<32>();
    let blocks = if blocks.is_empty() { 0 } else { sum_blocks(blocks) };
    let (words, last) = rest.as_chunks::<2>();
    let mut sum = words.iter().map(|word| u64::from(u16::from_ne_bytes(*word))).sum::<u64>();
    if let [last] = last {
        sum += u64::from(u16::from_ne_bytes([*last, 0]));
    }
    blocks + sum
}

/// The same of whole blocks. On its own, so that there is one copy of it, made fast, whatever else is made
/// small.
#[inline(never)]
fn sum_blocks(blocks: &[[u8; 32]]) -> u64 {
    // Eight sums side by side of 32-bit halves, which the compiler keeps in vector registers: 2^32
    // words fit before one overflows, far more than an object can have.
    let mut sums = [0u64; 8];
    for block in blocks {
        let (words, _) = block.as_chunks::<4>();
        for (sum, word) in sums.iter_mut().zip(words) {
            *sum += u64::from(u32::from_ne_bytes(*word));
        }
    }
    // Each is below 2^32 times the number of blocks; folding them once keeps the total in 64 bits.
    sums.iter().map(|sum| (sum >> 32) + (sum & 0xffff_ffff)).sum()
}

/// Adds the carries back in until 16 bits are left.
#[inline]
fn fold(sum: u64) -> u16 {
    let sum = (sum >> 32) + (sum & 0xffff_ffff);
    let sum = (sum >> 32) + (sum & 0xffff_ffff);
    let sum = (sum >> 16) + (sum & 0xffff);
    let sum = (sum >> 16) + (sum & 0xffff);
    ((sum >> 16) + (sum & 0xffff)) as u16
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
        for length in [2, 3, 1480, 65_534, 65_535] {
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
