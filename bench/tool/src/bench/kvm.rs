//! `cargo xtask bench --on kvm`: echo beside a Linux guest that does the same, on the same machine of QEMU, with an emulated
//! processor and a virtio device, under the same load from this machine.

use std::{
    net::{SocketAddrV4, UdpSocket},
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use lab::{
    Lab, Network, Service, cargo, image,
    kvm::{Guest, LINUX_MEMORY, Linux, Machine},
    tools,
    xen::Started,
};

use super::{
    Setting, machine,
    peers::PORT,
    publish, repeated,
    sample::Sample,
    xen::{
        guests::{LINUX, OURS},
        report::{Figure, Report},
    },
};

/// What the times of a start are called.
const STARTS: [&str; 2] =
    ["from QEMU's start to the line `serving`, s", "from QEMU's start to the first reply, s"];
/// The memory of ours, in MiB.
const MEMORY: u32 = 2;
/// The hardware address that QEMU gives to its first device. The host knows it, and need not ask for it.
const MAC: &str = "52:54:00:12:34:56";
/// How long a guest may take until it replies: Linux, on a busy machine.
const REPLY_WITHIN: Duration = Duration::from_secs(120);
/// How often it is asked until it does.
const ASKED_EVERY: Duration = Duration::from_millis(2);

/// What is to be measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KvmPlan {
    /// How long each sample takes.
    pub time: Duration,
    /// How often each guest is started and measured; the guests take turns.
    pub rounds: u32,
    /// The sizes of the requests in bytes and the numbers of outstanding requests.
    pub settings: Vec<(u16, u16)>,
    /// The machines of QEMU, one after the other.
    pub machines: Vec<Machine>,
}

impl KvmPlan {
    /// What docs/performance.md has, with samples of this time and so many of each.
    pub fn new(time: Duration, rounds: u32) -> Self {
        let settings =
            vec![(64, 1), (64, 16), (64, 64), (1400, 1), (1400, 16), (8192, 1), (8192, 16)];
        let machines = vec![Machine::Microvm { acpi: true }, Machine::Pc];
        Self { time, rounds, settings, machines }
    }

    /// As little as will show that everything works.
    pub fn quick() -> Self {
        let settings = vec![(64, 16), (8192, 1)];
        let machines = vec![Machine::Microvm { acpi: true }];
        Self { time: Duration::from_millis(300), rounds: 1, settings, machines }
    }
}

/// What the guests are made of.
struct Guests {
    echo: PathBuf,
    linux: Linux,
    load: PathBuf,
}

/// Measures what [`table`] does; prints it, and writes it to `target/bench`.
///
/// # Errors
/// Those of [`table`].
pub fn on_kvm(plan: &KvmPlan) -> Result<()> {
    publish("kvm.md", &table(plan)?)
}

/// Measures echo and the Linux guest on each machine: replies and their times, and the time of a start. Returns the tables.
/// [`lab::prepare`] comes first.
///
/// # Errors
/// What Linux takes cannot be had; a guest does not start, gives no reply, or a wrong one.
pub fn table(plan: &KvmPlan) -> Result<String> {
    ensure!(tools::QEMU.is_installed(), "{}", tools::remedy(&[tools::QEMU]));
    let program = |package: &str, name: &str| {
        cargo::build_all(&[package], &[])?
            .remove(name)
            .with_context(|| format!("no program {name}"))
    };
    let guests = Guests {
        echo: cargo::build_kvm(&["echo"], &[])?.remove("echo").context("echo has no program")?,
        linux: Linux::new(&mut |words| eprintln!("{words}"))?,
        load: program("bench", "load")?,
    };
    let mut text = describe(&guests.linux)?;
    for &machine in &plan.machines {
        let mut report = Report::with_starts(format!("Machine {}:", machine.name()), STARTS);
        report.memory(OURS, MEMORY, None);
        report.memory(LINUX, LINUX_MEMORY, None);
        report.size(OURS, image::stripped(&guests.echo)?.len() as u64);
        report.size(LINUX, guests.linux.size()?);
        rounds(plan, &guests, machine, &mut report)?;
        text = format!("{text}\n\n{}", report.text());
    }
    Ok(text)
}

