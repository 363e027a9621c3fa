//! `cargo xtask bench --density`: so many processes of echo, each on a TAP device of its own, on one bridge.

use std::{
    fs,
    io::ErrorKind,
    net::{SocketAddrV4, UdpSocket},
    path::Path,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use lab::{
    bridged::{Bridged, Port, on_a_bridge},
    cargo, interrupt,
    xen::kib,
};

use super::{
    DensityPlan, IDLE, PORT,
    figures::Times,
    table::{Answers, Processes, Row, Use},
};
use crate::bench::{machine, publish};

/// How long a service may take from its start to its first reply, while so many others run.
const REPLY_WITHIN: Duration = Duration::from_secs(30);
/// How long the reply to one request may take, and how often the first is asked for.
const ONE_WITHIN: Duration = Duration::from_millis(500);
/// More ports than a bridge of Linux has: it is tried how many it takes.
const MORE_PORTS: usize = 1100;

/// One service.
struct Process {
    child: Child,
    port: Port,
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has nothing to save. It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts processes of echo until there are as many as planned, measures at each step, prints the table, and writes it to
/// `target/bench/density.md`. [`lab::prepare`] comes first.
///
/// # Errors
/// echo does not build; a service does not start or gives no reply; a process ends. What was measured until then is printed
/// and written all the same.
pub fn on_linux(plan: &DensityPlan) -> Result<()> {
    let programs = cargo::build_all(&["echo"], &[])?;
    let echo = programs.get("echo").context("there is no program echo")?.clone();
    let mut report = Processes::new(machine::describe());
    let measured = on_a_bridge(|bridged| measure(bridged, &echo, plan, &mut report)).flatten();
    publish("density.md", &report.text()).and(measured)
}

fn measure(
    bridged: &mut Bridged,
    echo: &Path,
    plan: &DensityPlan,
    report: &mut Processes,
) -> Result<()> {
    let (mut processes, mut replied) = (Vec::new(), Times::default());
    for &count in &plan.counts {
        eprintln!("{count} processes");
        let from = processes.len();
        while processes.len() < count {
            ensure!(!interrupt::pressed(), "interrupted");
            let number = processes.len();
            let (process, time) =
                start(bridged, echo).with_context(|| format!("process {}", number + 1))?;
            replied.push(time);
            processes.push(process);
        }
        let answers = ask_all(&processes)?;
        let idle = idle(&processes)?;
        let used = used(&mut processes)?;
        report.add(Row { count, used, started: replied.since(from), answers, idle });
    }
    report.growth(replied.growth());
    report.ran_out(more_ports(bridged, processes.len()));
    Ok(())
}

/// Starts one, and says how long it took to its first reply.
fn start(bridged: &mut Bridged, echo: &Path) -> Result<(Process, Duration)> {
    let port = bridged.add()?;
    let mut command = bridged.command(&port, echo);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let begin = Instant::now();
    let child = command.spawn().context("cannot start the service")?;
    let mut process = Process { child, port };
    bridged.wait_until_up(&process.port)?;
    let socket = socket(process.port.at(PORT))?;
    while begin.elapsed() < REPLY_WITHIN {
        if let Some(is_right) = ask(&socket, 0)? {
            ensure!(is_right, "the first reply is wrong");
            return Ok((process, begin.elapsed()));
        }
        if let Some(status) = process.child.try_wait()? {
            bail!("the service ended ({status})");
        }
    }
    bail!("no reply within {} seconds", REPLY_WITHIN.as_secs())
}

fn socket(to: SocketAddrV4) -> Result<UdpSocket> {
    let open = || {
        let socket = UdpSocket::bind(("0.0.0.0", 0))?;
        socket.connect(to)?;
        socket.set_read_timeout(Some(ONE_WITHIN))?;
        Ok::<_, std::io::Error>(socket)
    };
    open().context("cannot open a UDP socket")
}

/// Asks once: whether the reply is what was sent; none without a reply.
fn ask(socket: &UdpSocket, number: u64) -> Result<Option<bool>> {
    let request = [number.to_le_bytes(), (!number).to_le_bytes()].concat();
    let mut reply = [0; 64];
    let answer = socket.send(&request).and_then(|_| socket.recv(&mut reply));
    match answer {
        Ok(length) => Ok(Some(reply[..length] == request)),
        Err(error) => match error.kind() {
            ErrorKind::WouldBlock
            | ErrorKind::TimedOut
            | ErrorKind::Interrupted
            | ErrorKind::ConnectionRefused
            | ErrorKind::HostUnreachable => Ok(None),
            _ => Err(error).context("cannot ask"),
        },
    }
}

/// Asks each of them, up to three times.
fn ask_all(processes: &[Process]) -> Result<Answers> {
    let mut answers = Answers { asked: processes.len(), ..Answers::default() };
    for (number, process) in processes.iter().enumerate() {
        let socket = socket(process.port.at(PORT))?;
        for _ in 0..3 {
            match ask(&socket, number as u64)? {
                Some(true) => answers.right += 1,
                Some(false) => answers.wrong += 1,
                None => continue,
            }
            break;
        }
    }
    Ok(answers)
}

/// The processor time of all of them while nobody asks.
fn idle(processes: &[Process]) -> Result<Duration> {
    let before = run(processes)?;
    thread::sleep(IDLE);
    Ok(Duration::from_nanos(run(processes)?.saturating_sub(before)))
}

/// The time that they ran, in nanoseconds: each has one thread.
fn run(processes: &[Process]) -> Result<u64> {
    let of = |process: &Process| -> Result<u64> {
        let file = format!("/proc/{}/schedstat", process.child.id());
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {file}"))?;
        let first = text.split(' ').next().unwrap_or_default();
        first.parse().with_context(|| format!("{file} is {text:?}"))
    };
    processes.iter().map(of).sum()
}

/// The memory of all of them.
fn used(processes: &mut [Process]) -> Result<Use> {
    let mut sum = Use::default();
    for process in &mut *processes {
        if let Some(status) = process.child.try_wait()? {
            bail!("the service at {} ended ({status})", process.port.at(PORT));
        }
        let of = |file: &str| -> Result<String> {
            let file = format!("/proc/{}/{file}", process.child.id());
            fs::read_to_string(&file).with_context(|| format!("cannot read {file}"))
        };
        let (rollup, status) = (of("smaps_rollup")?, of("status")?);
        sum.pss += kib(&rollup, "Pss")?;
        sum.rss += kib(&rollup, "Rss")?;
        sum.tables += kib(&status, "VmPTE")?;
    }
    let machine = fs::read_to_string("/proc/meminfo").context("cannot read /proc/meminfo")?;
    sum.available = kib(&machine, "MemAvailable")?;
    Ok(sum)
}

/// How many ports the bridge takes beside those of the services, and what it says to the next.
fn more_ports(bridged: &mut Bridged, from: usize) -> String {
    for count in from..MORE_PORTS {
        if let Err(error) = bridged.add() {
            return format!(
                "The first thing that runs out is the bridge of Linux: it takes {count} devices ({error:#})."
            );
        }
    }
    format!("The bridge takes {MORE_PORTS} devices and more; nothing has run out.")
}
