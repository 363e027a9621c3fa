//! What the program did in each of the last seconds.

use layer::Instant;
use rt::insight::{Activity, Insight};
use rt_regions::{Exhausted, Region};

/// The activities that are kept; the start is over when there is a second.
const KEPT: [Activity; 3] = [Activity::Tower, Activity::Tasks, Activity::Idle];

/// A ring with one entry for each sample of the history of the regions.
#[derive(Debug)]
pub(crate) struct Seconds {
    ring: &'static mut [Second],
    /// How many were ever added.
    added: u64,
    /// What was known at the last one, in microseconds.
    before: [u64; KEPT.len()],
}

/// What the program did since the entry before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Second {
    /// When it ended.
    pub(crate) at: Instant,
    /// How long each of the activities `tower`, `tasks` and `idle` took, in microseconds.
    pub(crate) taken: [u32; KEPT.len()],
    /// How many items of the tower were handled.
    pub(crate) items: u32,
}

impl Seconds {
    /// Room in `region` for this number of entries, at least one.
    pub(crate) fn new(region: &'static Region<'static>, entries: usize) -> Result<Self, Exhausted> {
        let ring = region.alloc_slice_with(entries.max(1), |_| Second::default())?;
        Ok(Self { ring, added: 0, before: [0; KEPT.len()] })
    }

    pub(crate) fn add(&mut self, now: Instant, items: u32, insight: &dyn Insight) {
        let times = insight.times();
        let micros = KEPT.map(|activity| times.taken(activity, now).as_micros() as u64);
        let mut taken = [0; KEPT.len()];
        for ((taken, micros), before) in taken.iter_mut().zip(micros).zip(self.before) {
            *taken = u32::try_from(micros.saturating_sub(before)).unwrap_or(u32::MAX);
        }
        self.before = micros;
        let place = (self.added % self.ring.len() as u64) as usize;
        self.ring[place] = Second { at: now, taken, items };
        self.added += 1;
    }

    /// The entry of this number, which is one of those that are kept.
    pub(crate) fn get(&self, number: u64) -> Second {
        self.ring[(number % self.ring.len() as u64) as usize]
    }
}
