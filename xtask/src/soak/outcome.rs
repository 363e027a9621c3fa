//! What came of it: replies, times, and the verdict.

use std::{fmt::Write, time::Duration};

use anyhow::{Result, anyhow};
use hdrhistogram::Histogram;

use crate::profile::{
    series::{Band, Moment, Sample, Series},
    verdict,
};

use super::listing::Memory;

/// The longest time of a reply that is told from longer ones, in microseconds.
const SLOWEST: u64 = 60_000_000;
/// How many wrong or missing replies are described.
const DESCRIBED: usize = 5;

/// The replies under one sort of network.
#[derive(Debug)]
pub(crate) struct Tally {
    /// The time of each right reply, in microseconds.
    times: Histogram<u64>,
    /// Replies that had to come and did not.
    pub(crate) missing: u64,
    /// Replies that did not come, to requests that the network had lost a part of.
    pub(crate) lost: u64,
    /// Replies that were wrong.
    pub(crate) wrong: u64,
    /// Some of these, in words.
    described: Vec<String>,
    /// The last attack.
    after: &'static str,
}

impl Tally {
    /// Nothing yet.
    ///
    /// # Errors
    /// There is no memory for the times.
    pub(crate) fn new() -> Result<Self> {
        let times =
            Histogram::new_with_bounds(1, SLOWEST, 3).map_err(|error| anyhow!("{error}"))?;
        Ok(Self { times, missing: 0, lost: 0, wrong: 0, described: Vec::new(), after: "none" })
    }

    pub(crate) fn right(&mut self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.times.saturating_record(micros);
    }

    pub(crate) fn wrong(&mut self, words: String) {
        self.wrong += 1;
        self.describe(words);
    }

    /// A reply did not come, though the network lost nothing of its request.
    pub(crate) fn missing(&mut self, words: String) {
        self.missing += 1;
        self.describe(words);
    }

    fn describe(&mut self, words: String) {
        if self.described.len() < DESCRIBED {
            let (requests, after) = (self.requests(), self.after);
            let when = format!("request {requests}, the last attack being {after}");
            self.described.push(format!("{when}: {words}"));
        }
    }

    /// How many requests there were.
    pub(crate) fn requests(&self) -> u64 {
        self.times.len() + self.missing + self.lost + self.wrong
    }
}

/// What came of one service.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) app: &'static str,
    /// Nobody was in the way.
    pub(crate) quiet: Tally,
    /// The network lost, doubled and reordered frames.
    pub(crate) bad: Tally,
    /// Others attacked.
    pub(crate) attacked: Tally,
    /// How many attacks there were, and frames in them.
    pub(crate) attacks: u64,
    pub(crate) attack_frames: u64,
    /// What the regions held after each round.
    pub(crate) memory: Series,
}

impl Outcome {
    pub(crate) fn new(app: &'static str) -> Result<Self> {
        Ok(Self {
            app,
            quiet: Tally::new()?,
            bad: Tally::new()?,
            attacked: Tally::new()?,
            attacks: 0,
            attack_frames: 0,
            memory: Series::default(),
        })
    }

    /// Notes that an attack of so many frames begins.
    pub(crate) fn attacked_by(&mut self, attack: &'static str, frames: usize) {
        self.attacks += 1;
        self.attack_frames += frames as u64;
        for tally in [&mut self.quiet, &mut self.bad, &mut self.attacked] {
            tally.after = attack;
        }
    }

    /// How many requests there were.
    pub(crate) fn requests(&self) -> u64 {
        self.tallies().map(|(_, tally)| tally.requests()).sum()
    }

    fn tallies(&self) -> impl Iterator<Item = (&'static str, &Tally)> {
        [("quiet", &self.quiet), ("bad", &self.bad), ("attacked", &self.attacked)].into_iter()
    }

    /// Notes what the regions hold after so many packets.
    pub(crate) fn note(&mut self, packets: u64, nanos: u64, memory: &Memory) {
        let series = &mut self.memory;
        if series.moments.last().is_some_and(|last| last.tick >= packets) {
            return;
        }
        series.moments.push(Moment { tick: packets, nanos });
        for (name, held) in &memory.regions {
            let known = series.bands.iter().position(|band| band.region == *name);
            let index = known.unwrap_or_else(|| {
                series.bands.push(Band { region: name.clone(), ..Band::default() });
                series.bands.len() - 1
            });
            let samples = &mut series.bands[index].samples;
            // Before it was first opened it held nothing.
            samples.resize(series.moments.len() - 1, Sample::default());
            let (pages, most, live) = (held.pages, held.most, held.live);
            // Only what is held between the requests is known.
            samples.push(Sample { pages, peak: pages, most, live, ..Sample::default() });
        }
        for band in &mut series.bands {
            band.samples.resize(series.moments.len(), Sample::default());
        }
    }

