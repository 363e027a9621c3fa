//! One sample: a peer, a setting, a second.

use std::{
    collections::BTreeMap,
    net::SocketAddrV4,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{
    Setting,
    peers::{PORT, Peer},
};
use lab::{Lab, Service};

/// Two cores are near each other if a cache line takes at most so long from one to the other, in
/// nanoseconds: 50 to 150 where they are near, 450 to 850 where the host has put them far apart.
const NEAR: u64 = 250;
/// The largest part of the time that other processes may have had of the two cores.
const DISTURBED: f64 = 0.05;

/// What a load counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sample {
    /// How long it took, in nanoseconds, as all times here.
    pub(crate) elapsed: u64,
    pub(crate) replies: u64,
    pub(crate) lost: u64,
    pub(crate) p50: u64,
    pub(crate) p99: u64,
    /// The longer way of a cache line between the cores, before or after; none where there is one core.
    pub(crate) distance: Option<u64>,
    /// The time that the server ran.
    pub(crate) run: u64,
    pub(crate) user_ticks: u64,
    pub(crate) kernel_ticks: u64,
    /// The time that server or load could have run and something else did: of the worse of the two.
    pub(crate) waited: u64,
}

impl Sample {
    /// Starts the peer, puts it under load, ends it.
    pub(crate) fn take(
        lab: &Lab,
        peer: &Peer,
        programs: &BTreeMap<String, PathBuf>,
        setting: Setting,
        time: Duration,
    ) -> Result<Self> {
        let program = |name: &str| -> Result<&Path> {
            Ok(programs.get(name).with_context(|| format!("there is no program {name}"))?)
        };
        let server = program(peer.program)?;
        let service = match peer.elsewhere {
            None => Service::start(lab, server, peer.args, |_| ())?,
            Some(_) => Service::start_elsewhere(lab, server, peer.args, |_| ())?,
        };
        let to = SocketAddrV4::new(peer.elsewhere.unwrap_or(lab.network().service), PORT);
        let mut load = lab.client(program("load")?);
        load.args(peer.segments.then_some("--segments"));
        let sample = Self::of_load(&mut load, to, service.id(), setting, time);
        // How the peer ends is its own affair: not all of them hear signals.
        drop(service);
        sample
    }

    /// Puts what the process `server` serves under load, by the command of the program `load`.
    pub(crate) fn of_load(
        load: &mut Command,
        to: SocketAddrV4,
        server: u32,
        setting: Setting,
        time: Duration,
    ) -> Result<Self> {
        let output = load
            .args(["--to", &to.to_string()])
            .args(["--size", &setting.size.to_string()])
            .args(["--window", &setting.window.to_string()])
            .args(["--milliseconds", &time.as_millis().to_string()])
            .args(["--server", &server.to_string()])
            .stdin(Stdio::null())
            .output()
            .context("cannot start the load")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{}", said.trim().trim_start_matches("Error: "));
        Self::read(&String::from_utf8_lossy(&output.stdout))
    }

    /// Reads what a load prints.
    fn read(line: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(line).context("the load prints no JSON")?;
        let number = |name: &str| {
            value[name].as_u64().with_context(|| format!("the load says nothing of {name}"))
        };
        let distances = ["distance_before", "distance_after"].map(|name| value[name].as_u64());
        Ok(Self {
            elapsed: number("elapsed")?,
            replies: number("replies")?,
            lost: number("lost")?,
            p50: number("p50")?,
            p99: number("p99")?,
            distance: distances.into_iter().flatten().max(),
            run: number("server_run")?,
            user_ticks: number("server_user_ticks")?,
            kernel_ticks: number("server_kernel_ticks")?,
            waited: number("server_waited")?.max(number("load_waited")?),
        })
    }

    /// Replies a second.
    pub(crate) fn rate(&self) -> f64 {
        self.replies as f64 * 1e9 / self.elapsed.max(1) as f64
    }

    /// Whether the figures say something of the peer, and not of the machine at that moment.
    pub(crate) fn is_good(&self) -> bool {
        self.is_near() && !self.is_disturbed()
    }

    pub(crate) fn is_near(&self) -> bool {
        self.distance.is_some_and(|distance| distance <= NEAR)
    }

    pub(crate) fn is_disturbed(&self) -> bool {
        self.waited as f64 > DISTURBED * self.elapsed as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"distance_after":60,"distance_before":300,"elapsed":1000000000,
        "load_run":9,"load_waited":60000000,"lost":2,"p50":5,"p99":7,"replies":500000,
        "server_kernel_ticks":90,"server_run":8,"server_user_ticks":10,"server_waited":1}"#;

    #[test]
    fn what_a_load_prints_is_read() {
        let sample = Sample::read(LINE).unwrap();
        assert_eq!((sample.replies, sample.lost, sample.p50, sample.p99), (500_000, 2, 5, 7));
        assert_eq!((sample.run, sample.user_ticks, sample.kernel_ticks), (8, 10, 90));
        assert!((sample.rate() - 500_000.0).abs() < 0.1);
        let error = Sample::read(&LINE.replace("\"p99\":7,", "")).unwrap_err();
        assert_eq!(error.to_string(), "the load says nothing of p99");
        assert!(Sample::read("").is_err());
    }

    #[test]
    fn a_sample_is_good_if_the_cores_were_near_and_nothing_else_ran() {
        let sample = Sample::read(LINE).unwrap();
        assert!(!sample.is_near() && sample.is_disturbed());
        let near = Sample { distance: Some(100), ..sample.clone() };
        assert!(near.is_near() && !near.is_good());
        assert!(Sample { waited: 40_000_000, ..near.clone() }.is_good());
        assert!(!Sample { waited: 0, distance: None, ..near }.is_good());
    }
}
