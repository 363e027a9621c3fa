//! Merge sort on lists in regions.
//!
//! Where a result is to live is a parameter, as it is in a language with region inference: each call
//! opens a region for the sorted halves, has them made there, merges them into the region of its
//! caller, and so lets the halves go.
//!
//! A list grows at its front only, so a merge puts down first what belongs last. That is why the
//! halves come in the opposite order: no list is ever reversed.

use rt_regions::{Exhausted, Iter, List, Region};

#[derive(Clone, Copy)]
enum Order {
    Ascending,
    Descending,
}

impl Order {
    fn reversed(self) -> Self {
        match self {
            Self::Ascending => Self::Descending,
            Self::Descending => Self::Ascending,
        }
    }

    fn is_after(self, a: i64, b: i64) -> bool {
        match self {
            Self::Ascending => a > b,
            Self::Descending => a < b,
        }
    }
}

/// The numbers of a list, the smallest first, in `result`.
///
/// For n numbers `result` comes to hold n cells of 16 bytes, and while it runs the halves hold as
/// many again. The depth is log2(n): lists are walked in loops.
///
/// # Errors
/// [`Exhausted`].
pub(crate) fn sort<'r>(
    numbers: List<'_, i64>,
    result: &'r Region<'_>,
) -> Result<List<'r, i64>, Exhausted> {
    sort_next(numbers.iter().count(), &mut numbers.iter(), Order::Ascending, result)
}

/// Takes the next `count` of `numbers`, and sorts them.
fn sort_next<'r>(
    count: usize,
    numbers: &mut Iter<'_, i64>,
    order: Order,
    result: &'r Region<'_>,
) -> Result<List<'r, i64>, Exhausted> {
    if count < 2 {
        return numbers
            .take(count)
            .try_fold(List::EMPTY, |list, &number| list.before(number, result));
    }
    let halves = result.child("halves");
    let left = sort_next(count / 2, numbers, order.reversed(), &halves)?;
    let right = sort_next(count - count / 2, numbers, order.reversed(), &halves)?;
    merge(left, right, order, result)
}

/// Merges two lists that are in the reversed order into one that is in `order`.
fn merge<'r>(
    left: List<'_, i64>,
    right: List<'_, i64>,
    order: Order,
    result: &'r Region<'_>,
) -> Result<List<'r, i64>, Exhausted> {
    let (mut left, mut right) = (left.iter().peekable(), right.iter().peekable());
    let mut merged = List::EMPTY;
    loop {
        let next = match (left.peek(), right.peek()) {
            (Some(&&l), Some(&&r)) if order.is_after(r, l) => right.next(),
            (Some(_), _) => left.next(),
            (None, _) => right.next(),
        };
        match next {
            Some(&number) => merged = merged.before(number, result)?,
            None => return Ok(merged),
        }
    }
}
