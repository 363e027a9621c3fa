//! `cargo xtask bench --cores`: what a second core gains where it can, in requests that compute for long.

mod xen;

use std::{
    fmt::Write as _,
    fs,
    net::{SocketAddr, UdpSocket},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, ensure};
use lab::{
    Lab, Network, Service, cargo,
    cargo::{Build, Platform, Profile},
    kvm::{Guest, Machine},
};

use crate::bench::{Spread, machine, publish};

/// The services, the ports that are asked, and what.
const ROWS: [(&str, u16, &str, &str); 2] = [
    ("monte-carlo", 8080, "10000000", "monte-carlo: pi from 10,000,000 points"),
    ("facfib", 8081, "300000", "facfib: the Fibonacci number 300,000, by additions"),
];
/// How many clients ask, each again when it has its reply.
const CLIENTS: usize = 8;
/// How many cores there are.
const CORES: [usize; 2] = [1, 2];
/// How long a reply may take: eight clients share an emulated processor.
const PATIENCE: Duration = Duration::from_mins(5);
/// The memory of a guest, in MiB: enough for queues of each core, where the device has them.
const MEMORY: u32 = 16;

/// Where the services run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Processes on a TAP device.
    Processes,
    /// Guests of QEMU's q35, emulated.
    Kvm,
    /// Guests of a real Xen, emulated too.
    Xen,
}

impl Place {
    /// Its name in the table, and that of the file.
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Processes => ("processes", "cores.md"),
            Self::Kvm => ("guests of QEMU's q35, emulated", "cores-kvm.md"),
            Self::Xen => ("guests of Xen in QEMU, emulated", "cores-xen.md"),
        }
    }
}

/// What is to be measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoresPlan {
    /// How long each sample takes at least.
    pub time: Duration,
    /// How often each is measured; they take turns.
    pub rounds: u32,
    /// Where the services run.
    pub place: Place,
}

/// Measures the services on one core and on two in turn, prints a table, and writes it to `target/bench`. [`lab::prepare`] comes
/// first, but for guests of Xen.
///
/// # Errors
/// A service does not build, start or reply, or gives different replies.
pub fn run(plan: &CoresPlan) -> Result<()> {
    let (place, file) = plan.place.names();
    let mut table = format!(
        "What {CLIENTS} clients get, {place}, {}:\n\n\
         | request | replies/s with 1 core | with 2 | ratio: median (all) |\n|---|--:|--:|--:|\n",
        machine::describe()
    );
    let mut machine = None;
    for (app, port, request, words) in ROWS {
        let programs = [program(plan, app, CORES[0])?, program(plan, app, CORES[1])?];
        let mut rates = [Vec::new(), Vec::new()];
        let mut reply = None;
        for round in 0..plan.rounds {
            for (at, cores) in CORES.into_iter().enumerate() {
                let rate = if plan.place == Place::Xen {
                    let machine = match &mut machine {
                        Some(machine) => machine,
                        none => none.insert(xen::boot()?),
                    };
                    let kernel = fs::read(&programs[at]).context("cannot read the image")?;
                    let guest = (app, &kernel[..], port);
                    xen::sample(machine, guest, cores, request, plan.time, &mut reply)?
                } else {
                    sample(plan, (&programs[at], port), cores, request, &mut reply)?
                };
                eprintln!("{app}, round {round}: {cores} core(s), {rate:.2} replies/s");
                rates[at].push(rate);
            }
        }
        let mut ratios: Vec<_> =
            rates[1].iter().zip(&rates[0]).map(|(two, one)| two / one).collect();
        ratios.sort_by(f64::total_cmp);
        let all: Vec<_> = ratios.iter().map(|ratio| format!("{ratio:.2}")).collect();
        let [one, two] = rates.map(median);
        let ratio = median(ratios);
        writeln!(table, "| {words} | {one:.1} | {two:.1} | {ratio:.2} ({}) |", all.join(", "))?;
    }
    publish(file, &table)
}

/// The median.
fn median(values: Vec<f64>) -> f64 {
    Spread::of(values).unwrap_or_default().median
}

