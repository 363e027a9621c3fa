//! `/fib/{n}`: a Fibonacci number as JSON.

use http::Failure;
use rt_regions::Region;

use crate::{
    budget::{self, Budget},
    service::Reply,
};

/// The largest index. Its number has 62,696 digits.
const MOST: u64 = 300_000;

/// How many pages it takes to compute the number of this index.
fn pages(n: u64) -> usize {
    let n = n as usize;
    // F(n-1) and F(n), which have 0.7 n bits each; and what they are made of, or the digits of F(n), 0.21 n.
    let number = budget::pages(n * 7 / 80 + 16);
    2 * number + (2 * number).max(budget::pages(n * 21 / 100 + 1)) + 2
}

/// The Fibonacci number of this index as JSON, in `region`.
pub(crate) async fn reply<'r>(
    index: &str,
    budget: &Budget,
    region: &'r Region<'_>,
) -> Result<Reply<'r>, Failure> {
    let n = layer::decimal(index.as_bytes(), MOST).ok_or(Failure::Refused(
        400,
        "the index is not a number from 0 to 300000: ask for /fib/2000",
    ))?;
    let digits = digits(n, budget, region).await?;
    let head = region.format(format_args!("{{\"n\": {n}, \"fibonacci\": \""))?;
    Ok(Reply::json([head.as_bytes(), digits, b"\"}\n"]))
}

/// The digits of the number.
async fn digits<'r>(n: u64, budget: &Budget, region: &'r Region<'_>) -> Result<&'r [u8], Failure> {
    let _taken = budget.take(pages(n))?;
    let numbers = region.child("web.fibonacci");
    let number = natural::fibonacci(n as u32, &numbers).await?;
    Ok(number.into_digits(region).await?)
}

#[cfg(test)]
mod tests {
    use embassy_futures::block_on;
    use testkit::with_pool;

    use super::*;

    #[test]
    fn no_number_takes_more_memory_than_was_said() {
        for n in (0..MOST).step_by(7_001).chain([1, 94, MOST]) {
            let most = with_pool(200, |pool| {
                let region = Region::new(pool, "request");
                let length = block_on(digits(n, &Budget::of(pool), &region)).unwrap().len();
                assert!(length <= 62_696, "F({n}) has {length} digits");
                pool.most_pages_used()
            });
            assert!(most <= pages(n), "F({n}) takes {most} pages");
        }
    }
}
