//! From samples to a table.

use std::fmt::Write as _;

use anyhow::Result;

use super::{
    Setting,
    peers::{REFLECTOR, SMOLTCP},
    sample::Sample,
};

/// All samples.
#[derive(Debug, Default)]
pub(crate) struct Results {
    pub(crate) taken: Vec<Taken>,
}

/// A sample of a peer, or why there is none.
#[derive(Debug, PartialEq)]
pub(crate) struct Taken {
    pub(crate) setting: Setting,
    pub(crate) round: u32,
    pub(crate) peer: &'static str,
    pub(crate) sample: Result<Sample, String>,
}

/// What a row of the table says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Row {
    pub(crate) setting: Setting,
    pub(crate) peer: &'static str,
    /// Whether the figures are of samples that were [good](Sample::is_good).
    pub(crate) good: bool,
    /// Replies a second.
    pub(crate) rate: Spread,
    /// In nanoseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// The time that the server ran for a request, in nanoseconds.
    pub(crate) user: f64,
    pub(crate) kernel: f64,
    /// To the reflector, and to smoltcp, of the same rounds.
    pub(crate) to_reflector: Option<Spread>,
    pub(crate) to_smoltcp: Option<Spread>,
    pub(crate) lost: u64,
    /// Why there are no figures.
    pub(crate) failed: Option<String>,
}

/// The median of several values, the lowest and the highest.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<_> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let (one, other) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
        Some(Self { median: f64::midpoint(one, other), least, most })
    }
}

impl Results {
    pub(crate) fn add(
        &mut self,
        setting: Setting,
        round: u32,
        peer: &'static str,
        sample: Result<Sample>,
    ) {
        let sample = sample.map_err(|error| format!("{error:#}"));
        self.taken.push(Taken { setting, round, peer, sample });
    }

    /// A row for each setting and peer, in the order in which they were measured.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let mut keys: Vec<(Setting, &'static str)> = Vec::new();
        for taken in &self.taken {
            if !keys.contains(&(taken.setting, taken.peer)) {
                keys.push((taken.setting, taken.peer));
            }
        }
        keys.into_iter().map(|(setting, peer)| self.row(setting, peer)).collect()
    }

    fn samples(&self, setting: Setting, peer: &str) -> impl Iterator<Item = (u32, &Sample)> {
        self.taken
            .iter()
            .filter(move |taken| taken.setting == setting && taken.peer == peer)
            .filter_map(|taken| Some((taken.round, taken.sample.as_ref().ok()?)))
    }

    fn row(&self, setting: Setting, peer: &'static str) -> Row {
        let good = self.samples(setting, peer).any(|(_, sample)| sample.is_good());
        let kept: Vec<_> =
            self.samples(setting, peer).filter(|(_, sample)| sample.is_good() || !good).collect();
        let samples = || kept.iter().map(|(_, sample)| *sample);
        let error = self.taken.iter().find_map(|taken| {
            let ours = taken.setting == setting && taken.peer == peer;
            taken.sample.as_ref().err().filter(|_| ours).cloned()
        });
        let Some(rate) = Spread::of(samples().map(Sample::rate)) else {
            return Row { setting, peer, failed: error, ..Row::default() };
        };
        let median = |of: fn(&Sample) -> u64| {
            Spread::of(samples().map(|sample| of(sample) as f64)).unwrap_or_default().median
        };
        let sum = |of: fn(&Sample) -> u64| samples().map(of).sum::<u64>() as f64;
        let for_each = sum(|s| s.run) / sum(|s| s.replies).max(1.0);
        let (user, kernel) = (sum(|s| s.user_ticks), sum(|s| s.kernel_ticks));
        // The time is exact; how it is divided is what the ticks of the clock saw.
        let user = if user + kernel > 0.0 { for_each * user / (user + kernel) } else { 0.0 };
        let to = |other: &'static str| {
            let ratios = kept.iter().filter_map(|(round, sample)| {
                let same = |(of, other): &(u32, &Sample)| of == round && other.is_good() == good;
                let (_, other) = self.samples(setting, other).find(same)?;
                Some(sample.rate() / other.rate())
            });
            Spread::of(ratios)
        };
        Row {
            setting,
            peer,
            good,
            rate,
            p50: median(|s| s.p50),
            p99: median(|s| s.p99),
            user,
            kernel: for_each - user,
            to_reflector: to(REFLECTOR),
            to_smoltcp: to(SMOLTCP),
            lost: samples().map(|sample| sample.lost).sum(),
            failed: error,
        }
    }

    /// The table in Markdown, and what is to be said of it.
    pub(crate) fn table(&self) -> String {
        let mut table = "| bytes | outstanding | peer | requests/s | p50 us | p99 us | user us | \
                         kernel us | of the reflector | of smoltcp | lost |\n\
                         |---|---|---|---|---|---|---|---|---|---|---|\n"
            .to_owned();
        for row in self.rows() {
            table += &line(&row);
        }
        let samples: Vec<_> = self.taken.iter().filter_map(|t| t.sample.as_ref().ok()).collect();
        let count = |which: fn(&Sample) -> bool| samples.iter().filter(|s| which(s)).count();
        let _ = write!(
            table,
            "\nOf {} samples, {} were taken while the two cores were near each other, {} while no other \
             process had more than 5 % of them, {} while both was so: only these count where there are \
             any. (!) had none: such figures say more of the machine than of the peer.",
            samples.len(),
            count(Sample::is_near),
            count(|sample| !sample.is_disturbed()),
            count(Sample::is_good)
        );
        table
    }
}

