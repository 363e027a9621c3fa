//! Whether memory grows: the slope of what each region held over the second half of the run.
//!
//! What a region holds goes up and down with each request, so a line through all samples leans by
//! where in the last request the run ended. Hence the second half is cut into eight stretches, and the
//! lines are laid, by least squares and in whole numbers, through the lowest values of the stretches
//! and through their highest peaks, between samples too: what rises and falls with every request leaves
//! both level, what stays behind lifts both, and requests that take ever more lift the upper one. In a run of a few samples a
//! single page that comes and goes tilts a line too: what never had more than a page above its lowest at the beginning of the
//! half, and is back there at the end, or had as much in the first half already, has not grown.

use std::fmt;

use super::series::{Band, Sample, Series};

/// How many stretches the second half is cut into.
const STRETCHES: usize = 8;

/// A fraction of pages per packet; the denominator is positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slope {
    pages: i128,
    packets: i128,
}

/// What is said of a region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The name of the region.
    pub region: String,
    /// The most that were open at a sample.
    pub instances: u64,
    /// The most pages they ever held together.
    pub most_pages: u64,
    /// The pages at the last sample.
    pub last_pages: u64,
    /// The steeper of the two lines.
    pub slope: Slope,
    /// Whether it is flat: less than one page more over the second half of the run, or one page that comes and goes.
    pub passed: bool,
}

impl Slope {
    const LEVEL: Self = Self { pages: 0, packets: 1 };

    /// That of the line through these points, by least squares; level if there are fewer than two.
    fn fit(points: &[(u64, u64)]) -> Self {
        let sum = |of: fn(i128, i128) -> i128| {
            points.iter().map(|(x, y)| of((*x).into(), (*y).into())).sum::<i128>()
        };
        let count = points.len() as i128;
        let packets = count * sum(|x, _| x * x) - sum(|x, _| x) * sum(|x, _| x);
        let pages = count * sum(|x, y| x * y) - sum(|x, _| x) * sum(|_, y| y);
        if packets > 0 { Self { pages, packets } } else { Self::LEVEL }
    }

    /// Whether it comes to less than one page over so many packets.
    fn is_flat_over(self, packets: u64) -> bool {
        self.pages * i128::from(packets) < self.packets
    }

    fn is_steeper_than(self, other: Self) -> bool {
        self.pages * other.packets > other.pages * self.packets
    }
}

/// Pages in a thousand packets: `+20.00`.
impl fmt::Display for Slope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hundredths = 100_000 * self.pages / self.packets;
        let sign = if hundredths < 0 { '-' } else { '+' };
        let hundredths = hundredths.unsigned_abs();
        f.pad(&format!("{sign}{}.{:02}", hundredths / 100, hundredths % 100))
    }
}

/// The verdict of each region, in the order of the series.
pub fn judge(series: &Series) -> Vec<Verdict> {
    let ticks: Vec<u64> = series.moments.iter().map(|moment| moment.tick).collect();
    series.bands.iter().map(|band| judge_band(&ticks, band)).collect()
}

fn judge_band(ticks: &[u64], band: &Band) -> Verdict {
    let half = ticks.len() / 2;
    let points: Vec<_> = ticks.iter().copied().zip(&band.samples).skip(half).collect();
    let stretch = points.len().div_ceil(STRETCHES).max(1);
    // The last one may be short, and miss a low or a high that the others have.
    let stretches = points.chunks_exact(stretch);
    let line = |of: fn(&[(u64, &Sample)]) -> Option<u64>| {
        let extremes = stretches.clone().filter_map(|points| Some((points[0].0, of(points)?)));
        Slope::fit(&extremes.collect::<Vec<_>>())
    };
    let lowest = line(|points| points.iter().map(|(_, sample)| sample.pages).min());
    let highest = line(|points| points.iter().map(|(_, sample)| sample.peak).max());
    let slope = if highest.is_steeper_than(lowest) { highest } else { lowest };
    let packets = match points[..] {
        [(first, _), .., (last, _)] => last - first,
        _ => 0,
    };
    // One page that came and went, or that comes and goes since before.
    let first = points.iter().take(stretch).map(|(_, sample)| sample.pages).min().unwrap_or(0);
    let most = points.iter().map(|(_, sample)| sample.peak).max().unwrap_or(0);
    let most_before = band.samples[..half].iter().map(|sample| sample.peak).max().unwrap_or(0);
    let is_back = points.last().is_some_and(|(_, sample)| sample.pages <= first);
    Verdict {
        region: band.region.clone(),
        instances: band.samples.iter().map(|sample| sample.live).max().unwrap_or(0),
        most_pages: band.most_pages(),
        last_pages: band.pages().last().unwrap_or(0),
        slope,
        passed: slope.is_flat_over(packets)
            || (most <= first + 1 && (is_back || most <= most_before)),
    }
}

/// The verdicts as a table with a heading, a line for each.
pub fn table(verdicts: &[Verdict]) -> String {
    let mut table = format!(
        "{:<20} {:>9} {:>10} {:>9} {:>18}\n",
        "region", "instances", "most pages", "last", "pages/1000 packets"
    );
    for verdict in verdicts {
        let Verdict { region, instances, most_pages, last_pages, slope, passed } = verdict;
        let word = if *passed { "PASS" } else { "FAIL" };
        table += &format!(
            "{region:<20} {instances:>9} {most_pages:>10} {last_pages:>9} {slope:>18} {word}\n"
        );
    }
    table
}