fn rounds(plan: &KvmPlan, guests: &Guests, machine: Machine, report: &mut Report) -> Result<()> {
    for round in 0..plan.rounds {
        // The one that was last is first in the next round.
        let order = if round % 2 == 0 { [OURS, LINUX] } else { [LINUX, OURS] };
        for name in order {
            eprintln!("{}, round {} of {}: {name}", machine.name(), round + 1, plan.rounds);
            let guest = Guest { machine, ..Guest::new(&guests.echo, MEMORY) };
            lab::in_namespace(Network::default(), |lab| {
                measure(lab, plan, guests, (name, &guest), report)
            })
            .flatten()
            .with_context(|| format!("{name}, round {}", round + 1))?;
        }
    }
    Ok(())
}

/// Starts a guest, and puts it under each load.
fn measure(
    lab: &Lab,
    plan: &KvmPlan,
    guests: &Guests,
    (name, guest): (&str, &Guest<'_>),
    report: &mut Report,
) -> Result<()> {
    know_address(lab)?;
    let begin = || {
        start(lab, || match name {
            OURS => guest.start(lab, &[], |_| ()),
            _ => guests.linux.start(lab, guest, |_| ()),
        })
    };
    let (service, started) = repeated(name, begin)?;
    report.start(name, started);
    for &(size, window) in &plan.settings {
        let setting = Setting { size, window };
        let to = SocketAddrV4::new(lab.network().service, PORT);
        let take = || {
            let mut load = lab.client(&guests.load);
            Sample::of_load(&mut load, to, service.id(), setting, plan.time)
        };
        let what = format!("{size} bytes, {window} outstanding: requests/s");
        let sample = repeated(&what, take).with_context(|| what.clone())?;
        ensure!(sample.replies > 0, "{what}: no reply");
        report.load(&what, name, figure(&sample));
    }
    Ok(())
}

/// Starts a guest, and asks it from then on until it replies.
fn start<'lab>(
    lab: &'lab Lab,
    start: impl FnOnce() -> Result<Service<'lab>>,
) -> Result<(Service<'lab>, Started)> {
    let socket = lab.connect(PORT).context("cannot open a socket")?;
    socket.set_read_timeout(Some(ASKED_EVERY))?;
    let (begin, is_over) = (Instant::now(), AtomicBool::new(false));
    thread::scope(|scope| {
        let first = scope.spawn(|| first_reply(&socket, begin, &is_over));
        let service = start();
        let created = begin.elapsed();
        if service.is_err() {
            is_over.store(true, Ordering::Relaxed);
        }
        let replied = first.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let service = service?;
        let replied = replied.context("it serves, and gives no reply")?;
        Ok((service, Started { created, replied }))
    })
}

/// How long after `begin` the first reply comes; none if it is over before, or does not come in time.
fn first_reply(socket: &UdpSocket, begin: Instant, is_over: &AtomicBool) -> Option<Duration> {
    let mut reply = [0; 64];
    while begin.elapsed() < REPLY_WITHIN && !is_over.load(Ordering::Relaxed) {
        // Until there is a machine, the device is down.
        if socket.send(b"first").is_err() {
            thread::sleep(ASKED_EVERY);
        } else if socket.recv(&mut reply).is_ok_and(|length| reply[..length] == *b"first") {
            return Some(begin.elapsed());
        }
    }
    None
}

/// Tells the host the hardware address of the guest.
fn know_address(lab: &Lab) -> Result<()> {
    let network = lab.network();
    let mut command = tools::IP.command();
    command.args(["neighbour", "replace", &network.service.to_string(), "lladdr", MAC]);
    command.args(["nud", "permanent", "dev", &network.interface]);
    ensure!(command.status().context("cannot start ip")?.success(), "ip does not take {MAC}");
    Ok(())
}

fn figure(sample: &Sample) -> Figure {
    let [p50, p99] = [sample.p50, sample.p99].map(Duration::from_nanos);
    Figure { rate: sample.rate(), p50, p99, lost: sample.lost }
}

/// On what figures are measured.
fn describe(linux: &Linux) -> Result<String> {
    let output = tools::QEMU.command().arg("--version").output().context("cannot start QEMU")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let qemu = said.lines().next().unwrap_or("QEMU").trim_start_matches("QEMU emulator version ");
    Ok(format!(
        "QEMU {qemu}, which emulates one processor in software; the Linux guest is Debian's {}; on {}",
        linux.version()?,
        machine::describe()
    ))
}
