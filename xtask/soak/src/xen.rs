//! The services as guests of a real Xen, in QEMU. The clients run in dom0: what they send goes over a bridge
//! and the network back end that every guest has to do with.

use std::{
    collections::BTreeMap,
    fs,
    net::{Ipv4Addr, SocketAddrV4},
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use lab::{
    cargo,
    xen::{Ask, Domain, Ended, Machine, Settings, Vif, plain},
};
use soak::{Pace, site::Place};
use tests::{Exchange, Reply, exchanges};

use super::{Plan, STATS_PORT, all, outcome::Outcome, progress::Progress};

/// The memory of a guest in MiB, unless another is asked for: a quarter of it may wait for fragments, which is
/// more than the clients have in flight.
pub const GUEST_MEMORY: u32 = 16;

/// Everything is emulated there, so a round is longer than that of a process.
const PACE: Pace = Pace {
    quiet: Duration::from_millis(1000),
    bad: Duration::from_millis(500),
    batch: 200,
    patience: Duration::from_secs(30),
};
/// How long a round may take: one of `sort` with an attack of 5,000 frames, on a busy machine.
const ROUND_WITHIN: Duration = Duration::from_secs(600);
/// How long a guest may take until it serves, and until it does so again when it has its network back.
const SERVING_WITHIN: Duration = Duration::from_secs(60);
/// How often a guest is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// The network of each guest is taken away and given back before one round in so many.
const AWAY_EVERY: u64 = 4;
/// What the names of the driver's counters begin with.
const DRIVER: &str = "eth0.netfront.";
/// For how long it has none.
const AWAY: Duration = Duration::from_millis(300);

/// Boots a Xen and runs all services as its guests, each with so many MiB of memory and on a network of its own,
/// attacks and asks them as `plan` says, takes their networks away now and then, tells on standard error how far
/// it is, and prints the verdicts.
///
/// # Errors
/// What Xen takes cannot be had; a service does not build, or start, or ends; or the verdict is FAIL, and why.
pub fn on_xen(plan: &Plan, memory: u32) -> Result<()> {
    let images = cargo::build_xen(&tests::apps(), &[])?;
    let machine = Machine::boot(|progress| eprintln!("{progress}"))?;
    let progress = Progress::new(*plan, PACE);
    progress.stop_on_interrupt()?;
    run(&machine, &images, &progress, memory)
}

/// Soaks all services as guests of a machine that is there and has no other guest; Ctrl-C does not end it early.
///
/// # Errors
/// As [`on_xen`].
pub fn on_machine(machine: &Machine, plan: &Plan, memory: u32) -> Result<()> {
    let images = cargo::build_xen(&tests::apps(), &[])?;
    run(machine, &images, &Progress::new(*plan, PACE), memory)
}

fn run(
    machine: &Machine,
    images: &BTreeMap<String, PathBuf>,
    progress: &Progress,
    memory: u32,
) -> Result<()> {
    let apps = tests::apps();
    all(progress, &apps, |app| {
        let path = images.get(app).with_context(|| format!("{app} has no program"))?;
        let number = apps.iter().zip(1..).find(|(one, _)| **one == app).map_or(0, |(_, it)| it);
        let image = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        Guest::new(app, number)
            .run(machine, &image, memory, progress)
            .with_context(|| app.to_owned())
    })?;
    let left = machine.leftovers()?;
    ensure!(left.is_empty(), "the guests have left behind: {}", left.join("; "));
    Ok(())
}

/// A service and its network.
struct Guest {
    app: &'static str,
    vif: Vif,
    place: Place,
}

impl Guest {
    /// The one on the bridge with this number.
    fn new(app: &'static str, number: u8) -> Self {
        let mac = [0, 0x16, 0x3e, 0, 1, number];
        let place = Place {
            interface: String::new(),
            host: Ipv4Addr::new(10, number, 0, 1),
            mac,
            address: Ipv4Addr::new(10, number, 0, 2),
            prefix: 16,
            port: 8080,
            stats_port: STATS_PORT,
        };
        Self { app, vif: Vif { mac, bridge: number, ..Vif::default() }, place }
    }

    fn run(
        mut self,
        machine: &Machine,
        kernel: &[u8],
        memory: u32,
        progress: &Progress,
    ) -> Result<Outcome> {
        let Place { host, address, prefix, stats_port, .. } = self.place;
        let bridge = machine.bridge(self.vif.bridge, host, prefix)?;
        bridge.name().clone_into(&mut self.place.interface);
        let unlimited = tests::unlimited(self.app).join(" ");
        let command_line = format!(
            "--ipv4={address}/{prefix} --ipv4-gateway={host} --stats-port={stats_port} {unlimited}"
        );
        let settings = Settings {
            name: self.app,
            kernel,
            ramdisk: None,
            command_line: &command_line,
            memory,
            vif: Some(self.vif),
            restart: false,
            more: "",
        };
        let domain = Domain::create(machine, &settings, plain(), |_| ())?;
        domain.wait_for_line(0, SERVING_WITHIN, lab::is_serving)?;
        let mut outcome = self.rounds(machine, &domain, progress)?;
        self.check(machine, &mut outcome)?;
        let ended = domain.shutdown()?;
        ensure!(ended == Ended::Poweroff, "it ended badly: {ended}");
        Ok(outcome)
    }

    fn rounds(
        &self,
        machine: &Machine,
        domain: &Domain<'_>,
        progress: &Progress,
    ) -> Result<Outcome> {
        let mut number = 0;
        progress.run(self.app, |plan, outcome| {
            number += 1;
            if number % AWAY_EVERY == 0 {
                self.take_network_away(machine, domain, outcome)?;
            }
            let mut looked = Instant::now();
            let watch = || {
                if looked.elapsed() < LOOK {
                    return Ok(());
                }
                looked = Instant::now();
                match domain.ended()? {
                    Some(how) => bail!("{how}; {}", domain.last_words()),
                    None => Ok(()),
                }
            };
            machine
                .round_watching(&self.place, plan, ROUND_WITHIN, watch)
                .with_context(|| format!("round {number}, attack {}", plan.attack))
        })
    }

    /// Takes the network away and gives it back while requests come. Those that come meanwhile are lost; none may
    /// be answered wrong, and in the end they have to be answered again.
    fn take_network_away(
        &self,
        machine: &Machine,
        domain: &Domain<'_>,
        outcome: &mut Outcome,
    ) -> Result<()> {
        let (port, request, reply) = self.small_request()?;
        let to = SocketAddrV4::new(self.place.address, port);
        let limit = Duration::from_millis(500);
        let load = Ask {
            to: to.into(),
            times: 50,
            window: 8,
            limit,
            expected: true,
            length: 0,
            is_numbered: false,
        };
        let is_over = AtomicBool::new(false);
        let different = thread::scope(|scope| {
            let load = scope.spawn(|| -> Result<u32> {
                let mut different = 0;
                while !is_over.load(Ordering::Relaxed) {
                    different += machine.ask(&load, &request, Some(&reply))?.0.different;
                }
                Ok(different)
            });
            let changed = || -> Result<()> {
                thread::sleep(AWAY);
                domain.detach_network()?;
                thread::sleep(AWAY);
                domain.attach_network(&self.vif)
            };
            let changed = changed();
            is_over.store(true, Ordering::Relaxed);
            let different = load.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            changed.and(different)
        })?;
        outcome.networks_lost += 1;
        if different > 0 {
            let words = format!("{different} replies were wrong while its network went and came");
            outcome.faults.push(words);
        }
        let once = Ask { times: 1, window: 1, limit: LOOK, ..load };
        let deadline = Instant::now() + SERVING_WITHIN;
        while machine.ask(&once, &request, Some(&reply))?.0.equal == 0 {
            let late = || format!("no reply after its network came back; {}", domain.last_words());
            ensure!(Instant::now() < deadline, late());
        }
        Ok(())
    }

    /// What it is asked while its network goes: the port, a request of one frame, the reply.
    fn small_request(&self) -> Result<(u16, Vec<u8>, Vec<u8>)> {
        let small = exchanges().into_iter().find_map(|exchange| match exchange {
            Exchange { app, port, request, reply: Reply::Bytes(reply), .. }
                if app == self.app && (1..1000).contains(&request.len()) =>
            {
                Some((port, request, reply))
            }
            _ => None,
        });
        small.context("nothing small is known that it could be asked")
    }

    /// Checks what the driver has counted.
    fn check(&self, machine: &Machine, outcome: &mut Outcome) -> Result<()> {
        let to = SocketAddrV4::new(self.place.address, self.place.stats_port);
        let ask = Ask {
            to: to.into(),
            times: 1,
            window: 1,
            limit: SERVING_WITHIN,
            expected: false,
            length: 0,
            is_numbered: false,
        };
        let (_, reply) = machine.ask(&ask, DRIVER.as_bytes(), None)?;
        let text = String::from_utf8_lossy(&reply);
        let value = |name: &str| -> Result<u64> {
            let mut lines = text.lines().filter_map(|line| line.split_once(' '));
            let line = lines.find(|(counter, _)| counter.strip_prefix(DRIVER) == Some(name));
            line.and_then(|(_, value)| value.parse().ok())
                .with_context(|| format!("no counter {DRIVER}{name} in: {text}"))
        };
        for (name, expected) in [
            ("connections", outcome.networks_lost + 1),
            ("backend_violations", 0),
            ("pages_left_out", 0),
        ] {
            let is = value(name)?;
            if is != expected {
                outcome.faults.push(format!("{DRIVER}{name} is {is}, and has to be {expected}"));
            }
        }
        outcome.queue_full = value("tx_queue_full")?;
        Ok(())
    }
}
