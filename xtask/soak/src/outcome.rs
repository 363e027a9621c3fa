//! What came of it: replies, times, and the verdict.

use std::fmt::Write;

use anyhow::{Result, anyhow};
use hdrhistogram::Histogram;
use soak::{
    Round, Tally,
    listing::{Held, Memory},
};

use profile::{
    series::{Band, Moment, Sample, Series},
    verdict,
};

/// The longest time of a reply that is told from longer ones, in microseconds.
const SLOWEST: u64 = 60_000_000;
/// How many wrong or missing replies are described.
const DESCRIBED: usize = 5;

/// The replies under one sort of network, of all rounds.
#[derive(Debug)]
pub(crate) struct Replies {
    /// The time of each right reply, in microseconds.
    times: Histogram<u64>,
    missing: u64,
    lost: u64,
    wrong: u64,
    /// Some of those that were wrong or missing, in words.
    described: Vec<String>,
}

impl Replies {
    fn new() -> Result<Self> {
        let times =
            Histogram::new_with_bounds(1, SLOWEST, 3).map_err(|error| anyhow!("{error}"))?;
        Ok(Self { times, missing: 0, lost: 0, wrong: 0, described: Vec::new() })
    }

    /// Adds those of the round that is described as `when`.
    fn add(&mut self, tally: &Tally, when: &str) {
        let Tally { times, missing, lost, wrong, described } = tally;
        times.iter().for_each(|micros| self.times.saturating_record(u64::from(*micros)));
        self.missing += missing;
        self.lost += lost;
        self.wrong += wrong;
        let free = DESCRIBED.saturating_sub(self.described.len());
        self.described.extend(described.iter().take(free).map(|words| format!("{when}: {words}")));
    }

    fn requests(&self) -> u64 {
        self.times.len() + self.missing + self.lost + self.wrong
    }
}

/// What came of one service.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) app: &'static str,
    /// The networks by name, with the replies that came under them.
    networks: Vec<(&'static str, Replies)>,
    /// How many attacks there were, and frames in them.
    attacks: u64,
    attack_frames: u64,
    /// The last attack.
    last_attack: String,
    /// How often the network was taken away and given back.
    pub(crate) networks_lost: u64,
    /// How many frames of its replies found its send queue full, where it says so.
    pub(crate) queue_full: u64,
    /// What else was wrong, in words.
    pub(crate) faults: Vec<String>,
    /// What the regions held after each round.
    memory: Series,
}

impl Outcome {
    /// Nothing yet.
    ///
    /// # Errors
    /// There is no memory for the times.
    pub(crate) fn new(app: &'static str) -> Result<Self> {
        Ok(Self {
            app,
            networks: Vec::new(),
            attacks: 0,
            attack_frames: 0,
            last_attack: "none".into(),
            networks_lost: 0,
            queue_full: 0,
            faults: Vec::new(),
            memory: Series::default(),
        })
    }

    /// Adds a round with this attack, which ended after so many nanoseconds of the run.
    pub(crate) fn add(&mut self, round: &Round, attack: &str, nanos: u64) -> Result<()> {
        self.attacks += 1;
        self.attack_frames += round.attack_frames;
        for (network, tally) in round.tallies().into_iter().filter(|(_, it)| !it.is_empty()) {
            // An attack comes last in its round.
            let last = if network == "attacked" { attack } else { &self.last_attack };
            let when = format!("round {}, the last attack being {last}", self.attacks);
            let known = self.networks.iter().position(|(name, _)| *name == network);
            let index = match known {
                Some(index) => index,
                None => {
                    self.networks.push((network, Replies::new()?));
                    self.networks.len() - 1
                }
            };
            self.networks[index].1.add(tally, &when);
        }
        attack.clone_into(&mut self.last_attack);
        self.note(round.packets, nanos, &round.memory);
        Ok(())
    }

    /// How many requests there were.
    pub(crate) fn requests(&self) -> u64 {
        self.networks.iter().map(|(_, replies)| replies.requests()).sum()
    }

