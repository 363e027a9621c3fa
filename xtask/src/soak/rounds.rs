//! The rounds of a run, and how far it is.

use std::{
    io::{IsTerminal, Write},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use tests::Random;

use super::{attacks, clients::Clients, outcome::Outcome, site::Site};

/// How long requests come with nobody in the way, in each round.
const QUIET: Duration = Duration::from_millis(150);
/// How long they come over a bad network.
const BAD: Duration = Duration::from_millis(50);
/// How many frames of an attack come between two windows of requests.
const BATCH: usize = 100;

/// How long a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// No longer than this.
    pub time: Duration,
    /// No more requests than these, all services together; none: as many as there are in the time.
    pub requests: Option<u64>,
    /// Where the random numbers begin.
    pub seed: u64,
}

/// How far a run is.
#[derive(Debug)]
pub(super) struct Progress {
    plan: Plan,
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
    pub(super) fn new(plan: Plan) -> Self {
        let start = Instant::now();
        Self {
            plan,
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
}

/// Runs rounds on the service `app` at `site` until the run is over.
pub(super) fn run(site: &Site, app: &'static str, progress: &Progress) -> Result<Outcome> {
    let seed = progress.plan.seed ^ app.bytes().fold(0, |sum, byte| sum * 31 + u64::from(byte));
    let mut outcome = Outcome::new(app)?;
    let mut clients = Clients::new(site, app, seed);
    let mut random = Random::new(seed);
    // Some requests for fun first, so that the tables have what they always have.
    clients.ask(&mut outcome.quiet)?;
    let mut attacks = Vec::new();
    while !progress.is_over() {
        let before = outcome.requests();
        let step = Instant::now();
        while step.elapsed() < QUIET && !progress.is_over() {
            clients.ask(&mut outcome.quiet)?;
        }
        let step = Instant::now();
        while step.elapsed() < BAD && !progress.is_over() {
            clients.ask_over_bad_network(&mut outcome.bad)?;
        }
        if attacks.is_empty() {
            attacks = attacks::all();
            random.shuffle(&mut attacks);
        }
        if let Some(attack) = attacks.pop() {
            under_attack(site, &attack, random.bits(), &mut clients, &mut outcome)?;
        }
        site.settle()?;
        let nanos = u64::try_from(progress.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        outcome.note(site.packets()?, nanos, &site.memory()?);
        progress.requests.fetch_add(outcome.requests() - before, Ordering::Relaxed);
        progress.rounds.fetch_add(1, Ordering::Relaxed);
    }
    Ok(outcome)
}

/// Attacks, with requests in between.
fn under_attack(
    site: &Site,
    attack: &attacks::Attack,
    seed: u64,
    clients: &mut Clients<'_>,
    outcome: &mut Outcome,
) -> Result<()> {
    let frames = (attack.frames)(site.target(), &mut Random::new(seed));
    outcome.attacked_by(attack.name, frames.len());
    if attack.burst {
        frames.iter().try_for_each(|frame| site.wire().try_send(frame).map(drop))?;
        return clients.ask(&mut outcome.attacked);
    }
    for batch in frames.chunks(BATCH) {
        batch.iter().try_for_each(|frame| site.wire().send(frame))?;
        if attack.hides_client {
            site.wire().send(&site.target().request_of_host())?;
        }
        clients.ask(&mut outcome.attacked)?;
    }
    Ok(())
}
