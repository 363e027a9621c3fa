//! What a run held: the samples of a profile, region by region.

use anyhow::{Context, Result, ensure};

/// The samples of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Series {
    /// When each sample was taken, in the order of time.
    pub moments: Vec<Moment>,
    /// The regions, by name, in the order of first use.
    pub bands: Vec<Band>,
}

/// When a sample was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// After so many packets.
    pub tick: u64,
    /// At this time, in nanoseconds of some clock.
    pub nanos: u64,
}

/// The samples of the regions of one name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Band {
    /// The name.
    pub region: String,
    /// Where in the source the name was first used; nothing, if that is not known.
    pub place: String,
    /// What they held, at each moment of the series.
    pub samples: Vec<Sample>,
}

/// What the regions of one name held at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// Pages.
    pub pages: u64,
    /// The most pages that they held together since the sample before.
    pub peak: u64,
    /// The most pages that they had ever held together.
    pub most: u64,
    /// Bytes of objects in full pages and in runs.
    pub used: u64,
    /// Bytes of these pages and runs that no object has.
    pub waste: u64,
    /// How many were open.
    pub live: u64,
}

impl Series {
    /// Reads what `rt_regions::Profile` writes: CSV with a header, columns in any order.
    ///
    /// # Errors
    /// A column is missing, a number is none, or the ticks do not rise.
    pub fn read(text: &str) -> Result<Self> {
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let headers = reader.headers()?.clone();
        let column = |name| {
            let index = headers.iter().position(|header| header == name);
            index.with_context(|| format!("the profile has no column {name}"))
        };
        let (region, place) = (column("region")?, column("place")?);
        let names = ["tick", "time_ns", "pages", "peak", "most", "used", "waste", "live"];
        let columns = names.into_iter().map(column).collect::<Result<Vec<_>>>()?;
        let mut series = Self::default();
        for record in reader.records() {
            let record = record?;
            let mut numbers = [0; 8];
            for (number, column) in numbers.iter_mut().zip(&columns) {
                let field = &record[*column];
                *number = field.parse().with_context(|| format!("{field:?} is no number"))?;
            }
            let [tick, nanos, pages, peak, most, used, waste, live] = numbers;
            let moment = Moment { tick, nanos };
            if series.moments.last() != Some(&moment) {
                ensure!(series.moments.last().is_none_or(|last| last.tick < tick), "ticks go back");
                series.moments.push(moment);
            }
            let sample = Sample { pages, peak, most, used, waste, live };
            series.add(&record[region], &record[place], sample);
        }
        let moments = series.moments.len();
        // A region that has no line at the end was there before, and holds nothing it did not hold.
        for band in &mut series.bands {
            band.samples.resize(moments, Sample::default());
        }
        Ok(series)
    }

    /// Adds a sample at the last moment.
    fn add(&mut self, region: &str, place: &str, sample: Sample) {
        let known = self.bands.iter().position(|band| band.region == region);
        let index = known.unwrap_or_else(|| {
            let (region, place) = (region.to_owned(), place.to_owned());
            self.bands.push(Band { region, place, samples: Vec::new() });
            self.bands.len() - 1
        });
        let samples = &mut self.bands[index].samples;
        // Before it was first opened it held nothing.
        samples.resize(self.moments.len() - 1, Sample::default());
        samples.push(sample);
    }

    /// The peaks of all regions together, at each moment. They need not have been at the same time, so
    /// this is at least what was held at once.
    pub fn totals(&self) -> Vec<u64> {
        let total = |at: usize| self.bands.iter().map(|band| band.samples[at].peak).sum();
        (0..self.moments.len()).map(total).collect()
    }

