//! What requests carry: their number, and a pattern that follows from it.

/// How many different patterns there are: a prime, so that no window has its length as a period.
const PATTERNS: usize = 251;
/// The number of a request, in bytes.
const NUMBER: usize = 8;

/// Requests of one size.
#[derive(Clone, Debug)]
pub struct Content {
    /// Request `n` carries the bytes from `n % PATTERNS` on.
    source: Vec<u8>,
    size: usize,
}

impl Content {
    /// The shortest request, in bytes.
    pub const LEAST: usize = NUMBER;

    /// Requests of `size` bytes, which is at least [`LEAST`](Self::LEAST).
    pub fn new(size: usize) -> Self {
        let byte = |i: usize| (i.wrapping_mul(0x9e37_79b1) >> 13) as u8;
        Self { source: (0..size + PATTERNS).map(byte).collect(), size }
    }

    /// The size of a request in bytes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Writes request `number` into `out`, which has the size of a request.
    pub fn write(&self, number: u64, out: &mut [u8]) {
        let (head, rest) = out.split_at_mut(NUMBER);
        head.copy_from_slice(&number.to_le_bytes());
        rest.copy_from_slice(self.rest(number));
    }

    /// The number of the request that these bytes are; none if they are none that was ever written.
    pub fn number(&self, bytes: &[u8]) -> Option<u64> {
        let (head, rest) = bytes.split_first_chunk::<NUMBER>()?;
        let number = u64::from_le_bytes(*head);
        (rest == self.rest(number)).then_some(number)
    }

    fn rest(&self, number: u64) -> &[u8] {
        let start = (number % PATTERNS as u64) as usize;
        &self.source[start..start + self.size - NUMBER]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_known_again_and_nothing_else_is() {
        for size in [8, 9, 64, 1400, 60_000] {
            let content = Content::new(size);
            let mut bytes = vec![0; size];
            for number in [0, 1, 250, 251, u64::MAX] {
                content.write(number, &mut bytes);
                assert_eq!(content.number(&bytes), Some(number));
                assert_eq!(content.number(&bytes[..size - 1]), None);
                if size > NUMBER {
                    bytes[size - 1] ^= 1;
                    assert_eq!(content.number(&bytes), None);
                }
            }
        }
    }

    /// Pieces of two requests that were put together wrongly are noticed.
    #[test]
    fn two_requests_next_to_each_other_differ_everywhere() {
        let content = Content::new(8192);
        let (mut one, mut other) = (vec![0; 8192], vec![0; 8192]);
        content.write(1, &mut one);
        content.write(2, &mut other);
        for piece in (8..8192 - 128).step_by(64) {
            assert_ne!(one[piece..piece + 64], other[piece..piece + 64]);
            assert_ne!(one[piece..piece + 64], one[piece + 64..piece + 128]);
        }
    }
}
