//! `cargo xtask bench`: echo beside its peers, and beside what the device allows.

pub mod kvm;
pub(crate) mod machine;
mod peers;
mod picture;
mod record;
mod sample;
mod table;
pub mod xen;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use lab::{Lab, Network, cargo, tools};

pub(crate) use self::table::Spread;
use self::{
    peers::{PEERS, Peer, REFLECTOR},
    sample::Sample,
    table::Results,
};

/// The usual sizes of requests, in bytes.
pub const SIZES: [u16; 4] = [64, 1400, 8192, 60_000];
/// The usual numbers of outstanding requests.
pub const WINDOWS: [u16; 3] = [1, 16, 64];

/// How often a sample that fails is taken before that is an error.
const ATTEMPTS: u32 = 3;

/// As many frames as the device may have waiting: the fragments of 64 requests of 60,000 bytes.
const QUEUE: u32 = 4000;
/// What may wait in the kernel for its other fragments, in bytes, all headers of the kernel's included.
const FRAGMENTS: u32 = 64 << 20;

/// What is to be measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// How long each sample takes.
    pub time: Duration,
    /// How many samples there are of each.
    pub rounds: u32,
    /// The sizes of the requests in bytes.
    pub sizes: Vec<u16>,
    /// The numbers of outstanding requests.
    pub windows: Vec<u16>,
    /// The names of the peers, or none for all.
    pub peers: Vec<String>,
}

/// A size and a number of outstanding requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Setting {
    pub(crate) size: u16,
    pub(crate) window: u16,
}

impl Plan {
    /// As little as will show that everything works.
    pub fn quick() -> Self {
        Self {
            time: Duration::from_millis(50),
            rounds: 1,
            sizes: vec![64, 8192],
            windows: vec![1, 16],
            peers: Vec::new(),
        }
    }

    fn settings(&self) -> Vec<Setting> {
        let windows = |size: &u16| {
            let size = *size;
            self.windows.iter().map(move |window| Setting { size, window: *window })
        };
        self.sizes.iter().flat_map(windows).collect()
    }

    fn peers(&self) -> Result<Vec<&'static Peer>> {
        let known = || PEERS.iter().map(|peer| peer.name).collect::<Vec<_>>().join(", ");
        for name in &self.peers {
            let is_known = PEERS.iter().any(|peer| peer.name == name);
            ensure!(is_known, "there is no peer {name}; there are: {}", known());
        }
        let wanted = |name: &str| self.peers.is_empty() || self.peers.iter().any(|one| one == name);
        Ok(PEERS.iter().filter(|p| p.name == REFLECTOR || wanted(p.name)).collect())
    }
}

/// Builds echo and its peers, runs them in turn in one network namespace under the same load, prints a table, and
/// writes it with a picture and all samples to `target/bench`. [`lab::prepare`] comes first.
///
/// # Errors
/// Something does not build or start; the reflector or echo gives no reply, or a wrong one. What was measured
/// until then is printed and written all the same.
pub fn run(plan: &Plan) -> Result<()> {
    let peers = plan.peers()?;
    let programs = cargo::build_all(&["bench", "echo"], &[])?;
    let mut results = Results::default();
    let measured = lab::in_namespace(Network::default(), |lab| {
        prepare(lab)?;
        let take = |peer: &Peer, setting| Sample::take(lab, peer, &programs, setting, plan.time);
        measure(plan, &peers, take, &mut results)
    })
    .flatten();
    if results.rows().is_empty() {
        return measured;
    }
    write(&results).and(measured)
}

/// Prints what was measured, and writes it to `target/bench`.
fn write(results: &Results) -> Result<()> {
    let machine = machine::describe();
    let table = format!("{machine}\n\n{}", results.table());
    publish("bench.md", &table)?;
    let folder = folder()?;
    write_to(&folder.join("bench.csv"), &record::write(results, &machine)?)?;
    write_to(&folder.join("bench.svg"), &picture::draw(&results.rows(), &machine)?)
}

/// Prints a table, and writes it to this file in `target/bench`.
pub(crate) fn publish(file: &str, table: &str) -> Result<()> {
    println!("{table}");
    write_to(&folder()?.join(file), table)
}