/// The service for so many cores. That for one is the usual one.
fn program(plan: &CoresPlan, app: &str, cores: usize) -> Result<PathBuf> {
    let features: &[&str] = if cores > 1 { &["cores"] } else { &[] };
    let (platform, profile) = match plan.place {
        Place::Processes => (Platform::Unix, Profile::Release),
        Place::Kvm => (Platform::Kvm, Profile::Guest),
        Place::Xen => (Platform::Xen, Profile::Guest),
    };
    let build = Build { features, ..Build::new(platform, profile) };
    cargo::build_each(&[app], &build)?.remove(app).context("it has no program")
}

/// How many replies there are a second, on so many cores. All have to be the same, `reply` if that is known.
fn sample(
    plan: &CoresPlan,
    (program, port): (&Path, u16),
    cores: usize,
    request: &str,
    reply: &mut Option<Vec<u8>>,
) -> Result<f64> {
    let network = Network { queues: cores > 1, ..Network::default() };
    let measured = lab::in_namespace(network, |lab| {
        lab::take_any_disorder()?;
        let service = start(lab, plan, program, cores)?;
        let to = SocketAddr::from((lab.network().service, port));
        let rate = of_clients(plan.time, (request, cores), reply, || client(to, request));
        drop(service);
        rate
    });
    measured.and_then(|rate| rate)
}

fn start<'lab>(
    lab: &'lab Lab,
    plan: &CoresPlan,
    program: &Path,
    cores: usize,
) -> Result<Service<'lab>> {
    let several = (cores > 1).then(|| format!("--cores={cores}"));
    let args: Vec<_> = several.iter().map(String::as_str).collect();
    if plan.place == Place::Kvm {
        let guest = Guest { machine: Machine::Q35, ..Guest::new(program, MEMORY) };
        return guest.start(lab, &args, |_| ());
    }
    Service::start(lab, program, &args, |_| ())
}

/// How many replies a second all clients get together, each of which asks again and again for this time as one of `client` does.
/// All replies have to be the same, `reply` if that is known.
fn of_clients<C: FnMut() -> Result<Vec<u8>>>(
    time: Duration,
    (request, cores): (&str, usize),
    reply: &mut Option<Vec<u8>>,
    client: impl Fn() -> Result<C> + Sync,
) -> Result<f64> {
    thread::scope(|scope| {
        let clients: Vec<_> =
            (0..CLIENTS).map(|_| scope.spawn(|| ask(time, request, client()?))).collect();
        let mut sum = 0.0;
        for client in clients {
            let (rate, said) = client.join().map_err(|_| anyhow!("a client has panicked"))??;
            let known = reply.get_or_insert_with(|| said.clone());
            ensure!(*known == said, "{request}: another reply on {cores} cores");
            sum += rate;
        }
        Ok(sum)
    })
}

/// Has `exchange` ask again and again for this time. Returns how many replies came a second, and the reply, which is the same each time.
fn ask(
    time: Duration,
    request: &str,
    mut exchange: impl FnMut() -> Result<Vec<u8>>,
) -> Result<(f64, Vec<u8>)> {
    let (start, mut last, mut count, mut known) = (Instant::now(), Duration::ZERO, 0, None);
    while last < time {
        let reply = exchange()?;
        (last, count) = (start.elapsed(), count + 1);
        let before = known.get_or_insert_with(|| reply.clone());
        ensure!(*before == reply, "{request}: different replies");
    }
    Ok((f64::from(count) / last.as_secs_f64(), known.unwrap_or_default()))
}

/// A client of a service that this process reaches.
fn client(to: SocketAddr, request: &str) -> Result<impl FnMut() -> Result<Vec<u8>>> {
    let socket = UdpSocket::bind("0.0.0.0:0").context("cannot open a socket")?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.connect(to)?;
    let mut buffer = vec![0; 1 << 16];
    Ok(move || {
        socket.send(request.as_bytes()).context("cannot send a request")?;
        let length = socket.recv(&mut buffer).with_context(|| format!("no reply to {request}"))?;
        Ok(buffer[..length].to_vec())
    })
}
