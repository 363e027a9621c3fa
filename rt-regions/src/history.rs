//! The history: the most pages that the regions of each name held in each of the last stretches of time.

use core::fmt;

use crate::{Exhausted, Pool, Region, region_stats::PeakReader};

/// How many labels a pool has at most.
const LABELS: usize = 48;

/// The peaks of all labels.
type Peaks = [u16; LABELS];

/// A ring with the last samples of a pool's labels. A sample is the most pages that the regions of each name held
/// together since the sample before, so a region that is opened and closed in between is seen.
///
/// A pool has at most one history, beside at most one [`Profile`](crate::Profile).
///
/// ```
/// use rt_regions::{History, Pool, Region};
///
/// # let mut memory = vec![std::mem::MaybeUninit::uninit(); 1 << 20];
/// let pool = Pool::new(&mut memory);
/// let region = Region::new(&pool, "history");
/// let mut history = History::new(&pool, &region, 100)?;
///
/// let packet = Region::new(&pool, "packet");
/// packet.alloc([0_u8; 5000])?;
/// drop(packet);
/// history.take(&pool);
/// let pages: Vec<_> = history.since(0).map(|sample| sample.pages().collect::<Vec<_>>()).collect();
/// assert_eq!(pages, [[4, 2]], "4 for the history itself, 2 for the packet");
/// # Ok::<(), rt_regions::Exhausted>(())
/// ```
pub struct History<'r> {
    ring: &'r mut [(Peaks, u8)],
    /// How many samples were ever taken.
    taken: u64,
    /// Pages are divided by 2^`shift`, rounded up, so that they fit.
    shift: u32,
}

/// One sample of a [`History`].
#[derive(Clone, Copy, Debug)]
pub struct Sample<'h> {
    number: u64,
    peaks: &'h [u16],
    shift: u32,
}

impl<'r> History<'r> {
    /// A history of `pool` with room in `region` for this number of samples, at least one. A sample takes 98 bytes.
    ///
    /// # Errors
    /// [`Exhausted`].
    pub fn new(pool: &Pool<'_>, region: &'r Region<'_>, samples: usize) -> Result<Self, Exhausted> {
        let ring = region.alloc_slice_with(samples.max(1), |_| ([0; LABELS], 0))?;
        let bits = usize::BITS - pool.pages().leading_zeros();
        Ok(Self { ring, taken: 0, shift: bits.saturating_sub(u16::BITS) })
    }

    /// Takes a sample of `pool`, the same each time. The oldest sample is overwritten if there is no room. O(1).
    pub fn take(&mut self, pool: &Pool<'_>) {
        let place = (self.taken % self.ring.len() as u64) as usize;
        let (peaks, labels) = &mut self.ring[place];
        *labels = 0;
        // In the order of first use, so a label has the same index each time.
        for (label, peak) in pool.labels().zip(peaks) {
            let pages = label.take_peak(PeakReader::History);
            *peak = u16::try_from(pages.div_ceil(1 << self.shift)).unwrap_or(u16::MAX);
            *labels += 1;
        }
        self.taken += 1;
    }

    /// How many samples were ever taken: the number of the next one.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// The samples that are kept, from number `first` on, the oldest first.
    pub fn since(&self, first: u64) -> impl Iterator<Item = Sample<'_>> {
        let room = self.ring.len() as u64;
        (first.max(self.taken.saturating_sub(room))..self.taken).map(move |number| {
            let (peaks, labels) = &self.ring[(number % room) as usize];
            Sample { number, peaks: &peaks[..usize::from(*labels)], shift: self.shift }
        })
    }
}

impl<'h> Sample<'h> {
    /// The number of the sample. The first that was ever taken is 0.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The most pages that the regions of each name held together, in the order of [`Pool::labels`]. In a pool of 2^16
    /// pages or more they are rounded up, by less than one part in 2^15 of the pool.
    pub fn pages(&self) -> impl Iterator<Item = usize> + 'h {
        let shift = self.shift;
        self.peaks.iter().map(move |&peak| usize::from(peak) << shift)
    }
}

