//! Natural numbers of any size, in regions.

use rt::Pace;
use rt_regions::{Exhausted, Pool, Region, RegionVec};

/// A power of ten that fits in a limb, and how many digits are below it.
const DECIMAL: (u64, usize) = (10_000_000_000_000_000_000, 19);

/// How many limbs a task works on before it yields: some 50 microseconds.
pub(crate) const SLICE: usize = 40_000;

/// How many pages the largest request takes: two numbers, its digits, and the future.
const MOST_PAGES: usize = 8 + 8 + 16 + 2;

/// How many requests to each of three ports may be in work, so that all have the memory that they need: from 1 to 64.
pub(crate) fn requests_at_once(pool: &Pool<'_>) -> usize {
    // Tasks get three quarters of the pool.
    (pool.pages() / 4 * 3 / (3 * MOST_PAGES)).clamp(1, 64)
}

/// A natural number.
#[derive(Debug)]
pub(crate) struct Natural<'r> {
    /// The lowest 64 bits first.
    ///
    /// INVARIANT: the last limb is not zero; zero has no limbs.
    limbs: RegionVec<'r, u64>,
}

impl<'r> Natural<'r> {
    /// `value`, with room to grow to `bits` bits without moving. (It grows beyond by moving, and
    /// the old place stays in the region.)
    ///
    /// # Errors
    /// [`Exhausted`].
    pub(crate) fn new(value: u64, bits: usize, region: &'r Region<'_>) -> Result<Self, Exhausted> {
        let mut limbs = RegionVec::with_capacity(bits.div_ceil(64), region)?;
        if value > 0 {
            limbs.push(value)?;
        }
        Ok(Self { limbs })
    }

    /// Adds `other`.
    ///
    /// # Errors
    /// [`Exhausted`].
    pub(crate) fn add(&mut self, other: &Natural<'_>) -> Result<(), Exhausted> {
        while self.limbs.len() < other.limbs.len() {
            self.limbs.push(0)?;
        }
        let (low, high) = self.limbs.split_at_mut(other.limbs.len());
        let mut carry = false;
        for (limb, &addend) in low.iter_mut().zip(&*other.limbs) {
            (*limb, carry) = limb.carrying_add(addend, carry);
        }
        for limb in high {
            if !carry {
                return Ok(());
            }
            (*limb, carry) = limb.carrying_add(0, carry);
        }
        if carry { self.limbs.push(1) } else { Ok(()) }
    }

    /// Multiplies by `factor`, which is not zero.
    ///
    /// # Errors
    /// [`Exhausted`].
    pub(crate) fn scale(&mut self, factor: u64) -> Result<(), Exhausted> {
        let mut carry = 0;
        for limb in &mut *self.limbs {
            (*limb, carry) = limb.carrying_mul(factor, carry);
        }
        if carry > 0 { self.limbs.push(carry) } else { Ok(()) }
    }

    /// The product of the two, with room for one limb more, in `region`.
    ///
    /// # Errors
    /// [`Exhausted`].
    pub(crate) async fn times<'s>(
        &self,
        other: &Natural<'_>,
        region: &'s Region<'_>,
        pace: &mut Pace,
    ) -> Result<Natural<'s>, Exhausted> {
        let length = self.limbs.len() + other.limbs.len();
        let mut limbs = RegionVec::with_capacity(length + 1, region)?;
        for _ in 0..length {
            limbs.push(0)?;
        }
        for (start, &factor) in self.limbs.iter().enumerate() {
            let (row, above) = limbs[start..].split_at_mut(other.limbs.len());
            let mut carry = 0;
            for (sum, &limb) in row.iter_mut().zip(&*other.limbs) {
                (*sum, carry) = limb.carrying_mul_add(factor, *sum, carry);
            }
            above[0] = carry;
            pace.spend(other.limbs.len()).await;
        }
        let mut product = Natural { limbs };
        product.normalise();
        Ok(product)
    }

    /// How many limbs it has.
    pub(crate) fn limbs(&self) -> usize {
        self.limbs.len()
    }

    /// The decimal digits, in `region`. The number is used up by it.
    ///
    /// # Errors
    /// [`Exhausted`].
    pub(crate) async fn into_digits<'s>(
        mut self,
        region: &'s Region<'_>,
    ) -> Result<&'s [u8], Exhausted> {
        // A division takes several times as long as an addition.
        let mut pace = Pace::new(SLICE / 4);
        let bits =
            64 * self.limbs.len() - self.limbs.last().map_or(0, |l| l.leading_zeros() as usize);
        // At most one too many: log10(2) is a little less than 0.30103, and a number of b bits has
        // at most one digit more than b * log10(2).
        let digits = region.alloc_slice_with(bits * 30_103 / 100_000 + 1, |_| b'0')?;
        for group in digits.rchunks_mut(DECIMAL.1) {
            let mut rest = self.divide();
            for digit in group.iter_mut().rev() {
                *digit = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
            pace.spend(self.limbs.len()).await;
        }
        let zeros = digits.len() > 1 && digits[0] == b'0';
        Ok(&digits[usize::from(zeros)..])
    }

    /// Divides by the power of ten; returns the remainder.
    fn divide(&mut self) -> u64 {
        let (divisor, mut rest) = (u128::from(DECIMAL.0), 0);
        for limb in self.limbs.iter_mut().rev() {
            let dividend = u128::from(rest) << 64 | u128::from(*limb);
            // Both fit, because the old rest is less than the divisor.
            (*limb, rest) = ((dividend / divisor) as u64, (dividend % divisor) as u64);
        }
        self.normalise();
        rest
    }

    fn normalise(&mut self) {
        while self.limbs.last() == Some(&0) {
            self.limbs.pop();
        }
    }
}

#[cfg(test)]
mod tests;
