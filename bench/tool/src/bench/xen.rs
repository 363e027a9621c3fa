//! `cargo xtask bench --on xen`: echo beside a Linux guest that does the same, on one Xen, under one load.
//!
//! Both are guests of the same machine and are there at the same time, and only one of them is asked at a time. The
//! load comes from dom0, over the bridge and the network back end.

pub(crate) mod guests;
pub(crate) mod report;
pub(crate) mod turns;

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use self::{
    guests::{Guests, PEERS, Peer},
    report::{Figure, Report},
    turns::Guest,
};
use super::{Setting, machine, publish, repeated};
use lab::xen::{Domain, Load, Machine, Question, plain};

/// How long a guest may take until it serves. Linux takes 20 seconds on a busy machine, all emulated.
const SERVING_WITHIN: Duration = Duration::from_secs(120);
/// How long a guest may take that has perhaps too little memory to serve at all.
const TRIED_WITHIN: Duration = Duration::from_secs(90);
/// How long a reply may take before its request counts as lost.
const REPLY_WITHIN: Duration = Duration::from_secs(5);

/// What is to be measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XenPlan {
    /// How long each sample takes.
    pub time: Duration,
    /// How many samples there are of each; the guests take turns.
    pub rounds: u32,
    /// The sizes of the requests in bytes and the numbers of outstanding requests.
    pub settings: Vec<(u16, u16)>,
    /// How often each guest is started to see how long it takes.
    pub starts: u32,
    /// Whether it is tried how little memory each guest can do with.
    pub least_memory: bool,
}

impl XenPlan {
    /// What docs/performance.md has, with samples of this time and so many of each.
    pub fn new(time: Duration, rounds: u32) -> Self {
        let settings =
            vec![(64, 1), (64, 16), (64, 64), (1400, 1), (1400, 16), (8192, 1), (8192, 16)];
        Self { time, rounds, settings, starts: 3, least_memory: true }
    }

    /// As little as will show that everything works.
    pub fn quick() -> Self {
        Self {
            time: Duration::from_millis(300),
            rounds: 1,
            settings: vec![(64, 16), (8192, 1)],
            starts: 1,
            least_memory: false,
        }
    }

    fn settings(&self) -> impl Iterator<Item = Setting> {
        self.settings.iter().map(|&(size, window)| Setting { size, window })
    }
}

/// Boots a Xen and measures there what [`on_machine`] measures; prints the table, and writes it to `target/bench`.
///
/// # Errors
/// What Xen takes cannot be had, and those of [`on_machine`]; what was measured until then is printed and written
/// all the same.
pub fn on_xen(plan: &XenPlan) -> Result<()> {
    // What does not build is told before anything boots.
    guests::image()?;
    let machine = Machine::boot(|progress| eprintln!("{progress}"))?;
    let mut report = Report::new(describe(&machine)?);
    let measured = measure(&machine, plan, &mut report);
    publish("xen.md", &report.text()).and(measured)
}

/// Measures echo and the Linux guest on a machine that has no other guest: replies and their times, the time of a
/// start, memory, the size of the image. Returns the table.
///
/// # Errors
/// A guest does not start, gives no reply, or a wrong one.
pub fn on_machine(machine: &Machine, plan: &XenPlan) -> Result<String> {
    let mut report = Report::new(describe(machine)?);
    measure(machine, plan, &mut report)?;
    Ok(report.text())
}

/// Puts all that is measured into a report.
fn measure(machine: &Machine, plan: &XenPlan, report: &mut Report) -> Result<()> {
    let guests = Guests::new(machine)?;
    for peer in &PEERS {
        report.size(peer.name, guests.size(peer)?);
    }
    let as_given = PEERS.map(|peer| Guest {
        name: peer.name,
        to: peer.to,
        question: Question::Udp,
        settings: guests.settings(&peer, peer.memory),
    });
    let loads = plan.settings().map(|setting| {
        let Setting { size, window } = setting;
        (format!("{size} bytes, {window} outstanding: requests/s"), setting)
    });
    let loads: Vec<_> = loads.collect();
    let take = |guest: &Guest<'_>, setting, what: &str| load(machine, plan, guest, setting, what);
    turns::in_turn(machine, &as_given, (&loads, plan.rounds), take, report)?;
    turns::starts(machine, &as_given, plan.starts, report)?;
    for peer in &PEERS {
        let least = match plan.least_memory {
            true => Some(least_memory(machine, &guests, peer)?),
            false => None,
        };
        report.memory(peer.name, peer.memory, least);
    }
    Ok(())
}

/// Puts a guest under load.
fn load(
    machine: &Machine,
    plan: &XenPlan,
    guest: &Guest<'_>,
    Setting { size, window }: Setting,
    what: &str,
) -> Result<Figure> {
    let what = format!("{}, {what}", guest.name);
    let loaded = repeated(&what, || {
        let loaded = machine.load(&Load {
            to: guest.to,
            length: size,
            window,
            time: plan.time,
            limit: REPLY_WITHIN,
        })?;
        ensure!(loaded.replies > 0, "no reply");
        Ok(loaded)
    });
    let loaded = loaded.with_context(|| what.clone())?;
    ensure!(loaded.wrong == 0, "{what}: {} replies were wrong", loaded.wrong);
    Ok(loaded.into())
}

/// The least memory, in MiB, with which this guest starts and serves, provided that it does with more.
fn least_memory(machine: &Machine, guests: &Guests, peer: &Peer) -> Result<u32> {
    let (mut too_little, mut enough) = (0, peer.memory);
    while enough - too_little > 1 {
        let memory = u32::midpoint(too_little, enough);
        let serves = serves(machine, guests, peer, memory)?;
        eprintln!("{} {} in {memory} MiB", peer.name, if serves { "serves" } else { "fails" });
        *(if serves { &mut enough } else { &mut too_little }) = memory;
    }
    Ok(enough)
}

/// Whether this guest starts with so much memory and answers everything that it is asked.
fn serves(machine: &Machine, guests: &Guests, peer: &Peer, memory: u32) -> Result<bool> {
    let settings = guests.settings(peer, memory);
    let served = || -> Result<bool> {
        let domain = Domain::create(machine, &settings, plain(), |_| ())?;
        domain.wait_for_line(0, TRIED_WITHIN, lab::is_serving)?;
        let load = |length, window| {
            let time = Duration::from_secs(1);
            machine.load(&Load { to: peer.to, length, window, time, limit: REPLY_WITHIN })
        };
        let (small, large) = (load(64, 64)?, load(8192, 16)?);
        let is_right = |it: lab::xen::Loaded| it.replies > 0 && it.lost == 0 && it.wrong == 0;
        Ok(is_right(small) && is_right(large))
    };
    // Why it does not is its own affair, as long as the machine is there.
    let served = served().unwrap_or(false);
    machine.succeed("true", &[])?;
    Ok(served)
}

/// On what figures are measured.
pub(crate) fn describe(machine: &Machine) -> Result<String> {
    let info = machine.succeed("xl", &["info"])?;
    let line = |name: &str| {
        let mut lines = info.lines().filter_map(|line| line.split_once(':'));
        let value = lines.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim());
        value.with_context(|| format!("xl info says nothing of {name}"))
    };
    let (xen, linux) = (line("xen_version")?, line("release")?);
    Ok(format!(
        "Xen {xen} with Linux {linux} in dom0 and in the guest, in QEMU, which emulates one processor in software, on {}",
        machine::describe()
    ))
}
