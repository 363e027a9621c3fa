//! Which regions each page of a pool is of.

use core::ops::Range;

use super::{NONE, Pool};
use crate::{Exhausted, Region};

/// Page by page, what a pool's pages are used for: a map of the memory.
///
/// ```
/// use rt_regions::{Owners, Pool, Region};
///
/// let mut memory = vec![std::mem::MaybeUninit::uninit(); 64 << 10];
/// let pool = Pool::new(&mut memory);
/// let [one, map] = ["one", "map"].map(|name| Region::new(&pool, name));
/// one.alloc([0_u8; 4096])?;
/// let owners = Owners::of(&pool, &map)?.pages();
/// let of = |index| owners.iter().filter(|owner| **owner == index).count();
/// assert_eq!([of(0), of(1), of(Owners::FREE)], [1, 1, pool.free_pages()]);
/// assert_eq!(pool.labels().map(|label| label.name()).collect::<Vec<_>>(), ["one", "map"]);
/// # Ok::<(), rt_regions::Exhausted>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Owners<'r>(&'r [u8]);

impl<'r> Owners<'r> {
    /// The mark of a page that is free.
    pub const FREE: u8 = u8::MAX;

    /// The map of `pool` at this moment, in `region`: a byte for each page. It takes a step or two for each page.
    ///
    /// # Errors
    /// [`Exhausted`]: among others, the pool has more than 2^22 pages (16 GiB), of which no map fits in a region.
    pub fn of(pool: &Pool<'_>, region: &'r Region<'_>) -> Result<Self, Exhausted> {
        let owners = region.alloc_slice_with(pool.pages(), |_| Self::FREE)?;
        // After the allocation, so that the map shows its own pages as well.
        pool.copy_owners(owners);
        Ok(Self(owners))
    }

    /// For each page, in the order of their addresses: the index of the label of its regions in [`Pool::labels`], or
    /// [`FREE`](Self::FREE).
    pub fn pages(&self) -> &'r [u8] {
        self.0
    }
}

impl Pool<'_> {
    /// Writes the owner of each page into `owners`, which has as many elements as there are pages.
    fn copy_owners(&self, owners: &mut [u8]) {
        // Runs lie side by side from the first page to the last, those in use and those that are free.
        let mut run = 0;
        while (run as usize) < owners.len() {
            owners[self.range(run)].fill(self.pages[run as usize].owner.get());
            run = self.range(run).end as u32;
        }
        for head in self.free.iter().chain([&self.returned]) {
            let mut run = head.get();
            while run != NONE {
                owners[self.range(run)].fill(Owners::FREE);
                run = self.next(run);
            }
        }
    }

    /// The pages of the run that begins with page `run`.
    fn range(&self, run: u32) -> Range<usize> {
        let start = run as usize;
        start..start + (1 << self.pages[start].class.get())
    }
}

#[cfg(test)]
mod tests {
    use std::{boxed::Box, vec, vec::Vec};

    use super::*;
    use crate::{PAGE_SIZE, Slabs};

    /// The owners of the pages of a pool, by their names; nothing for a free page.
    fn names(pool: &Pool<'_>) -> Vec<&'static str> {
        let mut notes = Box::new_uninit_slice(64 << 10);
        let apart = Pool::new(&mut notes);
        let region = Region::new(&apart, "map");
        let labels: Vec<_> = pool.labels().map(|label| label.name()).collect();
        let owners = Owners::of(pool, &region).unwrap();
        let name =
            |&owner: &u8| if owner == Owners::FREE { "" } else { labels[usize::from(owner)] };
        owners.pages().iter().map(name).collect()
    }

    fn with_pool(test: impl FnOnce(&Pool<'_>)) {
        let mut memory = vec![core::mem::MaybeUninit::uninit(); 18 * PAGE_SIZE];
        let pool = Pool::new(&mut memory);
        assert_eq!(names(&pool), vec![""; pool.pages()]);
        test(&pool);
        assert_eq!(names(&pool), vec![""; pool.pages()]);
    }

    #[test]
    fn each_page_is_its_regions_and_what_was_given_back_is_free() {
        with_pool(|pool| {
            let mut one = Region::new(pool, "one");
            one.alloc([0_u8; PAGE_SIZE]).unwrap();
            let two = Region::new(pool, "two");
            two.alloc([0_u8; 3 * PAGE_SIZE]).unwrap();
            let page = pool.page("device").unwrap();
            one.alloc([0_u8; PAGE_SIZE]).unwrap();
            let map = names(pool);
            let count = |name| map.iter().filter(|owner| **owner == name).count();
            assert_eq!([count("one"), count("two"), count("device")], [2, 4, 1], "{map:?}");
            // A run is one piece, of whoever has it.
            let start = map.iter().position(|owner| *owner == "two").unwrap();
            assert_eq!(map[start..start + 4], ["two"; 4]);
            one.reset();
            drop(two);
            let map = names(pool);
            assert_eq!(map.iter().filter(|owner| !owner.is_empty()).count(), 2, "{map:?}");
            one.release();
            // SAFETY: nothing of the page is read.
            unsafe { one.adopt(page, 0) }.unwrap();
            assert_eq!(names(pool).iter().filter(|owner| **owner == "one").count(), 1);
        });
    }

    #[test]
    fn slabs_have_pages_of_their_own() {
        with_pool(|pool| {
            let slabs = Slabs::new(pool, "values");
            let value = slabs.alloc(7_u64).unwrap();
            assert_eq!(names(pool).iter().filter(|owner| **owner == "values").count(), 1);
            drop(value);
        });
    }

    /// Whatever was taken and given back before, in whichever sizes.
    #[test]
    fn the_map_agrees_with_the_counters() {
        with_pool(|pool| {
            let mut random = 7_u32;
            let mut regions: Vec<_> = ["a", "b", "c"].map(|name| Region::new(pool, name)).into();
            for _ in 0..2000 {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let region = &mut regions[(random >> 8) as usize % 3];
                match random >> 28 {
                    0..3 => region.reset(),
                    3 => region.release(),
                    pages => {
                        let _ = region.alloc_slice_with(pages as usize * 900, |_| 0_u8);
                    }
                }
                let map = names(pool);
                for label in pool.labels() {
                    let pages = map.iter().filter(|owner| **owner == label.name()).count();
                    assert_eq!(pages, label.pages(), "{}: {map:?}", label.name());
                }
            }
        });
    }
}
