//! `/sort`: a JSON array of numbers, in order.
//!
//! Numbers are compared as what they say, digit by digit, and sent as they came. So none is too large or too exact.

mod heap;
mod number;
mod parse;

use http::{ByteStream, Failure, Request};
use rt_regions::{Exhausted, Region, RegionVec};

use crate::{
    budget::{self, Budget},
    service::Reply,
};

use self::{number::Number, parse::Wrong};

/// The longest body in bytes.
const MOST: usize = 64 << 10;

/// How many pages it takes to sort so many numbers, which are a text of this length.
fn pages(numbers: usize, length: usize) -> usize {
    // And the room between objects.
    budget::pages(numbers * size_of::<Number>()) + budget::pages(length + 2) + 2
}

/// How much work is done before others have their turn, in bytes that are read: some 50 microseconds.
const SLICE: usize = 16 << 10;

/// The numbers of the body in order, or what is wrong with it.
pub(crate) async fn reply<'r, S: ByteStream>(
    budget: &Budget,
    request: Request<'r, S>,
) -> Result<Reply<'r>, Failure> {
    let text = request.read_all(MOST).await?;
    let most = parse::most_numbers(text);
    let _taken = budget.take(pages(most, text.len()))?;
    match sorted(text, most, request.region()).await? {
        Ok(sorted) => Ok(Reply::json([sorted, b"", b""])),
        Err(wrong) => {
            let line = request.region().format(format_args!("{wrong}\n"))?;
            Ok(Reply::refusal(line.as_bytes()))
        }
    }
}

/// The array `text` in order. It has at most `most` numbers.
async fn sorted<'r>(
    text: &[u8],
    most: usize,
    region: &'r Region<'_>,
) -> Result<Result<&'r [u8], Wrong>, Exhausted> {
    let room = region.child("web.numbers");
    let mut numbers = match parse::numbers(text, most, &room).await? {
        Ok(numbers) => numbers,
        Err(wrong) => return Ok(Err(wrong)),
    };
    heap::sort(text, &mut numbers).await;
    write(text, &numbers, region).map(Ok)
}

/// The numbers as an array.
fn write<'r>(
    text: &[u8],
    numbers: &[Number],
    region: &'r Region<'_>,
) -> Result<&'r [u8], Exhausted> {
    let length = numbers.iter().map(|number| number.text(text).len() + 1).sum::<usize>().max(1);
    let mut reply = RegionVec::with_capacity(length + 2, region)?;
    reply.push(b'[')?;
    for (at, number) in numbers.iter().enumerate() {
        if at > 0 {
            reply.push(b',')?;
        }
        reply.extend_from_slice(number.text(text))?;
    }
    reply.extend_from_slice(b"]\n")?;
    Ok(reply.into_slice())
}

#[cfg(test)]
mod tests;
