//! The factorial, by multiplication.

use rt_regions::{Exhausted, Region};
use tasks::Pace;

use crate::natural::{Natural, SLICE};

/// The product of 1 to `number`, in `region`. It grows in place, multiplied by as many factors at
/// once as fit in 64 bits.
///
/// # Errors
/// `region` is exhausted.
pub async fn factorial<'r>(number: u32, region: &'r Region<'_>) -> Result<Natural<'r>, Exhausted> {
    // A product has at most as many bits as its factors together.
    let bits = (1..=number).map(|factor| factor.ilog2() as usize + 1).sum();
    let mut product = Natural::new(1, bits, region)?;
    let (mut pace, mut factors) = (Pace::new(SLICE), 1_u64);
    for factor in 1..=u64::from(number) {
        factors = match factors.checked_mul(factor) {
            Some(more) => more,
            None => {
                product.scale(factors)?;
                pace.spend(product.limbs()).await;
                factor
            }
        };
    }
    product.scale(factors)?;
    Ok(product)
}

#[cfg(test)]
mod tests {
    use embassy_futures::block_on;
    use testkit::with_pool;

    use super::*;

    #[test]
    fn each_is_its_number_times_the_one_before() {
        with_pool(64, |pool| {
            let mut region = Region::new(pool, "test");
            for number in (1..100).chain([1_000, 1_001, 2_500]) {
                region.reset();
                let mut product = block_on(factorial(number - 1, &region)).unwrap();
                product.scale(number.into()).unwrap();
                let expected = block_on(product.into_digits(&region)).unwrap();
                let product = block_on(factorial(number, &region)).unwrap();
                assert_eq!(block_on(product.into_digits(&region)), Ok(expected), "{number}!");
            }
        });
    }
}