fn line(row: &Row) -> String {
    let Setting { size, window } = row.setting;
    let mark = if row.good { "" } else { " (!)" };
    let key = format!("| {size} | {window} | {}{mark} |", row.peer);
    if row.rate.median == 0.0 {
        let why = row.failed.as_deref().unwrap_or("no reply");
        return format!("{key} {} | | | | | | | |\n", why.replace('|', "/").replace('\n', " "));
    }
    let ratio = |ratio: Option<Spread>| {
        let words = |s: Spread| format!("{:.2} ({:.2}–{:.2})", s.median, s.least, s.most);
        ratio.map_or("–".into(), words)
    };
    let us = |nanos: f64| nanos / 1e3;
    format!(
        "{key} {:.0} | {:.1} | {:.1} | {:.2} | {:.2} | {} | {} | {} |\n",
        row.rate.median,
        us(row.p50),
        us(row.p99),
        us(row.user),
        us(row.kernel),
        ratio(row.to_reflector),
        ratio(row.to_smoltcp),
        row.lost
    )
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    const SETTING: Setting = Setting { size: 64, window: 16 };

    fn sample(replies: u64, distance: u64) -> Sample {
        Sample {
            elapsed: 1_000_000_000,
            replies,
            p50: 10_000,
            p99: 20_000,
            distance: Some(distance),
            run: replies * 1000,
            user_ticks: 10,
            kernel_ticks: 90,
            ..Sample::default()
        }
    }

    #[test]
    fn ratios_are_those_of_the_same_round_and_only_near_samples_count() {
        let mut results = Results::default();
        for (round, (limit, ours, distance)) in
            [(1000, 900, 60), (2000, 1900, 60), (400, 800, 700)].into_iter().enumerate()
        {
            results.add(SETTING, round as u32, REFLECTOR, Ok(sample(limit, distance)));
            results.add(SETTING, round as u32, "letregion", Ok(sample(ours, distance)));
        }
        let rows = results.rows();
        assert_eq!(rows.len(), 2);
        let ratio = rows[1].to_reflector.unwrap();
        assert!((ratio.least - 0.9).abs() < 1e-9 && (ratio.most - 0.95).abs() < 1e-9, "{ratio:?}");
        assert!((rows[1].rate.median - 1400.0).abs() < 1e-9);
        assert!((rows[1].user - 100.0).abs() < 1e-6 && (rows[1].kernel - 900.0).abs() < 1e-6);
        assert!(rows[1].good && rows[1].to_smoltcp.is_none());
        let table = results.table();
        assert!(table.contains("| 64 | 16 | letregion | 1400 | 10.0 | 20.0 | 0.10 | 0.90 | 0.93"));
        assert!(table.contains("Of 6 samples, 4 were taken while the two cores were near"));
    }

    #[test]
    fn without_a_near_sample_the_row_says_so() {
        let mut results = Results::default();
        results.add(SETTING, 0, REFLECTOR, Ok(sample(1000, 600)));
        assert!(!results.rows()[0].good);
        assert!(results.table().contains("| reflector (!) | 1000 |"));
    }

    #[test]
    fn a_peer_that_cannot_says_why() {
        let mut results = Results::default();
        results.add(SETTING, 0, SMOLTCP, Err(anyhow!("no reply | within 5s")));
        assert!(results.table().contains("| smoltcp (!) | no reply / within 5s | |"));
    }

    #[test]
    fn the_median_of_two_is_between_them() {
        let spread = Spread::of([4.0, 1.0]).unwrap();
        assert_eq!(spread, Spread { median: 2.5, least: 1.0, most: 4.0 });
        assert_eq!(Spread::of([3.0, 9.0, 1.0]).unwrap().median.round(), 3.0);
        assert_eq!(Spread::of([]), None);
    }
}
