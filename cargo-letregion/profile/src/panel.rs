//! What a panel of a picture shows: bands of a series on top of each other.

use rt_regions::PAGE_SIZE;

use super::series::{Sample, Series};

/// As many points as there are of which each is seen.
const POINTS: usize = 360;

/// A part of a picture: bands on top of each other over the packets of a run.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    pub(crate) title: String,
    /// What the values count.
    pub(crate) unit: &'static str,
    pub(crate) ticks: Vec<u64>,
    /// From the bottom to the top.
    pub(crate) bands: Vec<Band>,
    /// What is said under the legend.
    pub(crate) notes: Vec<String>,
}

/// What is drawn in one colour.
#[derive(Clone, Debug)]
pub(crate) struct Band {
    pub(crate) name: String,
    /// Where in the source its name was first used, if that is known.
    pub(crate) place: String,
    /// What is said beside the name, and of the band that is pointed at.
    pub(crate) words: String,
    pub(crate) values: Vec<u64>,
}

impl Panel {
    /// The peaks of each region: those that hold nearly the same all the time at the bottom, so that they lift
    /// the others evenly, and of each kind the largest on top.
    pub(crate) fn pages(title: &str, all: &Series) -> Self {
        let series = all.thinned(POINTS);
        let mut bands: Vec<_> = all
            .bands
            .iter()
            .zip(&series.bands)
            .filter(|(band, _)| band.peaks().any(|pages| pages > 0))
            .map(|(band, thinned)| {
                let most = band.peaks().max().unwrap_or(0);
                let last = band.pages().last().unwrap_or(0);
                Band {
                    name: band.region.clone(),
                    place: band.place.clone(),
                    words: format!("at most {}, {last} at the end", counted(most, "page")),
                    values: thinned.peaks().collect(),
                }
            })
            .collect();
        bands.sort_by_key(|band| (changes(band, all), band.values.iter().sum::<u64>()));
        let notes = packets_between(&series).map_or_else(Vec::new, |packets| {
            vec![
                format!("A band is the most within {packets},"),
                "so what is opened and closed in".into(),
                "between is seen. Bands need not".into(),
                "have been as high at the same time.".into(),
            ]
        });
        Self { title: title.into(), unit: "pages", ticks: ticks(&series), bands, notes }
    }

    /// The panel without the regions that hold nearly the same all the time; `None` if that leaves out
    /// nothing, or everything.
    pub(crate) fn changing(&self, title: &str, all: &Series) -> Option<Self> {
        let bands: Vec<_> = self.bands.iter().filter(|band| changes(band, all)).cloned().collect();
        let is_other = !bands.is_empty() && bands.len() < self.bands.len();
        is_other.then(|| Self { title: title.into(), bands, notes: Vec::new(), ..self.clone() })
    }

    /// What the pages hold: objects, waste, and the pages that are being filled, in KiB.
    pub(crate) fn used(title: &str, series: &Series) -> Self {
        let series = series.thinned(POINTS);
        let sum = |of: fn(&Sample) -> u64| -> Vec<u64> {
            let at = |at: usize| series.bands.iter().map(|band| of(&band.samples[at])).sum();
            (0..series.moments.len()).map(at).collect()
        };
        // Whole KiB, so that the three come to what is reserved.
        let (used, waste) = (sum(|s| s.used / 1024), sum(|s| s.waste / 1024));
        let reserved = sum(|s| s.pages * PAGE_SIZE as u64 / 1024);
        let filling = reserved.iter().zip(&used).zip(&waste);
        let filling = filling.map(|((all, used), waste)| all.saturating_sub(used + waste));
        let bands = [
            ("used by objects", used.clone()),
            ("wasted", waste.clone()),
            ("pages being filled", filling.collect()),
        ];
        let bands = bands.into_iter().map(|(name, values)| {
            let most = values.iter().max().copied().unwrap_or(0);
            let words = format!("at most {most} KiB");
            Band { name: name.into(), place: String::new(), words, values }
        });
        let (title, ticks) = (title.into(), ticks(&series));
        Self { title, unit: "KiB", ticks, bands: bands.collect(), notes: Vec::new() }
    }

    /// The most that all bands come to together.
    pub(crate) fn maximum(&self) -> u64 {
        let total = |at: usize| self.bands.iter().map(|band| band.values[at]).sum();
        (0..self.ticks.len()).map(total).max().unwrap_or(0)
    }

