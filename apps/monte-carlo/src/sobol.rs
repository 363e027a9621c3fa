//! The Sobol sequence in two dimensions: points that fill a square evenly.
//!
//! I. M. Sobol, "On the distribution of points in a cube and the approximate evaluation of
//! integrals", 1967; in the order of the Gray code, as I. A. Antonov and V. M. Saleev proposed in
//! 1979, so that each point differs from the one before by one direction number.

/// The number of bits of a coordinate, and of direction numbers in a dimension.
const BITS: usize = 32;

/// The direction numbers. The polynomial of the second dimension is x + 1.
const DIRECTIONS: [[u32; 2]; BITS] = {
    let mut directions = [[1 << 31; 2]; BITS];
    let mut bit = 1;
    while bit < BITS {
        let [x, y] = directions[bit - 1];
        directions[bit] = [x >> 1, y ^ y >> 1];
        bit += 1;
    }
    directions
};

/// The points from the one with index 1 on, each coordinate a fraction of 2^32. There are 2^32 - 1
/// of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Points {
    index: u32,
    last: [u32; 2],
}

impl Iterator for Points {
    type Item = [u32; 2];

    #[inline]
    fn next(&mut self) -> Option<[u32; 2]> {
        self.index = self.index.checked_add(1)?;
        // The Gray codes of neighbours differ in this bit.
        let [x, y] = DIRECTIONS[self.index.trailing_zeros() as usize];
        self.last = [self.last[0] ^ x, self.last[1] ^ y];
        Some(self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    /// The point with this index, from the definition: no point before it is needed.
    fn independent(index: u32) -> [u32; 2] {
        let gray = index ^ index >> 1;
        (0..BITS).filter(|bit| gray >> bit & 1 == 1).fold([0, 0], |point, bit| {
            // Row `bit` of Pascal's triangle modulo 2: a bit is set where C(bit, j) is odd, which it
            // is where j has no bit that `bit` has not.
            let row = (0..=bit).filter(|j| j & !bit == 0).fold(0, |row, j| row | 1 << (31 - j));
            [point[0] ^ 1 << (31 - bit), point[1] ^ row]
        })
    }

    #[test]
    fn the_first_points_are_the_known_ones() {
        let first = [
            [0x8000_0000, 0x8000_0000],
            [0xc000_0000, 0x4000_0000],
            [0x4000_0000, 0xc000_0000],
            [0x6000_0000, 0x6000_0000],
            [0xe000_0000, 0xe000_0000],
            [0xa000_0000, 0x2000_0000],
            [0x2000_0000, 0xa000_0000],
            [0x3000_0000, 0x5000_0000],
        ];
        assert!(Points::default().take(8).eq(first));
    }

    #[test]
    fn the_first_3650_points_have_the_known_digest() {
        let mut hash = Sha256::new();
        for coordinate in Points::default().take(3650).flatten() {
            hash.update(coordinate.to_le_bytes());
        }
        let digest: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(digest, "732a7709c1feee6c2a76c92bc067461bb1c55fe552f82eb71ec8f3ef6c7e408c");
    }

    #[test]
    fn each_point_is_the_one_that_its_index_defines() {
        for (index, point) in (1..).zip(Points::default().take(10_000)) {
            assert_eq!(point, independent(index), "{index}");
        }
    }

    #[test]
    fn the_sequence_ends_where_its_bits_end() {
        let index = u32::MAX - 2;
        let mut points = Points { index, last: independent(index) };
        assert_eq!(points.next(), Some(independent(u32::MAX - 1)));
        assert_eq!(points.next(), Some(independent(u32::MAX)));
        assert_eq!(points.next(), None);
        assert_eq!(points.next(), None);
    }
}
