//! The factorial, by multiplication.

use rt::Pace;
use rt_regions::{Exhausted, Region};
use udp::Reply;

use crate::natural::{Natural, SLICE};

/// The largest number whose factorial fits in a reply: it has 65,507 digits.
pub(crate) const MOST: u32 = 17_229;

/// The service: replies with the decimal digits of the factorial of the number in the request.
///
/// The product lives in a region of its own, which ends here; the digits live in `region`.
pub(crate) async fn factorial<'r>(request: &'r [u8], region: &'r Region<'_>) -> Reply<'r> {
    let number = request::number("factorial", request, 0..=MOST, region)?;
    let numbers = region.child("factorial");
    Ok(product(number, &numbers).await?.into_digits(region).await?)
}

/// The product of 1 to `number`, in `region`. It grows in place, multiplied by as many factors at
/// once as fit in 64 bits.
pub(crate) async fn product<'r>(
    number: u32,
    region: &'r Region<'_>,
) -> Result<Natural<'r>, Exhausted> {
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