    /// What is wrong; nothing if all is as it should be.
    fn complaints(&self) -> Vec<String> {
        let app = self.app;
        let mut complaints = Vec::new();
        for (network, tally) in self.tallies() {
            if tally.wrong > 0 {
                complaints.push(format!("{app}, {network}: {} replies were wrong", tally.wrong));
            }
            if tally.wrong > 0 || network != "attacked" && tally.missing > 0 {
                let described = tally.described.iter();
                complaints.extend(described.map(|it| format!("{app}, {network}: {it}")));
            }
            // An attack may fill the queue that requests come through too.
            if network != "attacked" && tally.missing > 0 {
                complaints
                    .push(format!("{app}, {network}: {} replies did not come", tally.missing));
            }
        }
        let growing = verdict::judge(&self.memory).into_iter().filter(|verdict| !verdict.passed);
        complaints.extend(growing.map(|it| format!("{app}: {} holds more and more", it.region)));
        complaints
    }
}

/// The verdicts as tables, and what is wrong.
pub(crate) fn conclude(outcomes: &[Outcome]) -> (String, Vec<String>) {
    let mut text = format!(
        "{:<12} {:<9} {:>10} {:>10} {:>8} {:>8} {:>6} {:>8} {:>8} {:>9}\n",
        "service",
        "network",
        "requests",
        "right",
        "cut",
        "missing",
        "wrong",
        "p50 µs",
        "p99 µs",
        "worst µs"
    );
    for outcome in outcomes {
        for (network, tally) in outcome.tallies() {
            let Tally { times, missing, lost, wrong, .. } = tally;
            let at = |quantile| times.value_at_quantile(quantile);
            // A String takes all that is written to it.
            let _ = writeln!(
                text,
                "{:<12} {network:<9} {:>10} {:>10} {lost:>8} {missing:>8} {wrong:>6} {:>8} {:>8} {:>9}",
                outcome.app,
                tally.requests(),
                times.len(),
                at(0.5),
                at(0.99),
                times.max(),
            );
        }
    }
    for outcome in outcomes {
        let Outcome { app, attacks, attack_frames, memory, .. } = outcome;
        let _ = writeln!(
            text,
            "\n{app}: {attacks} attacks, {attack_frames} frames; memory, {} times looked at:",
            memory.moments.len()
        );
        text += &verdict::table(&verdict::judge(memory));
    }
    let complaints: Vec<_> = outcomes.iter().flat_map(Outcome::complaints).collect();
    let total: u64 = outcomes.iter().map(Outcome::requests).sum();
    let word = if complaints.is_empty() { "PASS" } else { "FAIL" };
    let _ = writeln!(text, "\n{total} requests: {word}");
    (text, complaints)
}

#[cfg(test)]
mod tests {
    use super::{super::listing::Held, *};

    /// An outcome of so many rounds after which a region held `pages`.
    fn outcome(rounds: u64, pages: impl Fn(u64) -> u64) -> Outcome {
        let mut outcome = Outcome::new("echo").unwrap();
        for round in 0..rounds {
            let held = Held { live: 1, pages: pages(round), most: 9 };
            let memory = Memory { regions: [("packet".into(), held)].into(), ..Memory::default() };
            outcome.note(round * 100, 0, &memory);
            outcome.quiet.right(Duration::from_micros(50 + round));
        }
        outcome
    }

    #[test]
    fn all_right_is_a_pass() {
        let mut outcome = outcome(100, |_| 2);
        // What the network has cut need not be answered.
        outcome.bad.lost += 1;
        // And an attack may fill the queue.
        outcome.attacked.missing("nothing".into());
        let (text, complaints) = conclude(&[outcome]);
        assert_eq!(complaints, [""; 0], "{text}");
        assert!(text.ends_with("102 requests: PASS\n"), "{text}");
        assert!(text.contains("+0.00 PASS"), "{text}");
    }

    #[test]
    fn growth_loss_and_wrong_replies_are_a_fail() {
        let growing = outcome(100, |round| round);
        let mut losing = outcome(100, |_| 2);
        losing.quiet.missing("nothing".into());
        let mut wrong = outcome(100, |_| 2);
        wrong.attacked.wrong("other bytes".into());
        for (outcome, words) in [
            (growing, "packet holds more and more"),
            (losing, "quiet: 1 replies did not come"),
            (wrong, "attacked: 1 replies were wrong"),
        ] {
            let (text, complaints) = conclude(&[outcome]);
            assert!(complaints.iter().any(|it| it.contains(words)), "{complaints:?}");
            assert!(text.ends_with("FAIL\n"), "{text}");
        }
    }
}
