//! How much memory one buffer may have.

use rt_regions::{PAGE_SIZE, Slabs};

/// What each buffer may have as long as there is any memory, in bytes: half of a page, and more than a segment of an Ethernet.
const LEAST: usize = 2032;

/// The most bytes that a buffer may grow to which has `own` bytes: half of what it has and of what is free above a reserve, or
/// [`LEAST`]. The reserve is half of all memory, and is left for buffers of [`LEAST`].
///
/// So peers that keep their buffers full, however many they are, and in whatever order they come, leave something for those
/// that come later.
pub(crate) fn share(slabs: &Slabs<'_>, own: usize) -> usize {
    let above_reserve = slabs.room().saturating_sub(slabs.pages()).div_ceil(2);
    ((above_reserve * PAGE_SIZE + own) / 2).max(LEAST)
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use testkit::with_pool;

    use super::*;

    #[test]
    fn whoever_comes_first_something_is_left() {
        with_pool(4096, |pool| {
            let slabs = Slabs::new(pool, "tcp.buffers").with_cap(2048 * PAGE_SIZE);
            assert_eq!(share(&slabs, 0), 512 * PAGE_SIZE);
            let mut greedy = Vec::new();
            // Each takes all that it may have, and none gives anything back.
            for _ in 0..1800 {
                let most = share(&slabs, 0);
                let size =
                    (most / PAGE_SIZE).checked_ilog2().map_or(most, |pages| PAGE_SIZE << pages);
                greedy.push(slabs.alloc_default::<u8>(size).expect("there is room"));
            }
            let large = greedy.iter().filter(|buffer| buffer.len() > LEAST);
            let large: usize = large.map(|buffer| buffer.len() / PAGE_SIZE).sum();
            assert!((1000..=1024).contains(&large), "{large} pages");
            // Two of the least share a page.
            assert!(slabs.room() > 100, "{}", slabs.room());
            // A large one stays as it is, and grows when the others go.
            let most = greedy[0].len();
            assert!(share(&slabs, most) < most);
            greedy.truncate(1);
            assert_eq!(share(&slabs, most), 512 * PAGE_SIZE);
        });
    }
}
