//! How far a run is, and what its rounds are.

use std::{
    io::{IsTerminal, Write},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use ::testkit::Random;
use anyhow::{Context, Result};
use soak::{
    Pace, Round, RoundPlan,
    attacks::{self, Attack},
};

use super::outcome::Outcome;

/// How long a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// No longer than this, and the round that is under way then.
    pub time: Duration,
    /// No more requests than these, all services together, and those of the rounds that are under way then;
    /// none: as many as there are in the time.
    pub requests: Option<u64>,
    /// Where the random numbers begin.
    pub seed: u64,
}

/// How far a run is.
#[derive(Debug)]
pub(super) struct Progress {
    plan: Plan,
    pace: Pace,
    start: Instant,
    stopped: Arc<AtomicBool>,
    requests: AtomicU64,
    rounds: AtomicU64,
    /// How many services are done.
    pub(super) ended: AtomicUsize,
    /// When it was last told.
    told: Mutex<Instant>,
}

impl Progress {
    pub(super) fn new(plan: Plan, pace: Pace) -> Self {
        let start = Instant::now();
        Self {
            plan,
            pace,
            start,
            stopped: Arc::default(),
            requests: AtomicU64::new(0),
            rounds: AtomicU64::new(0),
            ended: AtomicUsize::new(0),
            told: Mutex::new(start),
        }
    }

    /// From now on Ctrl-C ends the run, with a verdict on what there was.
    pub(super) fn stop_on_interrupt(&self) -> Result<()> {
        let stopped = Arc::clone(&self.stopped);
        ctrlc::set_handler(move || stopped.store(true, Ordering::Relaxed))
            .context("cannot listen for Ctrl-C")
    }

    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    fn is_over(&self) -> bool {
        let Plan { time, requests, .. } = self.plan;
        self.stopped.load(Ordering::Relaxed)
            || self.start.elapsed() >= time
            || requests.is_some_and(|most| self.requests.load(Ordering::Relaxed) >= most)
    }

    /// Says on standard error how far it is, if it was not said within `every`; on a terminal all the time,
    /// on one line.
    pub(super) fn tell(&self, every: Duration) {
        let Ok(mut told) = self.told.lock() else { return };
        let terminal = std::io::stderr().is_terminal();
        if !terminal && told.elapsed() < every {
            return;
        }
        *told = Instant::now();
        let (time, whole) = (self.start.elapsed().as_secs(), self.plan.time.as_secs());
        let requests = self.requests.load(Ordering::Relaxed);
        let (start, end) = if terminal { ("\r\x1b[K", "") } else { ("", "\n") };
        let of = self.plan.requests.map_or_else(String::new, |most| format!(" of {most}"));
        let rounds = self.rounds.load(Ordering::Relaxed);
        let line = format!("{time} of {whole} s: {requests}{of} requests, {rounds} rounds");
        // Where nobody listens nothing is lost.
        let _ = write!(std::io::stderr(), "{start}{line}{end}");
    }

    /// Runs rounds of the service `app` until the run is over: `round` runs one.
    pub(super) fn run(
        &self,
        app: &'static str,
        mut round: impl FnMut(&RoundPlan, &mut Outcome) -> Result<Round>,
    ) -> Result<Outcome> {
        let seed = self.plan.seed ^ app.bytes().fold(0, |sum, byte| sum * 31 + u64::from(byte));
        let mut outcome = Outcome::new(app)?;
        let mut attacks = Attacks { random: Random::new(seed), left: Vec::new() };
        while !self.is_over() {
            let before = outcome.requests();
            let (attack, seed) = attacks.next();
            let plan = RoundPlan { app: app.into(), attack: attack.into(), seed, pace: self.pace };
            let came = round(&plan, &mut outcome)?;
            let nanos = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
            outcome.add(&came, attack, nanos)?;
            self.requests.fetch_add(outcome.requests() - before, Ordering::Relaxed);
            self.rounds.fetch_add(1, Ordering::Relaxed);
        }
        Ok(outcome)
    }
}

/// The attacks in any order, all of them before one comes again.
struct Attacks {
    random: Random,
    left: Vec<Attack>,
}

impl Attacks {
    /// The name of the next, and a seed for its round.
    fn next(&mut self) -> (&'static str, u64) {
        let attack = loop {
            match self.left.pop() {
                Some(attack) => break attack,
                None => {
                    self.left = attacks::all();
                    self.random.shuffle(&mut self.left);
                }
            }
        };
        (attack.name, self.random.bits())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const PLAN: Plan = Plan { time: Duration::from_secs(60), requests: Some(1000), seed: 1 };

    #[test]
    fn a_run_is_over_with_its_requests_and_has_every_attack() {
        let progress = Progress::new(PLAN, Pace::default());
        let (mut attacks, mut seeds) = (BTreeSet::new(), BTreeSet::new());
        let outcome = progress
            .run("echo", |plan, _| {
                attacks.insert(plan.attack.clone());
                seeds.insert(plan.seed);
                let mut round = Round { packets: seeds.len() as u64, ..Round::default() };
                round.quiet.times = vec![1; 10];
                Ok(round)
            })
            .unwrap();
        assert_eq!((outcome.requests(), attacks.len()), (1000, attacks::all().len()));
        assert_eq!(seeds.len(), 100);
    }

    #[test]
    fn a_run_that_is_stopped_ends() {
        let progress = Progress::new(PLAN, Pace::default());
        let outcome = progress.run("echo", |_, _| {
            progress.stop();
            Ok(Round::default())
        });
        assert_eq!(outcome.unwrap().requests(), 0);
    }
}
