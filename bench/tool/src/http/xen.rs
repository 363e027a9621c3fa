//! `cargo xtask bench --http --on xen`: web beside a Linux guest with `kernel-http`, on one Xen, under one load.
//!
//! Both are guests of the same machine and are there at the same time, and only one of them is asked at a time. The
//! load, `http-load`, runs in dom0 and comes over the bridge and the network back end.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddrV4},
    time::Duration,
};

use anyhow::{Context, Result};
use lab::{
    cargo, image,
    xen::{Domain, Linux, Machine, Question, Settings, Vif, plain, static_program},
};

use super::{HttpPlan, sample::Sample, setting::Setting};
use crate::bench::{
    repeated,
    xen::{
        SERVING_WITHIN, describe,
        guests::{LINUX, OURS},
        report::{Figure, Report},
    },
};

/// Where the load is put in dom0.
const LOAD: &str = "/bin/http-load";
/// The least time of a sample: everything is emulated there.
const LEAST_TIME: Duration = Duration::from_secs(2);
/// How much longer than its own time a load may take.
const LOAD_ENDS_WITHIN: Duration = Duration::from_secs(60);
/// How often each guest is started to see how long it takes.
const STARTS: u32 = 3;

/// A guest that serves HTTP.
struct Peer<'a> {
    name: &'static str,
    to: SocketAddrV4,
    settings: Settings<'a>,
    /// What has to be there to start it, in bytes: our image without its symbols; kernel and initramfs.
    size: u64,
}

/// Boots a Xen, measures there replies and their times, connections, bytes in bulk, the time of a start, memory and the
/// size of the image, prints the table, and writes it to `target/bench/http-xen.md`.
///
/// # Errors
/// What Xen takes cannot be had; a guest does not start, gives no reply, or a wrong one. What was measured until then is
/// printed and written all the same.
pub fn on_xen(plan: &HttpPlan) -> Result<()> {
    // What does not build is told before anything boots.
    let image = cargo::build_xen(&["web"], &[])?.remove("web").context("web has no program")?;
    let load = static_program("bench", "http-load")?;
    static_program("bench", "kernel-http")?;
    let machine = Machine::boot(|progress| eprintln!("{progress}"))?;
    let read = |path: &std::path::Path| {
        fs::read(path).with_context(|| format!("cannot read {}", path.display()))
    };
    machine.write(LOAD, read(&load)?)?;
    machine.succeed("chmod", &["+x", LOAD])?;
    let web = read(&image)?;
    let arguments = "--ipv4=10.0.0.3/24 --interface-stays";
    let linux = Linux::with_program(&machine, arguments, "bench", "kernel-http")?;
    let vif = |last| Some(Vif { mac: [0, 0x16, 0x3e, 0, 0, last], ..Vif::default() });
    let ours = Settings {
        name: "web",
        kernel: &web,
        ramdisk: None,
        command_line: "--ipv4=10.0.0.2/24 --ipv4-gateway=10.0.0.1 --offloads=on",
        memory: 4,
        vif: vif(1),
        restart: false,
        more: "",
    };
    let theirs = Settings { vif: vif(2), restart: false, ..linux.settings("linux") };
    let size = theirs.kernel.len() + theirs.ramdisk.map_or(0, <[u8]>::len);
    let at = |last| SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, last), 8080);
    let peers = [
        Peer { name: OURS, to: at(2), size: image::stripped(&image)?.len() as u64, settings: ours },
        Peer { name: LINUX, to: at(3), size: size as u64, settings: theirs },
    ];
    let mut report = Report::new(describe(&machine)?);
    let measured = measure(&machine, plan, &peers, &mut report);
    let text = report.text();
    println!("{text}");
    let folder = cargo::target_folder()?.join("bench");
    fs::create_dir_all(&folder)?;
    let path = folder.join("http-xen.md");
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    eprintln!("written: {}", path.display());
    measured
}

/// Puts all that is measured into a report.
fn measure(
    machine: &Machine,
    plan: &HttpPlan,
    peers: &[Peer<'_>; 2],
    report: &mut Report,
) -> Result<()> {
    for peer in peers {
        report.size(peer.name, peer.size);
        report.memory(peer.name, peer.settings.memory, None);
    }
    load(machine, plan, peers, report)?;
    for number in 1..=if plan.quick { 1 } else { STARTS } {
        for peer in peers {
            eprintln!("start {number}: {}", peer.name);
            let (domain, started) =
                Domain::create_timed(machine, &peer.settings, peer.to, Question::Http)?;
            report.start(peer.name, started);
            domain.destroy()?;
        }
    }
    Ok(())
}

/// Every setting, so many rounds of it, each guest in each.
fn load(
    machine: &Machine,
    plan: &HttpPlan,
    peers: &[Peer<'_>; 2],
    report: &mut Report,
) -> Result<()> {
    let mut domains = Vec::new();
    for peer in peers {
        eprintln!("starting {}", peer.name);
        let domain = Domain::create(machine, &peer.settings, plain(), |_| ())?;
        domain.wait_for_line(0, SERVING_WITHIN, lab::is_serving)?;
        domains.push(domain);
    }
    for setting in plan.settings().iter().filter(|setting| !matches!(setting, Setting::Idle(_))) {
        let unit = match setting {
            Setting::BulkOut | Setting::BulkIn => "MB/s",
            Setting::Close(_) => "connections/s",
            Setting::KeepAlive(_) | Setting::Idle(_) => "requests/s",
        };
        let what = format!("{setting}: {unit}");
        for round in 0..plan.rounds as usize {
            // The one that was last is first in the next round.
            for peer in (0..peers.len()).map(|number| &peers[(number + round) % peers.len()]) {
                eprintln!("{what}, round {}: {}", round + 1, peer.name);
                let of = format!("{}, {what}", peer.name);
                let sample =
                    repeated(&of, || take(machine, peer.to, *setting, plan.time.max(LEAST_TIME)));
                let sample = sample.with_context(|| of.clone())?;
                let figure = Figure {
                    rate: sample.rate(*setting),
                    p50: Duration::from_nanos(sample.p50),
                    p99: Duration::from_nanos(sample.p99),
                    lost: sample.failed,
                };
                report.load(&what, peer.name, figure);
            }
        }
    }
    domains.into_iter().try_for_each(Domain::destroy)
}

/// Puts a guest under load from dom0.
fn take(machine: &Machine, to: SocketAddrV4, setting: Setting, time: Duration) -> Result<Sample> {
    let (to, milliseconds) = (to.to_string(), time.as_millis().to_string());
    let arguments = setting.arguments();
    let mut line = vec!["--to", &to, "--milliseconds", &milliseconds];
    line.extend(arguments.iter().map(String::as_str));
    let ran = machine.run_within(LOAD, &line, time * 2 + LOAD_ENDS_WITHIN)?;
    anyhow::ensure!(ran.is_success(), "{}", ran.stderr.trim().trim_start_matches("Error: "));
    Sample::read(&ran.stdout)
}
