//! The profile: how much the regions of each name held in the course of a run.
//!
//! A profile reads only the counters, never an object, and adds nothing to the path of an allocation. It
//! takes all its memory when it is made.

use core::{fmt, panic::Location};

use crate::{Exhausted, Pool, Region, RegionStats, region_stats::PeakReader};

/// How many labels a pool has at most.
const LABELS: usize = 48;

/// When a sample was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Moment {
    tick: u64,
    nanos: u64,
    /// How many labels there were; the first so many counts of the sample are meant.
    labels: usize,
}

/// What a label said at that moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    used: usize,
    waste: usize,
    pages: u32,
    /// The most pages since the sample before.
    peak: u32,
    most: u32,
    live: u32,
}

impl Counts {
    fn of(label: &RegionStats) -> Self {
        // A pool has fewer than 2^32 pages, and as many regions.
        Self {
            used: label.bytes(),
            waste: label.waste(),
            pages: label.pages() as u32,
            peak: label.take_peak(PeakReader::Profile),
            most: label.most_pages() as u32,
            live: label.live() as u32,
        }
    }
}

/// A series of samples of a pool's labels, taken every so many ticks.
///
/// A tick is the unit in which the program counts its work. If it is a packet, the same packets give the same
/// series, except for times. When there is no room for another sample, every second one is dropped and from
/// then on half as many are taken. So however long the run is, the series covers all of it evenly, and at
/// least half of the room is used.
///
/// A region that is opened and closed between two samples shows in the peak: the most pages that the regions
/// of a name held together since the sample before. Peaks are counted for one profile, so a pool has at most
/// one.
///
/// ```
/// use rt_regions::{Pool, Profile, Region};
///
/// # let mut memory = vec![std::mem::MaybeUninit::uninit(); 1 << 20];
/// # let mut notes = vec![std::mem::MaybeUninit::uninit(); 1 << 20];
/// let (pool, apart) = (Pool::new(&mut memory), Pool::new(&mut notes));
/// let region = Region::new(&apart, "profile");
/// let mut profile = Profile::new(&region, 100, 1)?;
///
/// let packet = Region::new(&pool, "packet");
/// profile.tick(&pool, 0);
/// packet.alloc([0_u8; 100])?;
/// profile.tick(&pool, 1500);
///
/// let mut text = String::new();
/// profile.write_csv(&mut text)?;
/// assert!(text.contains("\n1,1500,packet,1,1,1,0,0,1,"), "{text}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Profile<'r> {
    moments: &'r mut [Moment],
    /// [`LABELS`] for each moment.
    counts: &'r mut [Counts],
    /// The names of the labels, by index, and where they were first used.
    names: [(&'static str, Option<&'static Location<'static>>); LABELS],
    /// The peaks of the last sample that was dropped, by index: they belong to the next one.
    dropped_peaks: [u32; LABELS],
    taken: usize,
    /// A sample is taken every so many ticks.
    every: u64,
    /// The number of the next tick.
    tick: u64,
    /// The number of the tick that the next sample is taken at.
    next: u64,
}

impl<'r> Profile<'r> {
    /// A profile with room in `region` for this number of samples. It takes the first one at the first tick,
    /// and then one every `every` ticks. An odd number of samples is rounded up, and the least is 2; an
    /// `every` of 0 counts as 1.
    ///
    /// A sample takes 1.5 KiB. Memory of another pool than the one that is sampled keeps the
    /// profile out of its own picture.
    ///
    /// # Errors
    /// [`Exhausted`].
    pub fn new(region: &'r Region<'_>, samples: usize, every: u32) -> Result<Self, Exhausted> {
        // Even, so that the next sample falls into the new rhythm after every second was dropped.
        let samples = samples.max(2).saturating_add(1) & !1;
        Ok(Self {
            moments: region.alloc_slice_with(samples, |_| Moment::default())?,
            counts: region
                .alloc_slice_with(samples.saturating_mul(LABELS), |_| Counts::default())?,
            names: [("", None); LABELS],
            dropped_peaks: [0; LABELS],
            taken: 0,
            every: every.max(1).into(),
            tick: 0,
            next: 0,
        })
    }

    /// Counts one tick; if it is time for a sample, takes one of `pool`, which must be the same each
    /// time, at the time `nanos` in nanoseconds.
    ///
    /// O(1), except for the tick that finds the profile full, which moves half of it.
    #[inline]
    pub fn tick(&mut self, pool: &Pool<'_>, nanos: u64) {
        if self.tick == self.next {
            self.sample(pool, nanos);
        }
        self.tick += 1;
    }

    /// How many ticks there were.
    pub fn ticks(&self) -> u64 {
        self.tick
    }

    /// How many samples there are.
    pub fn samples(&self) -> usize {
        self.taken
    }

    /// How many ticks there are from one sample to the next.
    pub fn every(&self) -> u64 {
        self.every
    }

    fn sample(&mut self, pool: &Pool<'_>, nanos: u64) {
        if self.taken == self.moments.len() {
            self.thin();
        }
        let counts = &mut self.counts[self.taken * LABELS..][..LABELS];
        let mut labels = 0;
        // In the order of first use, so a label has the same index each time.
        for (label, counts) in pool.labels().zip(counts) {
            *counts = Counts::of(label);
            counts.peak = counts.peak.max(core::mem::take(&mut self.dropped_peaks[labels]));
            self.names[labels] = (label.name(), label.place());
            labels += 1;
        }
        self.moments[self.taken] = Moment { tick: self.tick, nanos, labels };
        self.taken += 1;
        self.next = self.tick + self.every;
    }

    /// Drops every second sample, the last one among them. Their peaks go to the samples after them.
    fn thin(&mut self) {
        let left = self.taken / 2;
        for kept in 1..left {
            let from = 2 * kept;
            let (dropped, moment) = (self.moments[from - 1], self.moments[from]);
            self.moments[kept] = moment;
            for label in 0..moment.labels {
                let mut counts = self.counts[from * LABELS + label];
                if label < dropped.labels {
                    counts.peak = counts.peak.max(self.counts[(from - 1) * LABELS + label].peak);
                }
                self.counts[kept * LABELS + label] = counts;
            }
        }
        let last = self.taken - 1;
        let last_counts = &self.counts[last * LABELS..][..self.moments[last].labels];
        for (peak, counts) in self.dropped_peaks.iter_mut().zip(last_counts) {
            *peak = counts.peak;
        }
        self.taken = left;
        self.every *= 2;
    }

    /// Writes the series as CSV (RFC 4180, but with a line feed alone at the end of a line): a
    /// header, then one line for each sample and label. `peak` is the most pages that the regions of
    /// this name held together since the sample before, and `most` the most they ever held; the other
    /// numbers are those at the tick. `used` and `waste` are bytes, see [`RegionStats::bytes`] and
    /// [`RegionStats::waste`]; `place` is where the name was first used, see [`RegionStats::place`].
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_csv(&self, out: &mut impl fmt::Write) -> fmt::Result {
        out.write_str("tick,time_ns,region,pages,peak,most,used,waste,live,place\n")?;
        for (moment, counts) in self.moments[..self.taken].iter().zip(self.counts.chunks(LABELS)) {
            let Moment { tick, nanos, labels } = *moment;
            for ((name, place), counts) in self.names.iter().zip(&counts[..labels]) {
                let Counts { used, waste, pages, peak, most, live } = *counts;
                let name = Field(name, None);
                let place = place.map_or(Field("", None), |at| Field(at.file(), Some(at.line())));
                write!(out, "{tick},{nanos},{name},{pages},{peak},{most},{used},{waste},{live},")?;
                writeln!(out, "{place}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Profile<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile")
            .field("ticks", &self.tick)
            .field("samples", &self.taken)
            .field("every", &self.every)
            .finish_non_exhaustive()
    }
}

/// Text as a field of CSV, in quotes if need be; with the number of a line behind it, if it is a place.
struct Field<'t>(&'t str, Option<u32>);

impl fmt::Display for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quote = if self.0.contains(['"', ',', '\n', '\r']) { "\"" } else { "" };
        f.write_str(quote)?;
        for (index, part) in self.0.split('"').enumerate() {
            f.write_str(if index > 0 { "\"\"" } else { "" })?;
            f.write_str(part)?;
        }
        if let Some(line) = self.1 {
            write!(f, ":{line}")?;
        }
        f.write_str(quote)
    }
}

#[cfg(test)]
mod tests;