impl fmt::Debug for History<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (taken, room) = (self.taken, self.ring.len());
        f.debug_struct("History")
            .field("taken", &taken)
            .field("room", &room)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{boxed::Box, vec, vec::Vec};

    use super::*;
    use crate::PAGE_SIZE;

    /// Calls `test` with a pool of at least this number of pages, and with a region of another one.
    fn with_pools(pages: usize, test: impl FnOnce(&Pool<'_>, &Region<'_>)) {
        let mut memory = Box::new_uninit_slice((pages + pages / 256 + 2) * PAGE_SIZE);
        let mut notes = Box::new_uninit_slice(1 << 20);
        let (pool, apart) = (Pool::new(&mut memory), Pool::new(&mut notes));
        test(&pool, &Region::new(&apart, "history"));
    }

    fn pages(history: &History<'_>, first: u64) -> Vec<(u64, Vec<usize>)> {
        history.since(first).map(|sample| (sample.number(), sample.pages().collect())).collect()
    }

    #[test]
    fn the_last_samples_are_kept_with_what_came_and_went_between_them() {
        with_pools(64, |pool, region| {
            let mut history = History::new(pool, region, 3).unwrap();
            assert_eq!((history.taken(), pages(&history, 0)), (0, vec![]));
            history.take(pool);
            let mut packet = Region::new(pool, "packet");
            packet.alloc_slice(&[0_u8; 5 * PAGE_SIZE]).unwrap();
            packet.release();
            history.take(pool);
            let kept = Region::new(pool, "kept");
            kept.alloc(0).unwrap();
            history.take(pool);
            assert_eq!(pages(&history, 0), [(0, vec![]), (1, vec![8]), (2, vec![0, 1])]);
            history.take(pool);
            history.take(pool);
            let last = [(2, vec![0, 1]), (3, vec![0, 1]), (4, vec![0, 1])];
            assert_eq!(pages(&history, 0), last);
            assert_eq!(pages(&history, 3), last[1..]);
            assert_eq!((pages(&history, 5), pages(&history, u64::MAX)), (vec![], vec![]));
            assert_eq!(history.taken(), 5);
        });
    }

    #[test]
    fn a_large_pool_is_counted_in_larger_units_and_nothing_is_nothing() {
        with_pools(0x1_8000, |pool, region| {
            let mut history = History::new(pool, region, 2).unwrap();
            let [one, all] = ["one", "all"].map(|name| Region::new(pool, name));
            one.alloc(0).unwrap();
            while all.alloc([0_u8; PAGE_SIZE]).is_ok() {}
            let none = Region::new(pool, "none");
            history.take(pool);
            let [(_, ref sample)] = pages(&history, 0)[..] else { panic!("one sample") };
            assert_eq!((sample[0], sample[2]), (2, 0));
            assert!(sample[1].abs_diff(pool.pages() - 1) <= 1, "{sample:?}");
            drop(none);
        });
    }

    #[test]
    fn no_room_is_an_error_and_sampling_takes_none() {
        with_pools(64, |pool, region| {
            History::new(pool, region, usize::MAX).unwrap_err();
            let mut history = History::new(pool, region, 300).unwrap();
            let before = (region.pages(), pool.free_pages());
            (0..1000).for_each(|_| history.take(pool));
            assert_eq!((region.pages(), pool.free_pages()), before);
        });
    }

    #[cfg(feature = "profile")]
    #[test]
    fn a_profile_sees_the_same_peaks() {
        with_pools(64, |pool, region| {
            let mut history = History::new(pool, region, 8).unwrap();
            let mut profile = crate::Profile::new(region, 8, 1).unwrap();
            for (number, pages) in [4, 0, 2, 0].into_iter().enumerate() {
                let packet = Region::new(pool, "packet");
                (0..pages).for_each(|_| assert!(packet.alloc([0_u8; PAGE_SIZE]).is_ok()));
                drop(packet);
                history.take(pool);
                if number % 2 == 1 {
                    profile.tick(pool, 0);
                }
            }
            let peaks: Vec<_> =
                history.since(0).map(|sample| sample.pages().sum::<usize>()).collect();
            assert_eq!(peaks, [4, 0, 2, 0]);
            let mut csv = std::string::String::new();
            profile.write_csv(&mut csv).unwrap();
            let peaks: Vec<_> =
                csv.lines().skip(1).map(|line| line.split(',').nth(4).unwrap()).collect();
            assert_eq!(peaks, ["4", "2"]);
            assert_eq!(pool.labels().next().unwrap().most_pages(), 4);
        });
    }
}
