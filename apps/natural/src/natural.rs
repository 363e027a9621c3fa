//! Natural numbers of any size, in regions.

use rt_regions::{Exhausted, Region, RegionVec};
use tasks::Pace;

/// A power of ten that fits in a limb and has its highest bit, and how many digits are below it.
const DECIMAL: (u64, usize) = (10_000_000_000_000_000_000, 19);

/// 2^128 - 1, divided by that power of ten, less 2^64: with it, a multiplication takes the place of a division.
const RECIPROCAL: u64 = (u128::MAX / DECIMAL.0 as u128 - (1 << 64)) as u64;

/// How many limbs are added in a row, before a loop is counted.
const ROW: usize = 4;

/// How many limbs a task works on before it yields: some 50 microseconds.
pub(crate) const SLICE: usize = 40_000;

/// A natural number.
#[derive(Debug)]
pub struct Natural<'r> {
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
    /// `region` is exhausted.
    pub fn new(value: u64, bits: usize, region: &'r Region<'_>) -> Result<Self, Exhausted> {
        let mut limbs = RegionVec::with_capacity(bits.div_ceil(64), region)?;
        if value > 0 {
            limbs.push(value)?;
        }
        Ok(Self { limbs })
    }

    /// Adds `other`.
    ///
    /// # Errors
    /// The region of this number is exhausted.
    pub fn add(&mut self, other: &Natural<'_>) -> Result<(), Exhausted> {
        while self.limbs.len() < other.limbs.len() {
            self.limbs.push(0)?;
        }
        let (low, high) = self.limbs.split_at_mut(other.limbs.len());
        let mut carry = false;
        let mut add_each = |limbs: &mut [u64], addends: &[u64]| {
            for (limb, &addend) in limbs.iter_mut().zip(addends) {
                (*limb, carry) = limb.carrying_add(addend, carry);
            }
        };
        let (rows, rest) = low.as_chunks_mut::<ROW>();
        let (addends, last) = other.limbs.as_chunks::<ROW>();
        for (row, addends) in rows.iter_mut().zip(addends) {
            add_each(row, addends);
        }
        add_each(rest, last);
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
    /// The region of this number is exhausted.
    pub fn scale(&mut self, factor: u64) -> Result<(), Exhausted> {
        let mut carry = 0;
        for limb in &mut *self.limbs {
            (*limb, carry) = limb.carrying_mul(factor, carry);
        }
        if carry > 0 { self.limbs.push(carry) } else { Ok(()) }
    }

    /// The product of the two, with room for one limb more, in `region`. Each limb of the result counts as work for `pace`,
    /// once for each limb of this number.
    ///
    /// # Errors
    /// `region` is exhausted.
    pub async fn times<'s>(
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
            add_row(&mut limbs[start..], &other.limbs, factor);
            pace.spend(other.limbs.len()).await;
        }
        let mut product = Natural { limbs };
        product.normalise();
        Ok(product)
    }

    /// How many limbs it has.
    pub fn limbs(&self) -> usize {
        self.limbs.len()
    }

    /// The decimal digits, in `region`. The number is used up by it.
    ///
    /// # Errors
    /// `region` is exhausted.
    pub async fn into_digits<'s>(mut self, region: &'s Region<'_>) -> Result<&'s [u8], Exhausted> {
        // A division takes several times as long as an addition.
        let mut pace = Pace::new(SLICE / 4);
        let bits =
            64 * self.limbs.len() - self.limbs.last().map_or(0, |l| l.leading_zeros() as usize);
        // At most one too many: log10(2) is a little less than 0.30103, and a number of b bits has
        // at most one digit more than b * log10(2).
        let digits = region.alloc_slice_with(bits * 30_103 / 100_000 + 1, |_| b'0')?;
        for group in digits.rchunks_mut(DECIMAL.1) {
            write_digits(self.divide(), group);
            pace.spend(self.limbs.len()).await;
        }
        let zeros = digits.len() > 1 && digits[0] == b'0';
        Ok(&digits[usize::from(zeros)..])
    }

    /// Divides by the power of ten; returns the remainder.
    fn divide(&mut self) -> u64 {
        let mut rest = 0;
        for limb in self.limbs.iter_mut().rev() {
            (*limb, rest) = divide(rest, *limb);
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

// What takes the time is in functions that are not async: those are compiled in this package, and optimised as it is.

/// Adds `factor` times `row` to `sum`, which has one limb more than `row` at least. That limb is zero, and gets the carry.
fn add_row(sum: &mut [u64], row: &[u64], factor: u64) {
    let (low, above) = sum.split_at_mut(row.len());
    let mut carry = 0;
    let mut add_each = |sums: &mut [u64], limbs: &[u64]| {
        for (sum, &limb) in sums.iter_mut().zip(limbs) {
            (*sum, carry) = limb.carrying_mul_add(factor, *sum, carry);
        }
    };
    let (sums, last_sums) = low.as_chunks_mut::<ROW>();
    let (rows, last_limbs) = row.as_chunks::<ROW>();
    for (sums, limbs) in sums.iter_mut().zip(rows) {
        add_each(sums, limbs);
    }
    add_each(last_sums, last_limbs);
    above[0] = carry;
}

/// Divides a number of two limbs by the power of ten; returns quotient and remainder. The higher limb is less than the power
/// of ten, so the quotient fits. Algorithm 4 of Möller and Granlund, "Improved division by invariant integers" (2011).
fn divide(high: u64, low: u64) -> (u64, u64) {
    let (fraction, estimate) = RECIPROCAL.carrying_mul_add(high, low, 0);
    // At most one too small or too large now.
    let mut quotient = estimate.wrapping_add(high).wrapping_add(1);
    let mut rest = low.wrapping_sub(quotient.wrapping_mul(DECIMAL.0));
    if rest > fraction {
        quotient = quotient.wrapping_sub(1);
        rest = rest.wrapping_add(DECIMAL.0);
    }
    if rest >= DECIMAL.0 {
        quotient = quotient.wrapping_add(1);
        rest -= DECIMAL.0;
    }
    (quotient, rest)
}

/// Writes the last digits of `number`, as many as there is room for.
fn write_digits(mut number: u64, digits: &mut [u8]) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

#[cfg(test)]
mod tests;