#[cfg(test)]
mod tests {
    use super::{super::series::Moment, *};

    /// The verdict on a run of so many packets that held `pages` after each.
    fn verdict(packets: u64, pages: impl Fn(u64) -> u64) -> Verdict {
        verdict_every(1, packets, pages)
    }

    fn verdict_every(every: usize, packets: u64, pages: impl Fn(u64) -> u64) -> Verdict {
        let ticks = || (0..packets).step_by(every);
        let sample = |tick| {
            let pages = pages(tick);
            Sample { pages, peak: pages, most: 99, live: 3, ..Sample::default() }
        };
        let band = Band {
            region: "packet".into(),
            samples: ticks().map(sample).collect(),
            ..Band::default()
        };
        let moments = ticks().map(|tick| Moment { tick, nanos: 0 }).collect();
        judge(&Series { moments, bands: vec![band] }).remove(0)
    }

    #[test]
    fn one_page_that_comes_and_goes_passes_and_one_that_stays_does_not() {
        let held =
            |pages: &'static [u64]| verdict(52, move |at| pages[at as usize * pages.len() / 52]);
        let went = held(&[3, 3, 3, 3, 3, 3, 3, 3, 3, 4, 4, 4, 3]);
        assert!(went.passed && !went.slope.is_flat_over(26), "{went:?}");
        assert!(!held(&[3, 3, 3, 3, 3, 3, 3, 3, 3, 4, 4, 4, 4]).passed);
        // It was there before as well, now and then.
        assert!(held(&[3, 4, 3, 3, 3, 3, 3, 3, 3, 4, 4, 4, 4]).passed);
        assert!(!held(&[3, 4, 3, 3, 3, 3, 3, 3, 3, 4, 5, 5, 5]).passed);
        assert!(!held(&[3, 3, 3, 3, 3, 3, 3, 3, 3, 4, 5, 5, 3]).passed);
    }

    #[test]
    fn flat_passes() {
        for packets in [0, 1, 2, 3, 50, 1000] {
            let verdict = verdict(packets, |_| 7);
            assert!(verdict.passed, "{packets}: {verdict:?}");
            assert_eq!(verdict.slope.to_string(), "+0.00");
            assert_eq!(verdict.last_pages, if packets > 0 { 7 } else { 0 });
        }
    }

    #[test]
    fn a_sawtooth_passes_wherever_the_run_ends() {
        for packets in 900..1100 {
            for every in [1, 2, 4, 8] {
                let verdict = verdict_every(every, packets, |tick| tick % 20);
                assert!(verdict.passed, "{packets}, every {every}: {verdict:?}");
            }
        }
    }

    #[test]
    fn rising_by_a_page_in_50_packets_fails() {
        let rising = verdict(1000, |tick| tick / 50);
        assert!(!rising.passed);
        assert!(["+19.", "+20."].iter().any(|slope| rising.slope.to_string().starts_with(slope)));
        assert_eq!(rising.last_pages, 19);
        // On top of what comes and goes with each request, and sampled rarely, too.
        assert!(!verdict(1000, |tick| tick / 50 + tick % 20).passed);
        assert!(!verdict_every(8, 1000, |tick| tick / 50 + tick % 20).passed);
    }

    #[test]
    fn peaks_that_rise_fail_though_nothing_stays_behind() {
        let verdict = verdict(1000, |tick| if tick % 20 == 19 { tick / 50 } else { 0 });
        assert!(!verdict.passed, "{verdict:?}");
    }

    #[test]
    fn requests_that_take_ever_more_fail_though_samples_see_nothing() {
        let samples = (0..1000).map(|tick| Sample { peak: tick / 50, ..Sample::default() });
        let band = Band { samples: samples.collect(), ..Band::default() };
        let verdict = judge_band(&(0..1000).collect::<Vec<_>>(), &band);
        assert!(!verdict.passed, "{verdict:?}");
    }

    #[test]
    fn one_step_at_the_start_passes_and_one_near_the_end_fails() {
        assert!(verdict(1000, |tick| if tick < 100 { 0 } else { 30 }).passed);
        assert!(verdict(1000, |tick| if tick < 500 { 0 } else { 30 }).passed);
        assert!(!verdict(1000, |tick| if tick < 800 { 0 } else { 30 }).passed);
    }

    #[test]
    fn falling_passes() {
        let verdict = verdict(1000, |tick| 20 - tick / 50);
        assert!(verdict.passed);
        assert!(verdict.slope.to_string().starts_with('-'), "{verdict:?}");
    }

    #[test]
    fn the_table_has_a_line_for_each_region() {
        let verdicts = [verdict(1000, |tick| tick), verdict(1000, |_| 1)];
        let table = table(&verdicts);
        let lines: Vec<Vec<_>> = table.lines().map(|l| l.split_whitespace().collect()).collect();
        assert_eq!(lines[1], ["packet", "3", "99", "999", "+1000.00", "FAIL"]);
        assert_eq!(lines[2], ["packet", "3", "99", "1", "+0.00", "PASS"]);
        assert_eq!(lines.len(), 3);
    }
}
