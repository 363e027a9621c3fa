//! The Fibonacci numbers, by addition and by doubling.

use core::mem;

use rt_regions::{Exhausted, Region};
use tasks::Pace;

use crate::natural::{Natural, SLICE};

/// The Fibonacci number F(n), in `region`, by doubling: F(n-1) and F(n) from the two at n/2. F(0) is 0.
///
/// # Errors
/// `region` is exhausted.
pub async fn fibonacci<'r>(n: u32, region: &'r Region<'_>) -> Result<Natural<'r>, Exhausted> {
    let (_, number) = double_up(n, region).await?;
    Ok(number)
}

/// The Fibonacci number F(n), in `region`, by adding n times: two numbers that grow in place, each added to the other in turn.
///
/// # Errors
/// `region` is exhausted.
pub async fn fibonacci_by_adding<'r>(
    n: u32,
    region: &'r Region<'_>,
) -> Result<Natural<'r>, Exhausted> {
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
async fn double_up<'r>(
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

#[cfg(test)]
mod tests {
    use std::string::String;

    use embassy_futures::block_on;
    use testkit::with_pool;

    use super::*;

    fn digits(number: Natural<'_>, region: &Region<'_>) -> String {
        str::from_utf8(block_on(number.into_digits(region)).unwrap()).unwrap().into()
    }

    #[test]
    fn doubling_gives_what_addition_gives() {
        with_pool(64, |pool| {
            let mut region = Region::new(pool, "test");
            for index in (0..400).chain((400..8_000).step_by(577)) {
                region.reset();
                let (before, this) = block_on(double_up(index, &region)).unwrap();
                let added = block_on(fibonacci_by_adding(index, &region)).unwrap();
                assert_eq!(digits(this, &region), digits(added, &region), "F({index})");
                let added = block_on(fibonacci_by_adding(index.max(1) - 1, &region)).unwrap();
                let before = digits(before, &region);
                // F(-1) is 1.
                assert_eq!(before, if index == 0 { "1".into() } else { digits(added, &region) });
            }
        });
    }

    #[test]
    fn neighbours_satisfy_the_identity_of_cassini() {
        // F(n-1) F(n+1) = F(n)^2 + (-1)^n
        with_pool(256, |pool| {
            let mut region = Region::new(pool, "test");
            for n in [1, 2, 93, 94, 777, 10_000, 54_321] {
                region.reset();
                let mut pace = Pace::new(1_000);
                let (before, this) = block_on(double_up(n, &region)).unwrap();
                let next = block_on(fibonacci(n + 1, &region)).unwrap();
                let mut square = block_on(this.times(&this, &region, &mut pace)).unwrap();
                let mut product = block_on(before.times(&next, &region, &mut pace)).unwrap();
                let one = Natural::new(1, 1, &region).unwrap();
                if n.is_multiple_of(2) { &mut square } else { &mut product }.add(&one).unwrap();
                assert_eq!(digits(square, &region), digits(product, &region), "n = {n}");
            }
        });
    }
}
