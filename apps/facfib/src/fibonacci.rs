//! The Fibonacci numbers, by addition and by doubling.

use core::mem;

use rt_regions::{Exhausted, Region};
use udp::Reply;

use crate::natural::Natural;

/// The index of the largest Fibonacci number that fits in a reply: it has 65,507 digits.
pub(crate) const MOST: u32 = 313_450;

/// The service: replies with the decimal digits of the Fibonacci number whose index is the request,
/// found by addition.
///
/// The numbers live in a region of their own, which ends here; the digits live in `region`.
pub(crate) fn by_addition<'r>(request: &'r [u8], region: &'r Region<'_>) -> Reply<'r> {
    let index = request::number("fibonacci", request, 0..=MOST, region)?;
    let numbers = region.child("fibonacci");
    Ok(add_up(index, &numbers)?.into_digits(region)?)
}

/// The service of Fibonacci numbers that computes by doubling.
pub(crate) fn by_doubling<'r>(request: &'r [u8], region: &'r Region<'_>) -> Reply<'r> {
    let index = request::number("fibonacci", request, 0..=MOST, region)?;
    let numbers = region.child("fibonacci");
    let (_, number) = double_up(index, &numbers)?;
    Ok(number.into_digits(region)?)
}

/// F(n), in `region`: two numbers that grow in place, each added to the other in turn.
pub(crate) fn add_up<'r>(n: u32, region: &'r Region<'_>) -> Result<Natural<'r>, Exhausted> {
    // F(n + 1) is at most 2^(0.7 n).
    let bits = n as usize * 7 / 10 + 1;
    let mut this = Natural::new(0, bits, region)?;
    let mut next = Natural::new(1, bits, region)?;
    for _ in 0..n {
        this.add(&next)?;
        mem::swap(&mut this, &mut next);
    }
    Ok(this)
}

/// F(n-1) and F(n), in `region`, from the two at k, the half of n:
///
/// ```text
/// F(2k-1) = F(k)^2 + F(k-1)^2
/// F(2k)   = F(k) (2 F(k-1) + F(k))
/// ```
///
/// What is needed at k lives in a region that ends here. So each step needs half the memory of the
/// one before, and there are as many steps as n has bits.
pub(crate) fn double_up<'r>(
    n: u32,
    region: &'r Region<'_>,
) -> Result<(Natural<'r>, Natural<'r>), Exhausted> {
    if n == 0 {
        return Ok((Natural::new(1, 1, region)?, Natural::new(0, 1, region)?));
    }
    let half = region.child("half");
    let (mut before, this) = double_up(n / 2, &half)?;
    let mut odd = this.times(&this, region)?;
    odd.add(&before.times(&before, &half)?)?;
    before.scale(2)?;
    before.add(&this)?;
    let even = before.times(&this, region)?;
    if n.is_multiple_of(2) {
        return Ok((odd, even));
    }
    odd.add(&even)?;
    Ok((even, odd))
}
