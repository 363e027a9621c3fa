//! The services: a number is read, another one computed, and its digits are the reply.

use natural::{factorial, fibonacci, fibonacci_by_adding};
use rt_regions::{Pool, Region};
use udp::Reply;

/// The largest number whose factorial fits in a reply: it has 65,507 digits.
pub(crate) const MOST_FACTORIAL: u32 = 17_229;

/// The index of the largest Fibonacci number that fits in a reply: it has 65,507 digits.
pub(crate) const MOST_FIBONACCI: u32 = 313_450;

/// How many pages the largest request takes: two numbers, its digits, and the future.
const MOST_PAGES: usize = 8 + 8 + 16 + 2;

/// How many requests to each of three ports may be in work, so that all have the memory that they need: from 1 to 64.
pub(crate) fn requests_at_once(pool: &Pool<'_>) -> usize {
    // Tasks get three quarters of the pool.
    (pool.pages() / 4 * 3 / (3 * MOST_PAGES)).clamp(1, 64)
}

/// Replies with the decimal digits of the factorial of the number in the request.
///
/// The product lives in a region of its own, which ends here; the digits live in `region`.
pub(crate) async fn factorials<'r>(request: &'r [u8], region: &'r Region<'_>) -> Reply<'r> {
    let number = request::number("factorial", request, 0..=MOST_FACTORIAL, region)?;
    let numbers = region.child("factorial");
    Ok(factorial(number, &numbers).await?.into_digits(region).await?)
}

/// Replies with the decimal digits of the Fibonacci number whose index is the request, found by addition.
///
/// The numbers live in a region of their own, which ends here; the digits live in `region`.
pub(crate) async fn by_addition<'r>(request: &'r [u8], region: &'r Region<'_>) -> Reply<'r> {
    let index = request::number("fibonacci", request, 0..=MOST_FIBONACCI, region)?;
    let numbers = region.child("fibonacci");
    Ok(fibonacci_by_adding(index, &numbers).await?.into_digits(region).await?)
}

/// Replies with the decimal digits of the Fibonacci number whose index is the request, found by doubling.
pub(crate) async fn by_doubling<'r>(request: &'r [u8], region: &'r Region<'_>) -> Reply<'r> {
    let index = request::number("fibonacci", request, 0..=MOST_FIBONACCI, region)?;
    let numbers = region.child("fibonacci");
    Ok(fibonacci(index, &numbers).await?.into_digits(region).await?)
}