    /// Notes what the regions hold after so many packets.
    fn note(&mut self, packets: u64, nanos: u64, memory: &Memory) {
        let series = &mut self.memory;
        if series.moments.last().is_some_and(|last| last.tick >= packets) {
            return;
        }
        series.moments.push(Moment { tick: packets, nanos });
        for (name, held) in named(memory) {
            let known = series.bands.iter().position(|band| band.region == name);
            let index = known.unwrap_or_else(|| {
                series.bands.push(Band { region: name, ..Band::default() });
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
        let mut complaints: Vec<_> = self.faults.iter().map(|it| format!("{app}: {it}")).collect();
        for (network, replies) in &self.networks {
            let Replies { missing, wrong, described, .. } = replies;
            // An attack may fill the queue that requests come through too.
            let missing = if *network == "attacked" { &0 } else { missing };
            for (count, words) in [(wrong, "were wrong"), (missing, "did not come")] {
                if *count > 0 {
                    complaints.push(format!("{app}, {network}: {count} replies {words}"));
                }
            }
            if wrong + missing > 0 {
                complaints.extend(described.iter().map(|it| format!("{app}, {network}: {it}")));
            }
        }
        let growing = verdict::judge(&self.memory).into_iter().filter(|verdict| !verdict.passed);
        complaints.extend(growing.map(|it| format!("{app}: {} holds more and more", it.region)));
        complaints
    }
}

/// The regions of all cores by name. Those of other cores than the first have its number before.
fn named(memory: &Memory) -> impl Iterator<Item = (String, Held)> {
    memory.of_cores().enumerate().flat_map(|(core, memory)| {
        let named = move |name: &String| match core {
            0 => name.clone(),
            _ => format!("{core}: {name}"),
        };
        memory.regions.iter().map(move |(name, held)| (named(name), *held))
    })
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
        for (network, replies) in &outcome.networks {
            let Replies { times, missing, lost, wrong, .. } = replies;
            let at = |quantile| times.value_at_quantile(quantile);
            // A String takes all that is written to it.
            let _ = writeln!(
                text,
                "{:<12} {network:<9} {:>10} {:>10} {lost:>8} {missing:>8} {wrong:>6} {:>8} {:>8} {:>9}",
                outcome.app,
                replies.requests(),
                times.len(),
                at(0.5),
                at(0.99),
                times.max(),
            );
        }
    }
    for outcome in outcomes {
        let Outcome { app, attacks, attack_frames, networks_lost, queue_full, memory, .. } =
            outcome;
        let mut lost = match networks_lost {
            0 => String::new(),
            times => format!(", its network taken away and given back {times} times"),
        };
        if *queue_full > 0 {
            lost += &format!(", {queue_full} frames dropped by its full send queue");
        }
        let _ = writeln!(
            text,
            "\n{app}: {attacks} attacks, {attack_frames} frames{lost}; memory, {} times looked at:",
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
    use super::*;

    /// An outcome of so many rounds, each with a right reply, after which a region held `pages`; `harm` has
    /// changed the last of them.
    fn outcome(pages: impl Fn(u64) -> u64, harm: impl Fn(&mut Round)) -> Outcome {
        let mut outcome = Outcome::new("echo").unwrap();
        for number in 1..=100 {
            let held = Held { live: 1, pages: pages(number), most: 9 };
            let mut round = Round {
                packets: number * 100,
                memory: Memory { regions: [("packet".into(), held)].into(), ..Memory::default() },
                quiet: Tally { times: vec![50], ..Tally::default() },
                ..Round::default()
            };
            if number == 100 {
                harm(&mut round);
            }
            outcome.add(&round, "teardrop", 0).unwrap();
        }
        outcome
    }

    fn described(words: &str) -> Vec<String> {
        vec![words.to_owned()]
    }

    #[test]
    fn all_right_is_a_pass() {
        let outcome = outcome(
            |_| 2,
            |round| {
                // What the network has cut need not be answered.
                round.bad.lost = 1;
                // And an attack may fill the queue.
                (round.attacked.missing, round.attacked.described) = (1, described("nothing"));
            },
        );
        let (text, complaints) = conclude(&[outcome]);
        assert_eq!(complaints, [""; 0], "{text}");
        assert!(text.ends_with("102 requests: PASS\n"), "{text}");
        assert!(text.contains("+0.00 PASS"), "{text}");
    }

    #[test]
    fn growth_loss_and_wrong_replies_are_a_fail() {
        let growing = outcome(|number| number, |_| ());
        let losing = outcome(|_| 2, |round| round.quiet.missing = 1);
        let harm = |round: &mut Round| {
            (round.attacked.wrong, round.attacked.described) = (1, described("other bytes"));
        };
        let wrong = outcome(|_| 2, harm);
        let mut restarted = outcome(|_| 2, |_| ());
        restarted.faults.push("it was started again".into());
        for (outcome, words) in [
            (growing, "packet holds more and more"),
            (losing, "quiet: 1 replies did not come"),
            (wrong, "attacked: 1 replies were wrong"),
            (restarted, "echo: it was started again"),
        ] {
            let (text, complaints) = conclude(&[outcome]);
            assert!(complaints.iter().any(|it| it.contains(words)), "{complaints:?}");
            assert!(text.ends_with("FAIL\n"), "{text}");
        }
        let (_, complaints) = conclude(&[outcome(|_| 2, harm)]);
        let when = "round 100, the last attack being teardrop: other bytes";
        assert!(complaints.iter().any(|it| it.contains(when)), "{complaints:?}");
    }
}
