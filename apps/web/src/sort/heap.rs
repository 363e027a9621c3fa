//! Heapsort: in place, and never slower than n log n.

use core::cmp::Ordering;

use tasks::Pace;

use super::{SLICE, number::Number};

/// Sorts the numbers, which stand in `text`.
pub(super) async fn sort(text: &[u8], numbers: &mut [Number]) {
    let mut pace = Pace::new(SLICE);
    for root in (0..numbers.len() / 2).rev() {
        pace.spend(sift_down(text, numbers, root)).await;
    }
    for end in (1..numbers.len()).rev() {
        numbers.swap(0, end);
        let heap = numbers.get_mut(..end).unwrap_or_default();
        pace.spend(sift_down(text, heap, 0)).await;
    }
}

/// Lets the number at `root` sink below those that are larger. Returns how many bytes were read for it, about.
fn sift_down(text: &[u8], heap: &mut [Number], mut root: usize) -> usize {
    let mut work = 0;
    loop {
        let mut child = 2 * root + 1;
        let Some(mut largest) = heap.get(child).copied() else { return work };
        let mut compare = |one: &Number, other: &Number| {
            // What is not text takes as long as some bytes of it.
            work += 16 + one.text(text).len().min(other.text(text).len());
            one.compare(other, text)
        };
        if let Some(right) = heap.get(child + 1)
            && compare(right, &largest) == Ordering::Greater
        {
            (child, largest) = (child + 1, *right);
        }
        let Some(above) = heap.get(root).copied() else { return work };
        if compare(&above, &largest) == Ordering::Greater {
            return work;
        }
        heap.swap(root, child);
        root = child;
    }
}