    /// The panel with the bands that are not `named` joined into one at the bottom.
    pub(crate) fn joined(mut self, named: &[String]) -> Self {
        let is_named = |band: &Band| named.contains(&band.name);
        let (bands, rest): (Vec<_>, Vec<_>) = self.bands.into_iter().partition(is_named);
        self.bands = bands;
        if !rest.is_empty() {
            let sum = |at| rest.iter().map(|band| band.values[at]).sum();
            let values: Vec<u64> = (0..self.ticks.len()).map(sum).collect();
            let most = values.iter().max().copied().unwrap_or(0);
            let (name, words) =
                (format!("{} others", rest.len()), format!("at most {}", counted(most, "page")));
            self.bands.insert(0, Band { name, place: String::new(), words, values });
        }
        self
    }
}

/// Whether the regions of a band at some time hold half of the most that they ever hold, or less.
fn changes(drawn: &Band, all: &Series) -> bool {
    let band = all.bands.iter().find(|band| band.region == drawn.name);
    // What is opened and closed between two samples holds nothing at any.
    band.is_some_and(|band| band.pages().min() <= band.peaks().max().map(|most| most / 2))
}

/// A number of things, in words.
pub(crate) fn counted(number: u64, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

/// How many packets there are from one sample to the next, in words.
fn packets_between(series: &Series) -> Option<String> {
    let [first, second, ..] = series.moments[..] else { return None };
    Some(match second.tick - first.tick {
        1 => "a packet".into(),
        packets => format!("{packets} packets"),
    })
}

fn ticks(series: &Series) -> Vec<u64> {
    series.moments.iter().map(|moment| moment.tick).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{
        super::series::{self, Moment},
        *,
    };

    /// So many regions that each have their number as their peak, and hold one page, over 10 packets.
    pub(crate) fn regions(names: &[String]) -> Series {
        let band = |(number, name): (usize, &String)| {
            let sample = Sample { pages: 1, peak: number as u64, most: 9, ..Sample::default() };
            let place = format!("{number}.rs:1");
            series::Band { region: name.clone(), place, samples: vec![sample; 10] }
        };
        Series {
            moments: (0..10).map(|tick| Moment { tick, nanos: 0 }).collect(),
            bands: names.iter().enumerate().map(band).collect(),
        }
    }

    fn names(panel: &Panel) -> Vec<&str> {
        panel.bands.iter().map(|band| band.name.as_str()).collect()
    }

    #[test]
    fn what_stays_is_at_the_bottom_then_the_largest_on_top_and_what_holds_nothing_is_left_out() {
        let mut series = regions(&["zero", "one", "two", "three", "four"].map(String::from));
        for sample in &mut series.bands[4].samples {
            sample.pages = 4;
        }
        let panel = Panel::pages("title", &series);
        assert_eq!(names(&panel), ["one", "four", "two", "three"]);
        assert_eq!(panel.bands[0].words, "at most 1 page, 1 at the end");
        assert_eq!(panel.bands[1].words, "at most 4 pages, 4 at the end");
        assert!(panel.notes[0].contains("the most within a packet"), "{panel:?}");
    }

    #[test]
    fn regions_that_hold_nearly_the_same_are_not_among_the_changing() {
        let mut series = regions(&["zero", "one", "two", "three"].map(String::from));
        let panel = Panel::pages("", &series);
        assert_eq!(names(&panel.changing("", &series).unwrap()), ["two", "three"]);
        for sample in &mut series.bands[2].samples {
            sample.pages = 2;
        }
        assert_eq!(names(&panel.changing("", &series).unwrap()), ["three"]);
        // The others hold the same all the time: nothing is left, or nothing is left out.
        let few = |all: &Series, kept: &[usize]| {
            let bands = kept.iter().map(|at| all.bands[*at].clone()).collect();
            let series = Series { bands, ..all.clone() };
            Panel::pages("", &series).changing("", &series).map(|panel| panel.bands.len())
        };
        assert_eq!((few(&series, &[1, 2]), few(&series, &[3])), (None, None));
        assert_eq!(few(&series, &[1, 3]), Some(1));
    }

    #[test]
    fn what_is_not_named_is_one_band() {
        let all: Vec<_> = (0..48).map(|number| format!("region {number}")).collect();
        let panel = Panel::pages("", &regions(&all)).joined(&all[39..]);
        assert_eq!(panel.bands.len(), 10);
        assert_eq!(panel.bands[0].name, "38 others");
        assert_eq!(panel.maximum(), (0..48).sum::<u64>());
    }

    #[test]
    fn what_is_reserved_is_used_wasted_or_being_filled() {
        let mut series = regions(&["one".into(), "two".into()]);
        for sample in &mut series.bands[1].samples {
            *sample = Sample { pages: 3, used: 5000, waste: 3192, ..Sample::default() };
        }
        let panel = Panel::used("", &series);
        assert_eq!(panel.maximum(), 16);
        assert_eq!(panel.bands.iter().map(|b| b.values[0]).collect::<Vec<_>>(), [4, 3, 9]);
    }
}
