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
    xen::{Linux, Machine, Question, Settings, Vif, static_program},
};

use super::{HttpPlan, sample::Sample, setting::Setting};
use crate::bench::{
    publish, repeated,
    xen::{
        describe,
        guests::{LINUX, OURS},
        report::{Figure, Report},
        turns::{self, Guest},
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
    let at = |last| SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, last), 8080);
    // What has to be there to start it: our image without its symbols; kernel and initramfs.
    let sizes = [
        image::stripped(&image)?.len(),
        theirs.kernel.len() + theirs.ramdisk.map_or(0, <[u8]>::len),
    ];
    let question = Question::Http;
    let guests = [
        Guest { name: OURS, to: at(2), question, settings: ours },
        Guest { name: LINUX, to: at(3), question, settings: theirs },
    ];
    let mut report = Report::new(describe(&machine)?);
    for (Guest { name, settings, .. }, size) in guests.iter().zip(sizes) {
        report.size(name, size as u64);
        report.memory(name, settings.memory, None);
    }
    let measured = measure(&machine, plan, &guests, &mut report);
    publish("http-xen.md", &report.text()).and(measured)
}

/// Every setting but those of idle connections, and starts.
fn measure(
    machine: &Machine,
    plan: &HttpPlan,
    guests: &[Guest<'_>],
    report: &mut Report,
) -> Result<()> {
    let loads = plan.settings().iter().filter_map(|setting| {
        let unit = match setting {
            Setting::BulkOut | Setting::BulkIn => "MB/s",
            Setting::Close(_) => "connections/s",
            Setting::KeepAlive(_) => "requests/s",
            Setting::Idle(_) => return None,
        };
        Some((format!("{setting}: {unit}"), *setting))
    });
    let loads: Vec<_> = loads.collect();
    let time = plan.time.max(LEAST_TIME);
    let load = |guest: &Guest<'_>, setting, what: &str| {
        let what = format!("{}, {what}", guest.name);
        let sample = repeated(&what, || take(machine, guest.to, setting, time));
        let sample = sample.with_context(|| what.clone())?;
        Ok(Figure {
            rate: sample.rate(setting),
            p50: Duration::from_nanos(sample.p50),
            p99: Duration::from_nanos(sample.p99),
            lost: sample.failed,
        })
    };
    turns::in_turn(machine, guests, (&loads, plan.rounds), load, report)?;
    turns::starts(machine, guests, if plan.quick { 1 } else { STARTS }, report)
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
