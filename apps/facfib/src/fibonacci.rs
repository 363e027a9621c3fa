//! The Fibonacci numbers, by addition and by doubling.

use core::mem;

use rt::Pace;
use rt_regions::{Exhausted, Region};
use udp::Reply;

use crate::natural::{Natural, SLICE};

/// The index of the largest Fibonacci number that fits in a reply: it has 65,507 digits.
pub(crate) const MOST: u32 = 313_450;

/// The service: replies with the decimal digits of the Fibonacci number whose index is the request,
/// found by addition.
///
/// The numbers live in a region of their own, which ends here; the digits live in `region`.
pub(crate) async fn by_addition<'r>(request: &'r [u8], region: &'r Region<'_>) -> Reply<'r> {
    let index = request::number("fibonacci", request, 0..=MOST, region)?;
    let numbers = region.child("fibonacci");
    Ok(add_up(index, &numbers).await?.into_digits(region).await?)
}

/// The service of Fibonacci numbers that computes by doubling.
pub(crate) async fn by_doubling<'r>(request: &'r [u8], region: &'r Region<'_>) -> Reply<'r> {
    let index = request::number("fibonacci", request, 0..=MOST, region)?;
    let numbers = region.child("fibonacci");
    let (_, number) = double_up(index, &numbers).await?;
    Ok(number.into_digits(region).await?)
}

/// F(n), in `region`: two numbers that grow in place, each added to the other in turn.
pub(crate) async fn add_up<'r>(n: u32, region: &'r Region<'_>) -> Result<Natural<'r>, Exhausted> {
    // F(n + 1) is at most 2^(0.7 n).
    let bits = n as usize * 7 / 10 + 1;
    let mut this = Natural::new(0, bits, region)?;
    let mut next = Natural::new(1, bits, region)?;
    let mut pace = Pace::new(SLICE);
    for _ in 0..n {
        this.add(&next)?;
        mem::swap(&mut this, &mut next);
        pace.spend(next.limbs()).await;
    }
    Ok(this)
}

/// F(n-1) and F(n), in `region`, by as many steps as n has bits, from the highest bit to the lowest.
///
/// What a step needs lives in a region that is emptied when the next step is done. So each step needs half the
/// memory of the one after it.
pub(crate) async fn double_up<'r>(
    n: u32,
    region: &'r Region<'_>,
) -> Result<(Natural<'r>, Natural<'r>), Exhausted> {
    let (mut half, mut other) = (region.child("half"), region.child("half"));
    let mut pace = Pace::new(SLICE);
    let mut bit = n.checked_ilog2().unwrap_or_default();
    let is_odd = |bit| n >> bit & 1 == 1;
    // F(-1) and F(0).
    let mut pair = (Natural::new(1, 1, &half)?, Natural::new(0, 1, &half)?);
    loop {
        if bit == 0 {
            return double(pair, is_odd(bit), &half, region, &mut pace).await;
        }
        let next = double(pair, is_odd(bit), &half, &other, &mut pace).await?;
        half.release();
        bit -= 1;
        if bit == 0 {
            return double(next, is_odd(bit), &other, region, &mut pace).await;
        }
        pair = double(next, is_odd(bit), &other, &half, &mut pace).await?;
        other.release();
        bit -= 1;
    }
}

/// F(2k-1) and F(2k), or F(2k) and F(2k+1) if `is_odd`, in `region`, from F(k-1) and F(k):
///
/// ```text
/// F(2k-1) = F(k)^2 + F(k-1)^2
/// F(2k)   = F(k) (2 F(k-1) + F(k))
/// ```
///
/// What is needed only here lives in `half`.
async fn double<'r>(
    (mut before, this): (Natural<'_>, Natural<'_>),
    is_odd: bool,
    half: &Region<'_>,
    region: &'r Region<'_>,
    pace: &mut Pace,
) -> Result<(Natural<'r>, Natural<'r>), Exhausted> {
    let mut odd = this.times(&this, region, pace).await?;
    odd.add(&before.times(&before, half, pace).await?)?;
    before.scale(2)?;
    before.add(&this)?;
    let even = before.times(&this, region, pace).await?;
    if !is_odd {
        return Ok((odd, even));
    }
    odd.add(&even)?;
    Ok((even, odd))
}
