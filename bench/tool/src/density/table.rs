//! The tables of density, in Markdown.

use std::{fmt::Write as _, time::Duration};

use lab::grouped;

use super::figures::{Times, slope};

/// What became of one request to each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answers {
    pub(crate) asked: usize,
    pub(crate) right: usize,
    pub(crate) wrong: usize,
}

impl Answers {
    /// All of them, or what was not right.
    pub(crate) fn words(&self) -> String {
        let Self { asked, right, wrong } = *self;
        match (asked - right, wrong) {
            (0, _) => format!("all {asked}"),
            (_, 0) => format!("{right} of {asked}"),
            _ => format!("{right} of {asked}, {wrong} wrong"),
        }
    }
}

/// The memory of all processes together, and what the machine has left, in KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Use {
    /// A page that many have counts as a part of it in each (`Pss`), or as a whole one (`Rss`).
    pub(crate) pss: u64,
    pub(crate) rss: u64,
    /// Their page tables (`VmPTE`).
    pub(crate) tables: u64,
    /// `MemAvailable` of the machine.
    pub(crate) available: u64,
}

/// So many processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) count: usize,
    pub(crate) used: Use,
    /// From the start of each that has come since the row before to its first reply.
    pub(crate) started: Times,
    pub(crate) answers: Answers,
    /// The processor time of all of them while nobody asks.
    pub(crate) idle: Duration,
}

/// What was measured of processes.
#[derive(Debug)]
pub(crate) struct Processes {
    machine: String,
    rows: Vec<Row>,
    growth: Option<f64>,
    ran_out: String,
}

impl Processes {
    pub(crate) fn new(machine: String) -> Self {
        Self { machine, rows: Vec::new(), growth: None, ran_out: String::new() }
    }

    pub(crate) fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// How much longer each takes to its first reply than the one before, in seconds.
    pub(crate) fn growth(&mut self, growth: Option<f64>) {
        self.growth = growth;
    }

    pub(crate) fn ran_out(&mut self, words: String) {
        self.ran_out = words;
    }

    /// The machine, the table, and what is to be said of it.
    pub(crate) fn text(&self) -> String {
        let mut text = format!(
            "{}\n\n| processes | PSS, KiB each | RSS, KiB each | page tables, KiB each | start to first reply, ms: median (95 %) | answer | \
             processor time in {} s, all idle, ms |\n|--:|--:|--:|--:|--:|--:|--:|\n",
            self.machine,
            super::IDLE.as_secs()
        );
        for Row { count, used, started, answers, idle } in &self.rows {
            let each = |sum: u64| grouped((sum as f64 / *count as f64).round() as u64);
            // A String takes all that is written to it.
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {:.1} ({:.1}) | {} | {:.1} |",
                grouped(*count as u64),
                each(used.pss),
                each(used.rss),
                each(used.tables),
                started.median() * 1e3,
                started.p95() * 1e3,
                answers.words(),
                idle.as_secs_f64() * 1e3
            );
        }
        let points = self.rows.iter().map(|row| (row.count as f64, row.used.available as f64));
        if let Some(slope) = slope(points) {
            let _ = writeln!(
                text,
                "\nThe machine has {:.0} KiB less for each process, with all that the kernel keeps for it.",
                -slope
            );
        }
        if let Some(growth) = self.growth {
            let _ = writeln!(
                text,
                "The start of each takes {:.1} us longer than that of the one before.",
                growth * 1e6
            );
        }
        text + &self.ran_out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(count: usize, right: usize, available: u64) -> Row {
        let (mut started, sum) = (Times::default(), count as u64);
        started.push(Duration::from_millis(7));
        Row {
            count,
            used: Use { pss: 700 * sum, rss: 1900 * sum, tables: 50 * sum, available },
            started,
            answers: Answers { asked: count, right, wrong: 0 },
            idle: Duration::from_micros(1500),
        }
    }

    #[test]
    fn a_row_has_what_each_takes_and_who_does_not_answer() {
        let mut processes = Processes::new("a machine".into());
        processes.add(row(1, 1, 5_000_000));
        processes.add(row(1001, 1000, 4_000_000));
        processes.growth(Some(1e-5));
        processes.ran_out("Nothing.".into());
        let text = processes.text();
        for line in [
            "| 1 | 700 | 1,900 | 50 | 7.0 (7.0) | all 1 | 1.5 |",
            "| 1,001 | 700 | 1,900 | 50 | 7.0 (7.0) | 1000 of 1001 | 1.5 |",
            "The machine has 1000 KiB less for each process, ",
            "The start of each takes 10.0 us longer",
            "Nothing.",
        ] {
            assert!(text.contains(line), "no {line} in:\n{text}");
        }
        let wrong = Answers { asked: 3, right: 1, wrong: 1 };
        assert_eq!(wrong.words(), "1 of 3, 1 wrong");
    }
}
