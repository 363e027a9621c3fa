//! `cargo xtask bench --http`: HTTP of one line and in bulk, beside the kernel's TCP, nginx and smoltcp.

mod peers;
mod sample;
mod setting;
mod table;
pub mod xen;

use std::{fs, time::Duration};

use anyhow::{Context, Result};
use lab::{Lab, Network, tools};

use self::{peers::Peers, sample::Sample, setting::Setting, table::Results};
use crate::bench::{machine, publish, repeated};

/// As many frames as the device may have waiting: the windows of 64 connections.
const QUEUE: u32 = 4000;

/// What is to be measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpPlan {
    /// How long each sample takes.
    pub time: Duration,
    /// How many samples there are of each.
    pub rounds: u32,
    /// The names of the peers, or none for all.
    pub peers: Vec<String>,
    /// Whether only that much is measured that shows that everything works.
    pub quick: bool,
}

impl HttpPlan {
    /// As little as will show that everything works.
    pub fn quick() -> Self {
        Self { time: Duration::from_millis(100), rounds: 1, peers: Vec::new(), quick: true }
    }

    fn settings(&self) -> &'static [Setting] {
        if self.quick { &Setting::QUICK } else { &Setting::ALL }
    }
}

/// Builds the peers, runs them in turn in one network namespace under the same load, prints a table, and writes it to
/// `target/bench/http.md`. [`lab::prepare`] comes first.
///
/// # Errors
/// Something does not build or start; a peer of ours gives no reply, or a wrong one. What was measured until then is
/// printed and written all the same.
pub fn run(plan: &HttpPlan) -> Result<()> {
    let peers = Peers::build(&plan.peers)?;
    let mut results = Results::default();
    let measured = lab::in_namespace(Network::default(), |lab| {
        prepare(lab)?;
        measure(lab, plan, &peers, &mut results)
    })
    .flatten();
    if results.is_empty() {
        return measured;
    }
    publish("http.md", &format!("{}\n\n{}", machine::describe(), results.table())).and(measured)
}

/// Makes room for as many frames as are on their way at once, and for as many connections as follow each other.
fn prepare(lab: &Lab) -> Result<()> {
    let (interface, queue) = (&lab.network().interface, QUEUE.to_string());
    tools::succeed(
        tools::IP.command().args(["link", "set", "dev", interface]).args(["txqueuelen", &queue]),
    )?;
    fs::write("/proc/sys/net/ipv4/ip_local_port_range", "1024 65535")
        .context("cannot set the ports of the load")
}

/// Every setting, so many rounds of it, every peer in each.
fn measure(lab: &Lab, plan: &HttpPlan, peers: &Peers, results: &mut Results) -> Result<()> {
    let load = peers.program("http-load")?;
    let settings = plan.settings();
    for (number, setting) in settings.iter().enumerate() {
        for round in 0..plan.rounds {
            for peer in peers.iter() {
                eprint!(
                    "\r\x1b[Kload {} of {}, round {} of {}: {}",
                    number + 1,
                    settings.len(),
                    round + 1,
                    plan.rounds,
                    peer.name
                );
                let what = format!("{}, {setting}", peer.name);
                let sample = repeated(&what, || {
                    let (service, to) = peers.start(lab, peer, *setting)?;
                    // How the peer ends is its own affair: not all of them hear signals.
                    Sample::take(lab, load, (&service, to), *setting, plan.time)
                });
                if peer.must_work && sample.is_err() {
                    eprintln!();
                    return sample.map(drop).context(what);
                }
                results.add(*setting, round, peer.name, sample);
            }
        }
    }
    eprintln!();
    Ok(())
}
