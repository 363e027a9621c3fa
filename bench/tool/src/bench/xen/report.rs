//! From samples to one table.

use std::{fmt::Write as _, time::Duration};

use super::{
    super::table::Spread,
    guests::{LINUX, OURS},
};
use lab::{
    grouped,
    xen::{Loaded, Started},
};

/// What came of a load.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figure {
    /// How many of something in a second.
    pub(crate) rate: f64,
    /// The times from a request to its reply: the median, and what 99 of 100 came within.
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    /// How many had no reply.
    pub(crate) lost: u64,
}

impl From<Loaded> for Figure {
    fn from(loaded: Loaded) -> Self {
        let Loaded { replies, elapsed, p50, p99, lost, .. } = loaded;
        let rate = f64::from(replies) / elapsed.as_secs_f64().max(1e-6);
        Self { rate, p50, p99, lost: lost.into() }
    }
}

/// What was measured of one guest.
#[derive(Debug, Default)]
struct Measured {
    loads: Vec<(String, Figure)>,
    starts: Vec<Started>,
    /// What it was given, and the least that it serves with, if that was tried, in MiB.
    memory: u32,
    least_memory: Option<u32>,
    /// In bytes.
    size: u64,
}

/// What was measured.
#[derive(Debug)]
pub(crate) struct Report {
    machine: String,
    /// What the times of a start are called: until the guest is made, and until its first reply.
    starts: [&'static str; 2],
    ours: Measured,
    linux: Measured,
}

/// A row: what it is about, both figures, and by which factor ours is better.
#[derive(Debug, PartialEq)]
struct Row {
    what: String,
    ours: String,
    linux: String,
    factor: Spread,
}

impl Report {
    pub(crate) fn new(machine: String) -> Self {
        Self::with_starts(machine, ["`xl create`, s", "from `xl create` to the first reply, s"])
    }

