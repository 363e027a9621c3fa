//! Merge sort on lists in regions: who calls decides where the result goes, and every list in between
//! lives in a region of its own that ends as soon as it has been merged.
//!
//! `cargo run -p rt-regions --example merge_sort`

use rt_regions::{Exhausted, List, PAGE_SIZE, Pool, Region, StorageMode};

/// The integers of `list`, the smallest first, at `place`. The list itself may be anywhere but in a
/// place that is to be reset: that does not compile.
pub(crate) fn sort<'r>(
    list: List<'_, i64>,
    place: StorageMode<'r, '_>,
) -> Result<List<'r, i64>, Exhausted> {
    sorted(list, place.enter(), Order::Ascending)
}

#[derive(Clone, Copy, PartialEq)]
enum Order {
    Ascending,
    Descending,
}

impl Order {
    fn other(self) -> Self {
        if self == Self::Ascending { Self::Descending } else { Self::Ascending }
    }

    /// Whether `one` may stand before `other`.
    fn allows(self, one: i64, other: i64) -> bool {
        if self == Self::Ascending { one <= other } else { one >= other }
    }
}

fn sorted<'r>(
    list: List<'_, i64>,
    result: &'r Region<'_>,
    order: Order,
) -> Result<List<'r, i64>, Exhausted> {
    let mut tail = list;
    match (tail.split_first(), list.iter().nth(1)) {
        (None, _) => return Ok(List::EMPTY),
        (Some((&only, _)), None) => return List::EMPTY.before(only, result),
        (Some(_), Some(_)) => {}
    }
    // letregion: the halves end with this call.
    let halves = result.child("halves");
    let (mut one, mut other) = {
        // And what was split ends before the halves are merged.
        let split = halves.child("split");
        let (mut left, mut right) = (List::EMPTY, List::EMPTY);
        while let Some((&first, rest)) = tail.split_first() {
            left = left.before(first, &split)?;
            (left, right, tail) = (right, left, rest);
        }
        // A list grows at its front, so a merge turns the order round: the halves have the other one.
        (sorted(left, &halves, order.other())?, sorted(right, &halves, order.other())?)
    };
    let mut merged = List::EMPTY;
    loop {
        let next = match (one.split_first(), other.split_first()) {
            (Some((&a, rest)), Some((&b, _))) if order.other().allows(a, b) => {
                one = rest;
                a
            }
            (_, Some((&b, rest))) => {
                other = rest;
                b
            }
            (Some((&a, rest)), None) => {
                one = rest;
                a
            }
            (None, None) => return Ok(merged),
        };
        merged = merged.before(next, result)?;
    }
}

/// Sorts `count` integers and returns them with the most pages that were in use at once.
pub(crate) fn run(count: i64, pool_pages: usize) -> Result<(Vec<i64>, usize), Exhausted> {
    let mut memory = Box::new_uninit_slice(pool_pages * PAGE_SIZE);
    let pool = Pool::new(&mut memory);
    let (input, mut output) = (Region::new(&pool, "input"), Region::new(&pool, "output"));
    let mut list = List::EMPTY;
    for number in 0..count {
        list = list.before(number * 7919 % 10_007, &input)?;
    }
    // The result is wanted once more: the second call may reset the place of the first.
    sort(list, StorageMode::Bot(&mut output))?;
    let sorted = sort(list, StorageMode::Bot(&mut output))?;
    Ok((sorted.iter().copied().collect(), pool.most_pages_used()))
}

#[allow(dead_code, reason = "the test of this example has a main of its own")]
fn main() -> Result<(), Exhausted> {
    let count = 10_000;
    let (sorted, pages) = run(count, 1024)?;
    let list = (count as usize * size_of::<(i64, usize)>()).div_ceil(PAGE_SIZE);
    println!("{} integers from {} to {}", sorted.len(), sorted[0], sorted[sorted.len() - 1]);
    println!("{pages} pages at most; a list of all of them has {list}");
    Ok(())
}
