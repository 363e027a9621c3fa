//! From samples to a table.

use std::fmt::Write as _;

use anyhow::Result;

use super::{
    peers::{KERNEL, SMOLTCP},
    sample::Sample,
    setting::Setting,
};
use crate::bench::Spread;

/// All samples.
#[derive(Debug, Default)]
pub(crate) struct Results {
    taken: Vec<Taken>,
}

#[derive(Debug)]
struct Taken {
    setting: Setting,
    round: u32,
    peer: &'static str,
    sample: Result<Sample, String>,
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

    pub(crate) fn is_empty(&self) -> bool {
        self.taken.is_empty()
    }

    fn samples(&self, setting: Setting, peer: &str) -> impl Iterator<Item = (u32, &Sample)> {
        self.taken
            .iter()
            .filter(move |taken| taken.setting == setting && taken.peer == peer)
            .filter_map(|taken| Some((taken.round, taken.sample.as_ref().ok()?)))
    }

    /// The table in Markdown. Ratios are those of the same rounds.
    pub(crate) fn table(&self) -> String {
        let mut table = "| load | peer | replies/s, MB/s | of the kernel's | of smoltcp's | p50 us | p99 us | CPU us for a \
                         reply, a MB | of the kernel's | memory for idle ones, MB | failed | waited, % |\n\
                         |---|---|---|---|---|---|---|---|---|---|---|---|\n"
            .to_owned();
        let mut rows: Vec<(Setting, &'static str)> = Vec::new();
        for taken in &self.taken {
            if !rows.contains(&(taken.setting, taken.peer)) {
                rows.push((taken.setting, taken.peer));
            }
        }
        for (setting, peer) in rows {
            table += &self.line(setting, peer);
        }
        table
    }

    fn line(&self, setting: Setting, peer: &'static str) -> String {
        let key = format!("| {setting} | {peer} |");
        let of = |figure: &dyn Fn(&Sample) -> f64| {
            Spread::of(self.samples(setting, peer).map(|(_, sample)| figure(sample)))
        };
        let Some(rate) = of(&|sample| sample.rate(setting)) else {
            let ours = |taken: &&Taken| taken.setting == setting && taken.peer == peer;
            let mut errors = self.taken.iter().filter(ours).filter_map(|t| t.sample.as_ref().err());
            let why = errors.next().map_or("no reply", String::as_str);
            return format!("{key} {}{}\n", why.replace(['|', '\n'], " "), " |".repeat(10));
        };
        let ratio = |other: &str, figure: &dyn Fn(&Sample) -> f64| {
            let ratios = self.samples(setting, peer).filter_map(|(round, sample)| {
                let mut others = self.samples(setting, other);
                let (_, other) = others.find(|(of, _)| *of == round)?;
                Some(figure(sample) / figure(other))
            });
            Spread::of(ratios).map_or("–".into(), |spread| {
                format!("{:.2} ({:.2}–{:.2})", spread.median, spread.least, spread.most)
            })
        };
        let median = |figure: &dyn Fn(&Sample) -> f64| of(figure).unwrap_or_default().median;
        let mut line = format!("{key} {:.0} |", rate.median);
        let _ = write!(line, " {} |", ratio(KERNEL, &|sample| sample.rate(setting)));
        let _ = write!(line, " {} |", ratio(SMOLTCP, &|sample| sample.rate(setting)));
        let _ = write!(line, " {:.1} |", median(&|sample| sample.p50 as f64 / 1e3));
        let _ = write!(line, " {:.1} |", median(&|sample| sample.p99 as f64 / 1e3));
        let _ = write!(line, " {:.2} |", median(&|sample| sample.cost(setting)));
        let _ = write!(line, " {} |", ratio(KERNEL, &|sample| sample.cost(setting)));
        let _ = match setting {
            Setting::Idle(_) => {
                write!(line, " {:.1} |", median(&|sample| sample.grown() as f64 / 1e6))
            }
            _ => write!(line, " |"),
        };
        let failed: u64 = self.samples(setting, peer).map(|(_, sample)| sample.failed).sum();
        let waited = median(&|sample| sample.waited as f64 * 100.0 / sample.elapsed.max(1) as f64);
        line + &format!(" {failed} | {waited:.0} |\n")
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn ratios_are_those_of_the_same_round() {
        let setting = Setting::KeepAlive(16);
        let mut results = Results::default();
        let sample = |replies, run| Sample {
            elapsed: 1_000_000_000,
            replies,
            run,
            p50: 2500,
            ..Sample::default()
        };
        for (round, (kernel, ours)) in [(1000, 1500), (10, 20)].into_iter().enumerate() {
            results.add(setting, round as u32, KERNEL, Ok(sample(kernel, kernel * 2000)));
            results.add(setting, round as u32, "letregion", Ok(sample(ours, ours * 1000)));
        }
        results.add(setting, 0, SMOLTCP, Err(anyhow!("no | reply")));
        let table = results.table();
        let ours = "| keep-alive, 16 | letregion | 760 | 1.75 (1.50–2.00) | – | 2.5 | 0.0 | 1.00 | 0.50 (0.50–0.50) | | 0 | 0 |\n";
        assert!(table.contains(ours), "{table}");
        assert!(table.contains("| keep-alive, 16 | smoltcp | no   reply |"), "{table}");
        let mut lines = table.lines().map(|line| line.matches('|').count());
        let columns = lines.next();
        assert!(lines.all(|line| Some(line) == columns), "{table}");
    }

    #[test]
    fn memory_is_told_where_connections_are_idle() {
        let mut results = Results::default();
        let sample = Sample {
            elapsed: 1,
            replies: 1,
            resident: [1_000_000, 21_000_000],
            ..Sample::default()
        };
        results.add(Setting::Idle(10_000), 0, KERNEL, Ok(sample));
        let table = results.table();
        assert!(table.contains("| 1 beside 10,000 idle | kernel |"), "{table}");
        assert!(table.contains("| 20.0 | 0 |"), "{table}");
    }
}