/// The folder of all that is measured.
fn folder() -> Result<PathBuf> {
    let folder = cargo::target_folder()?.join("bench");
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn write_to(file: &Path, content: &str) -> Result<()> {
    fs::write(file, content).with_context(|| format!("cannot write {}", file.display()))?;
    eprintln!("written: {}", file.display());
    Ok(())
}

/// Prints the table of a run whose samples are in this file, a `bench.csv`, and draws its picture beside it.
///
/// # Errors
/// The file cannot be read, or is not what [`run`] writes; the picture cannot be written.
pub fn redraw(file: &Path) -> Result<()> {
    let reading = || format!("cannot read the samples in {}", file.display());
    let text = fs::read_to_string(file).with_context(reading)?;
    let (machine, results) = record::read(&text).with_context(reading)?;
    println!("{machine}\n\n{}", results.table());
    write_to(&file.with_extension("svg"), &picture::draw(&results.rows(), &machine)?)
}

/// Makes room for as many frames as are on their way at once.
fn prepare(lab: &Lab) -> Result<()> {
    let (interface, queue) = (&lab.network().interface, QUEUE.to_string());
    let mut command = tools::IP.command();
    let status = command.args(["link", "set", "dev", interface, "txqueuelen", &queue]).status();
    ensure!(status.context("cannot start ip")?.success(), "cannot set the queue of {interface}");
    // Who may not set it loses large requests from a window of 16 on, which the table shows.
    let _ = fs::write("/proc/sys/net/ipv4/ipfrag_high_thresh", FRAGMENTS.to_string());
    Ok(())
}

/// Every setting, so many rounds of it, every peer in each: what `take` gives goes into `results`.
fn measure(
    plan: &Plan,
    peers: &[&'static Peer],
    mut take: impl FnMut(&Peer, Setting) -> Result<Sample>,
    results: &mut Results,
) -> Result<()> {
    let settings = plan.settings();
    for (number, setting) in settings.iter().enumerate() {
        for round in 0..plan.rounds {
            for peer in peers.iter().filter(|peer| peer.takes(setting.size)) {
                eprint!(
                    "\r\x1b[Ksetting {} of {}, round {} of {}: {}",
                    number + 1,
                    settings.len(),
                    round + 1,
                    plan.rounds,
                    peer.name
                );
                let Setting { size, window } = *setting;
                let what = format!("{}, {size} bytes, {window} outstanding", peer.name);
                let sample = repeated(&what, || take(peer, *setting));
                // A peer that cannot is no reason to stop; what we are responsible for is.
                if peer.must_work && sample.is_err() {
                    eprintln!();
                    return sample.map(|_| ()).context(what);
                }
                results.add(*setting, round, peer.name, sample);
            }
        }
    }
    eprintln!();
    Ok(())
}

/// What `take` gives in one of [`ATTEMPTS`] attempts; each that fails is told, with `what` it was to measure.
pub(crate) fn repeated<T>(what: &str, mut take: impl FnMut() -> Result<T>) -> Result<T> {
    let mut attempt = 1;
    loop {
        match take() {
            Err(error) if attempt < ATTEMPTS => eprintln!("\n{what}: {error:#}; once more"),
            result => return result,
        }
        attempt += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reflector_is_always_there() {
        let names = |peers: &[&str]| -> Vec<_> {
            let peers = peers.iter().map(|name| (*name).into()).collect();
            let plan = Plan { peers, ..Plan::quick() };
            plan.peers().unwrap().iter().map(|peer| peer.name).collect()
        };
        assert_eq!(names(&["letregion"]), ["reflector", "letregion"]);
        assert_eq!(names(&[]).len(), PEERS.len());
        let error = Plan { peers: vec!["lwip".into()], ..Plan::quick() }.peers().unwrap_err();
        assert!(error.to_string().starts_with("there is no peer lwip; there are: reflector, "));
    }

    /// The rates of the rows, and what the error says, where `take` fails in the calls of these numbers.
    fn measured(failing: &[u32], must_work: bool) -> (Vec<(&'static str, f64)>, Option<String>) {
        let plan = Plan { sizes: vec![64], windows: vec![1, 16], ..Plan::quick() };
        let peer = PEERS.iter().find(|peer| peer.must_work == must_work).unwrap();
        let mut calls = 0;
        let take = |_: &Peer, _| {
            calls += 1;
            ensure!(!failing.contains(&calls), "call {calls} fails");
            Ok(Sample { elapsed: 1_000_000_000, replies: calls.into(), ..Sample::default() })
        };
        let mut results = Results::default();
        let error = measure(&plan, &[peer], take, &mut results).err();
        let rates = results.rows().iter().map(|row| (row.peer, row.rate.median)).collect();
        assert_eq!(results.table().lines().count() > 2, !results.rows().is_empty());
        (rates, error.map(|error| format!("{error:#}")))
    }

    #[test]
    fn a_sample_that_fails_is_repeated_and_the_others_are_kept() {
        assert_eq!(measured(&[], true), (vec![("reflector", 1.0), ("reflector", 2.0)], None));
        assert_eq!(measured(&[2, 3], true), (vec![("reflector", 1.0), ("reflector", 4.0)], None));
        let error = "reflector, 64 bytes, 16 outstanding: call 4 fails";
        assert_eq!(measured(&[2, 3, 4], true), (vec![("reflector", 1.0)], Some(error.into())));
        // Of a peer that need not work the failure is a row of its own.
        assert_eq!(measured(&[1, 2, 3], false), (vec![("smoltcp", 0.0), ("smoltcp", 4.0)], None));
    }

    #[test]
    fn a_setting_is_a_size_and_a_window() {
        let settings = Plan::quick().settings();
        assert_eq!(settings.len(), 4);
        assert_eq!(settings[1], Setting { size: 64, window: 16 });
    }
}
