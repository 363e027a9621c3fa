//! What the program did in each of the last seconds.

use layer::Instant;
use rt::insight::{Activity, Insight};
use rt_regions::{Exhausted, Region};

/// The activities that are kept; the start is over when there is a second.
const KEPT: [Activity; 3] = [Activity::Tower, Activity::Tasks, Activity::Idle];

/// What is known of a program at a moment, and only grows: how long each of the activities `tower`, `tasks` and `idle` took,
/// in microseconds, and then how many bytes its device received and sent.
pub(crate) type Totals = [u64; KEPT.len() + 2];

/// A ring with one entry for each sample of the history of the regions.
#[derive(Debug)]
pub(crate) struct Seconds {
    ring: &'static mut [Second],
    /// How many were ever added.
    added: u64,
    before: Totals,
}

/// What the program did since the entry before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Second {
    /// When it ended.
    pub(crate) at: Instant,
    /// How many items of the tower were handled.
    pub(crate) items: u32,
    /// By how much the totals have grown.
    pub(crate) growth: [u32; KEPT.len() + 2],
}

impl Seconds {
    /// Room in `region` for this number of entries, at least one.
    pub(crate) fn new(region: &'static Region<'static>, entries: usize) -> Result<Self, Exhausted> {
        let ring = region.alloc_slice_with(entries.max(1), |_| Second::default())?;
        Ok(Self { ring, added: 0, before: Totals::default() })
    }

    /// Adds what the program did up to `now`. The device has received and sent this many bytes in all.
    pub(crate) fn add(&mut self, now: Instant, items: u32, bytes: [u64; 2], insight: &dyn Insight) {
        let times = insight.times();
        let [tower, tasks, idle] =
            KEPT.map(|activity| times.taken(activity, now).as_micros() as u64);
        let totals = [tower, tasks, idle, bytes[0], bytes[1]];
        let mut growth = [0; KEPT.len() + 2];
        for ((growth, total), before) in growth.iter_mut().zip(totals).zip(self.before) {
            *growth = u32::try_from(total.saturating_sub(before)).unwrap_or(u32::MAX);
        }
        self.before = totals;
        let place = (self.added % self.ring.len() as u64) as usize;
        self.ring[place] = Second { at: now, items, growth };
        self.added += 1;
    }

    /// The entry of this number, which is one of those that are kept.
    pub(crate) fn get(&self, number: u64) -> Second {
        self.ring[(number % self.ring.len() as u64) as usize]
    }
}
