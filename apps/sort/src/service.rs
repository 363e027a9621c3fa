//! The service: text in, text out.

use core::fmt;

use rt_regions::{List, Region};
use udp::{Failure, Reply};

use crate::merge;

/// Replies with the integers of the request, the smallest first, with one space between them.
///
/// The integers lie in a region of their own until they are sorted, and the sorted ones in another
/// until they are spelled; only the text is in `region`. It is never longer than the request.
pub(crate) fn sort<'r>(request: &'r [u8], region: &'r Region<'_>) -> Reply<'r> {
    let sorted = region.child("sorted");
    let numbers = {
        let unsorted = region.child("unsorted");
        merge::sort(read(request, &unsorted, region)?, &sorted)?
    };
    Ok(region.format(format_args!("{}", Spaced(numbers)))?.as_bytes())
}

/// The integers of `request` in `list`, the last one first; a refusal in `region`.
fn read<'l, 'r>(
    request: &[u8],
    list: &'l Region<'_>,
    region: &'r Region<'_>,
) -> Result<List<'l, i64>, Failure<'r>> {
    let mut numbers = List::EMPTY;
    request::numbers("sort", request, region, |number| {
        numbers = numbers.before(number, list)?;
        Ok(())
    })?;
    Ok(numbers)
}

/// Displays a list with one space between its elements.
struct Spaced<'r>(List<'r, i64>);

impl fmt::Display for Spaced<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((first, rest)) = self.0.split_first() else { return Ok(()) };
        first.fmt(f)?;
        rest.iter().try_for_each(|number| write!(f, " {number}"))
    }
}

#[cfg(test)]
mod tests;