    /// The series with at most `most` moments, the ends of stretches of equal length: what the regions held
    /// when all of them together held most in the stretch, and their highest peaks in it, so that none
    /// is lost.
    #[must_use]
    pub fn thinned(&self, most: usize) -> Self {
        let moments = self.moments.len();
        let stretch = moments.div_ceil(most.max(1)).max(1);
        let held =
            |at: usize| -> u64 { self.bands.iter().map(|band| band.samples[at].pages).sum() };
        let kept: Vec<_> = (0..moments)
            .step_by(stretch)
            .filter_map(|start| {
                let all = start..moments.min(start + stretch);
                all.clone().max_by_key(|at| held(*at)).map(|kept| (kept, all))
            })
            .collect();
        let keep = |band: &Band| Band {
            region: band.region.clone(),
            place: band.place.clone(),
            samples: kept
                .iter()
                .map(|(at, all)| {
                    let peak = band.samples[all.clone()].iter().map(|sample| sample.peak).max();
                    Sample { peak: peak.unwrap_or(0), ..band.samples[*at] }
                })
                .collect(),
        };
        Self {
            moments: kept.iter().map(|(_, all)| self.moments[all.end - 1]).collect(),
            bands: self.bands.iter().map(keep).collect(),
        }
    }
}

impl Band {
    /// The peak before each moment.
    pub fn peaks(&self) -> impl Iterator<Item = u64> {
        self.samples.iter().map(|sample| sample.peak)
    }

    /// The pages at each moment.
    pub fn pages(&self) -> impl Iterator<Item = u64> {
        self.samples.iter().map(|sample| sample.pages)
    }

    /// The most pages that the regions of this name ever held together, between samples too.
    pub fn most_pages(&self) -> u64 {
        self.samples.iter().map(|sample| sample.most).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "tick,time_ns,region,pages,peak,most,used,waste,live,place\n\
                        0,10,packet,1,1,1,0,0,1,a.rs:1\n\
                        3,40,packet,2,4,5,4000,96,1,a.rs:1\n\
                        3,40,\"a, \"\"b\"\"\",7,7,7,0,0,2,\n";

    #[test]
    fn a_profile_is_read_region_by_region() {
        let series = Series::read(TEXT).unwrap();
        assert_eq!(series.moments, [Moment { tick: 0, nanos: 10 }, Moment { tick: 3, nanos: 40 }]);
        let [packet, other] = &series.bands[..] else { panic!("{series:?}") };
        assert_eq!((&*packet.region, &*packet.place), ("packet", "a.rs:1"));
        assert_eq!(packet.most_pages(), 5);
        let expected = Sample { pages: 2, peak: 4, most: 5, used: 4000, waste: 96, live: 1 };
        assert_eq!(packet.samples[1], expected);
        assert_eq!((&*other.region, &*other.place), ("a, \"b\"", ""));
        assert!(other.pages().eq([0, 7]) && packet.peaks().eq([1, 4]));
        assert_eq!(series.totals(), [1, 11]);
    }

    #[test]
    fn what_is_not_a_profile_is_refused() {
        for text in [
            "",
            "tick,region,pages\n0,packet,1\n",
            &TEXT.replace("4000", "x"),
            &TEXT.replace("3,40", "0,40"),
        ] {
            assert!(Series::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn thinning_keeps_the_peaks() {
        let lines = (0..100).map(|tick| {
            let peak = if tick == 57 { 9 } else { tick % 3 };
            format!("{tick},0,packet,{},{peak},9,0,0,1,\n", tick % 2)
        });
        let text = TEXT.lines().next().unwrap().to_owned() + "\n" + &lines.collect::<String>();
        let series = Series::read(&text).unwrap();
        let thinned = series.thinned(10);
        assert!(thinned.moments.iter().map(|moment| moment.tick).eq((9..100).step_by(10)));
        assert_eq!(thinned.totals(), [2, 2, 2, 2, 2, 9, 2, 2, 2, 2]);
        assert!(thinned.bands[0].pages().eq([1; 10]));
        assert_eq!(series.thinned(100), series);
        assert_eq!(Series::default().thinned(10), Series::default());
    }
}
