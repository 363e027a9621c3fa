//! A round: requests with nobody in the way; requests over a network that loses, doubles and reorders
//! frames; an attack with requests in between; and then a look at what the regions hold, in a state that
//! does not depend on what was before ([`Site::settle`]).

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use testkit::Random;

use crate::{
    attacks::{self, Attack},
    clients::Clients,
    listing::Memory,
    site::Site,
    tally::Tally,
};

/// How fast a round goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    /// How long requests come with nobody in the way.
    pub quiet: Duration,
    /// How long they come over a bad network.
    pub bad: Duration,
    /// How many frames of an attack come between two windows of requests.
    pub batch: usize,
    /// How long the replies to a window of requests may take.
    pub patience: Duration,
}

impl Default for Pace {
    /// That of services which are processes of this machine, on a busy machine too.
    fn default() -> Self {
        Self {
            quiet: Duration::from_millis(150),
            bad: Duration::from_millis(50),
            batch: 100,
            patience: Duration::from_secs(5),
        }
    }
}

/// What is done in a round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoundPlan {
    /// The service, by the name that it has in `tests`' table of requests.
    pub app: String,
    /// The name of the attack.
    pub attack: String,
    /// Where the random numbers begin: the same number gives the same requests and frames.
    pub seed: u64,
    /// How fast it goes.
    pub pace: Pace,
}

/// What came of a round.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    /// Nobody was in the way.
    pub quiet: Tally,
    /// The network lost, doubled and reordered frames.
    pub bad: Tally,
    /// Others attacked.
    pub attacked: Tally,
    /// On TCP, with nobody in the way and under attack ([`streams`](crate::streams)).
    pub tcp: Tally,
    /// How many frames the attack had.
    pub attack_frames: u64,
    /// How many frames the service has received since it was started.
    pub packets: u64,
    /// What its regions held at the end.
    pub memory: Memory,
}

impl Round {
    /// The replies, with the names of the networks under which they came.
    pub fn tallies(&self) -> [(&'static str, &Tally); 4] {
        let Self { quiet, bad, attacked, tcp, .. } = self;
        [("quiet", quiet), ("bad", bad), ("attacked", attacked), ("tcp", tcp)]
    }
}

/// How long it takes until as many lines that say why there is no reply may be sent again as a service sends at once: the next
/// round asks for some of them.
const LINES_AGAIN: Duration = Duration::from_secs(1);

/// Runs a round on the service at `site`.
///
/// # Errors
/// There is no such service or attack; sockets fail; the service does not say what it holds.
pub fn run(site: &Site, plan: &RoundPlan) -> Result<Round> {
    let RoundPlan { app, attack, seed, pace } = plan;
    let attack = attacks::all()
        .into_iter()
        .find(|known| known.name == attack)
        .with_context(|| format!("there is no attack {attack}"))?;
    let mut clients = Clients::new(site, app, *seed, pace.patience)?;
    let mut round = Round::default();
    let before = lines_left_out(site)?;
    // At least once, so that the tables have what they always have.
    repeat(pace.quiet, || clients.ask(&mut round.quiet))?;
    repeat(pace.bad, || clients.ask_over_bad_network(&mut round.bad))?;
    under_attack(site, &attack, plan, &mut clients, &mut round)?;
    site.settle()?;
    if lines_left_out(site)? > before {
        thread::sleep(LINES_AGAIN);
    }
    (round.packets, round.memory) = (site.packets()?, site.memory()?);
    Ok(round)
}

/// How many lines that say why there is no reply the service has left out, because there were too many.
fn lines_left_out(site: &Site) -> Result<u64> {
    Ok(site.counters()?.get("udp.replies_limited").copied().unwrap_or(0))
}

/// Does something once and then again for as long as there is `time`.
fn repeat(time: Duration, mut what: impl FnMut() -> Result<()>) -> Result<()> {
    let start = Instant::now();
    loop {
        what()?;
        if start.elapsed() >= time {
            return Ok(());
        }
    }
}

/// Attacks, with requests in between.
fn under_attack(
    site: &Site,
    attack: &Attack,
    plan: &RoundPlan,
    clients: &mut Clients<'_>,
    round: &mut Round,
) -> Result<()> {
    let frames = (attack.frames)(site.target(), &mut Random::new(plan.seed));
    round.attack_frames = frames.len() as u64;
    if attack.burst {
        frames.iter().try_for_each(|frame| site.wire().try_send(frame).map(drop))?;
        return clients.ask(&mut round.attacked);
    }
    for batch in frames.chunks(plan.pace.batch.max(1)) {
        batch.iter().try_for_each(|frame| site.wire().send(frame))?;
        clients.ask(&mut round.attacked)?;
    }
    Ok(())
}
