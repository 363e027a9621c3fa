//! `cargo xtask bench`: echo beside its peers, and beside what the device allows.

mod machine;
mod peers;
mod picture;
mod sample;
mod table;
pub mod xen;

use std::{collections::BTreeMap, fs, path::PathBuf, time::Duration};

use anyhow::{Context, Result, ensure};
use lab::{Lab, Network, cargo, tools};

use self::{
    peers::{PEERS, Peer, REFLECTOR},
    sample::Sample,
    table::Results,
};

/// The usual sizes of requests, in bytes.
pub const SIZES: [u16; 4] = [64, 1400, 8192, 60_000];
/// The usual numbers of outstanding requests.
pub const WINDOWS: [u16; 3] = [1, 16, 64];

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
/// Something does not build or start; the reflector or echo gives no reply, or a wrong one.
pub fn run(plan: &Plan) -> Result<()> {
    let (peers, settings) = (plan.peers()?, plan.settings());
    let programs = cargo::build_all(&["bench", "echo"], &[])?;
    let results = lab::in_namespace(Network::default(), |lab| {
        prepare(lab)?;
        measure(lab, plan, &settings, &peers, &programs)
    })??;
    let table = format!("{}\n\n{}", machine::describe(), results.table());
    println!("{table}");
    let folder = cargo::target_folder()?.join("bench");
    fs::create_dir_all(&folder)?;
    for (name, content) in [
        ("bench.md", table),
        ("bench.csv", results.csv()?),
        ("bench.svg", picture::draw(&results, &machine::describe())?),
    ] {
        let path = folder.join(name);
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
        eprintln!("written: {}", path.display());
    }
    Ok(())
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

/// Every setting, so many rounds of it, every peer in each.
fn measure(
    lab: &Lab,
    plan: &Plan,
    settings: &[Setting],
    peers: &[&'static Peer],
    programs: &BTreeMap<String, PathBuf>,
) -> Result<Results> {
    let mut results = Results::default();
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
                let sample = Sample::take(lab, peer, programs, *setting, plan.time);
                // A peer that cannot is no reason to stop; what we are responsible for is.
                if let (Err(_), true) = (&sample, peer.must_work) {
                    eprintln!();
                    let Setting { size, window } = *setting;
                    let what = || format!("{}, {size} bytes, {window} outstanding", peer.name);
                    return Err(sample.err().context("an error")?.context(what()));
                }
                results.add(*setting, round, peer.name, sample);
            }
        }
    }
    eprintln!();
    Ok(results)
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

    #[test]
    fn a_setting_is_a_size_and_a_window() {
        let settings = Plan::quick().settings();
        assert_eq!(settings.len(), 4);
        assert_eq!(settings[1], Setting { size: 64, window: 16 });
    }
}