    /// One whose times of a start have these names: until the guest is made, and until its first reply.
    pub(crate) fn with_starts(machine: String, starts: [&'static str; 2]) -> Self {
        Self { machine, starts, ours: Measured::default(), linux: Measured::default() }
    }

    /// `what` says what was asked, and what is counted.
    pub(crate) fn load(&mut self, what: &str, guest: &str, figure: Figure) {
        self.of(guest).loads.push((what.to_owned(), figure));
    }

    pub(crate) fn start(&mut self, guest: &str, started: Started) {
        self.of(guest).starts.push(started);
    }

    pub(crate) fn memory(&mut self, guest: &str, given: u32, least: Option<u32>) {
        let of = self.of(guest);
        (of.memory, of.least_memory) = (given, least);
    }

    pub(crate) fn size(&mut self, guest: &str, bytes: u64) {
        self.of(guest).size = bytes;
    }

    fn of(&mut self, guest: &str) -> &mut Measured {
        if guest == OURS { &mut self.ours } else { &mut self.linux }
    }

    /// The machine, the table in Markdown, and where ours is not ahead.
    pub(crate) fn text(&self) -> String {
        let rows = self.rows();
        let mut text = format!(
            "{}\n\n| | {OURS} | {LINUX} | {OURS} is better by a factor of |\n|---|--:|--:|--:|\n",
            self.machine
        );
        for Row { what, ours, linux, factor: Spread { median, least, most } } in &rows {
            let spread =
                if least < most { format!(" ({least:.2}–{most:.2})") } else { String::new() };
            // A String takes all that is written to it.
            let _ = writeln!(text, "| {what} | {ours} | {linux} | {median:.2}{spread} |");
        }
        let behind: Vec<_> =
            rows.iter().filter(|row| row.factor.median <= 1.0).map(|row| &*row.what).collect();
        text += &match behind[..] {
            [] => format!("\n{OURS} is ahead everywhere."),
            _ => format!("\n{OURS} is not ahead: {}.", behind.join("; ")),
        };
        text
    }

    fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        let mut loads: Vec<&str> = Vec::new();
        for (what, _) in &self.ours.loads {
            if !loads.contains(&&**what) {
                loads.push(what);
            }
        }
        for what in loads {
            let taken = |of: &Measured| -> Vec<Figure> {
                let of_it = of.loads.iter().filter(|(it, _)| it == what);
                of_it.map(|(_, figure)| *figure).collect()
            };
            let (ours, linux) = (taken(&self.ours), taken(&self.linux));
            let ratios = ours.iter().zip(&linux).map(|(ours, linux)| ours.rate / linux.rate);
            rows.push(Row {
                what: format!("{what} (p50, p99 in ms)"),
                factor: Spread::of(ratios).unwrap_or_default(),
                ours: replies(&ours),
                linux: replies(&linux),
            });
        }
        let [created, replied] = self.starts;
        for (what, of) in [
            (created, (|it: &Started| it.created) as fn(&Started) -> Duration),
            (replied, |it| it.replied),
        ] {
            let times = |measured: &Measured| -> Vec<f64> {
                measured.starts.iter().map(|started| of(started).as_secs_f64()).collect()
            };
            let (ours, linux) = (times(&self.ours), times(&self.linux));
            let factors = ours.iter().zip(&linux).map(|(ours, linux)| linux / ours.max(1e-6));
            rows.extend(Spread::of(factors).map(|factor| Row {
                what: what.into(),
                ours: seconds(&ours),
                linux: seconds(&linux),
                factor,
            }));
        }
        let (ours, linux) = (&self.ours, &self.linux);
        let mut add = |what: &str, ours: u64, linux: u64| {
            let factor = linux as f64 / ours.max(1) as f64;
            let factor = Spread { median: factor, least: factor, most: factor };
            let (ours, linux) = (grouped(ours), grouped(linux));
            rows.push(Row { what: what.into(), ours, linux, factor });
        };
        add("memory given, MiB", ours.memory.into(), linux.memory.into());
        if let Some((ours, linux)) = ours.least_memory.zip(linux.least_memory) {
            add("the least memory that it serves with, MiB", ours.into(), linux.into());
        }
        add("image, bytes", ours.size, linux.size);
        rows
    }
}

/// The medians of rate and times, and what was lost.
fn replies(taken: &[Figure]) -> String {
    let median = |of: fn(&Figure) -> f64| {
        Spread::of(taken.iter().map(of)).map_or(0.0, |spread| spread.median)
    };
    let (p50, p99) = (
        median(|figure| figure.p50.as_secs_f64() * 1e3),
        median(|figure| figure.p99.as_secs_f64() * 1e3),
    );
    let rate = median(|figure| figure.rate);
    // Of few, a tenth matters.
    let rate = if rate < 100.0 { format!("{rate:.1}") } else { grouped(rate.round() as u64) };
    let lost: u64 = taken.iter().map(|figure| figure.lost).sum();
    let lost = if lost > 0 { format!(", {lost} lost") } else { String::new() };
    format!("{rate} ({p50:.1}, {p99:.1}){lost}")
}

fn seconds(times: &[f64]) -> String {
    let Spread { median, least, most } = Spread::of(times.iter().copied()).unwrap_or_default();
    format!("{median:.2} ({least:.2}–{most:.2})")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOAD: &str = "64 bytes, 16 outstanding: requests/s";

    fn report(ours: &[u32], linux: &[u32]) -> Report {
        let mut report = Report::new("a machine".into());
        for (guest, rates, seconds, memory, size) in
            [(OURS, ours, 1, 2, 130_000), (LINUX, linux, 10, 128, 13_000_000)]
        {
            for rate in rates {
                let loaded = Loaded {
                    replies: *rate,
                    elapsed: Duration::from_secs(1),
                    p50: Duration::from_micros(1500),
                    p99: Duration::from_millis(3),
                    ..Loaded::default()
                };
                report.load(LOAD, guest, loaded.into());
            }
            let time = Duration::from_secs(seconds);
            report.start(guest, Started { created: time, replied: time });
            report.memory(guest, memory, Some(memory / 2));
            report.size(guest, size);
        }
        report
    }

    #[test]
    fn factors_are_those_of_the_same_round() {
        let text = report(&[2000, 1000, 3000], &[1000, 800, 1000]).text();
        let row = "| 64 bytes, 16 outstanding: requests/s (p50, p99 in ms) | 2,000 (1.5, 3.0) | 1,000 \
                   (1.5, 3.0) | 2.00 (1.25–3.00) |";
        assert!(text.contains(row), "{text}");
        let row = "first reply, s | 1.00 (1.00–1.00) | 10.00 (10.00–10.00) | 10.00 |";
        assert!(text.contains(row), "{text}");
        assert!(text.contains("| image, bytes | 130,000 | 13,000,000 | 100.00 |"), "{text}");
        assert!(text.contains("serves with, MiB | 1 | 64 | 64.00 |"), "{text}");
        assert!(text.ends_with("letregion is ahead everywhere."), "{text}");
    }

    #[test]
    fn where_ours_is_behind_is_said() {
        let text = report(&[900], &[1000]).text();
        assert!(text.contains("is not ahead: 64 bytes, 16 outstanding"), "{text}");
    }
}
