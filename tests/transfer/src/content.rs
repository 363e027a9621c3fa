//! Bytes that follow from a seed.

/// What a transfer carries: the same seed gives the same bytes, in pieces of any size. They repeat after 2^67.
#[derive(Clone, Debug)]
pub struct Content {
    state: u64,
    /// What is left of the last eight bytes, of which the lowest comes first, and how many these are.
    left: u64,
    count: u32,
}

impl Content {
    /// The bytes that begin at `seed`.
    pub const fn new(seed: u64) -> Self {
        // One step of a sequence of Weyl, so that seeds which are near each other are not, and never 0.
        Self { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, left: 0, count: 0 }
    }

    /// The next eight bytes: xorshift (Marsaglia 2003).
    fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }

    /// The next bytes, as many as there is room for.
    pub fn fill(&mut self, room: &mut [u8]) {
        let mut room = room.iter_mut();
        // What an earlier call began.
        for byte in room.by_ref().take(self.count as usize) {
            *byte = self.left as u8;
            self.left >>= 8;
            self.count -= 1;
        }
        let mut words = room.into_slice().chunks_exact_mut(8);
        for word in &mut words {
            word.copy_from_slice(&self.next().to_le_bytes());
        }
        let rest = words.into_remainder();
        if !rest.is_empty() {
            (self.left, self.count) = (self.next(), 8);
            self.fill(rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes<const N: usize>(seed: u64) -> [u8; N] {
        let mut bytes = [0; N];
        Content::new(seed).fill(&mut bytes);
        bytes
    }

    #[test]
    fn pieces_of_every_size_are_the_whole() {
        let whole: [u8; 1000] = bytes(42);
        for size in 1..100 {
            let (mut content, mut pieces) = (Content::new(42), [0; 1000]);
            pieces.chunks_mut(size).for_each(|piece| content.fill(piece));
            assert_eq!(pieces, whole, "pieces of {size} bytes");
        }
    }

    #[test]
    fn seeds_differ_and_none_is_dull() {
        for seed in [0, 1, 2, u64::MAX] {
            let content: [u8; 4096] = bytes(seed);
            assert!((0..=u8::MAX).all(|byte| content.contains(&byte)), "seed {seed}");
        }
        assert_ne!(bytes::<8>(2), bytes::<8>(4));
    }
}
