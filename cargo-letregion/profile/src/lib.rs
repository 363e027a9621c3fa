//! `cargo letregion profile`: what the regions of a service hold over many requests, in pictures and
//! numbers, and whether it grows.

#![forbid(unsafe_code)]

mod export;
mod panel;
mod picture;
mod request;
pub mod series;
mod thesis;
pub mod verdict;

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};

use self::{panel::Panel, picture::Axes, series::Series};
use lab::{
    Network, Service,
    cargo::{self, Build, Platform, Profile},
    quiet,
};

/// The fewest requests that a verdict can be given on: two in each stretch of the second half.
pub const LEAST_REQUESTS: usize = 32;
/// The requests and their size in the experiment of the thesis.
const THESIS: (usize, usize) = (50, 29_202);

/// Builds the service with the profiler, sends it so many requests, one after the other, in a network of its own,
/// writes pictures and data to the folder `profile` of that which cargo builds it into, and prints the verdicts.
/// Without a request, it is the usual one of that service, or a short text.
/// [`lab::prepare`] comes first.
///
/// # Errors
/// The service does not build, or start, or reply; or what one of its regions holds grows.
pub fn of_service(
    service: &cargo::Service,
    port: u16,
    request: Option<Vec<u8>>,
    requests: usize,
) -> Result<()> {
    let app = service.name();
    let request = request.or_else(|| request::usual(app)).unwrap_or_else(|| b"hello".to_vec());
    let folder = folder(service)?;
    let file = |suffix: &str| folder.join(format!("{app}{suffix}"));

    let program = build_service(service)?;
    let text = measure(&program, port, &request, requests, &file(".csv"))?;
    let series = Series::read(&text)?;
    let title = format!("{app}: {requests} requests of {} bytes", request.len());
    let all = Panel::pages(&format!("{title}, pages by region"), &series);
    let changing = all.changing("the regions that come and go, on an axis of their own", &series);
    let pages: Vec<_> = [all].into_iter().chain(changing).collect();
    let used = Panel::used(&format!("{title}, use of pages"), &series);
    let pictures = [
        (".svg", picture::draw(&pages, Axes::Own)?),
        ("-used.svg", picture::draw(&[used], Axes::Own)?),
        (".massif", export::massif(&series, &title)),
        (".json", export::chrome_trace(&series)),
    ];
    for (suffix, content) in pictures {
        let file = file(suffix);
        fs::write(&file, content).with_context(|| format!("cannot write {}", file.display()))?;
    }
    eprintln!("written: {}/{app}{{.svg,-used.svg,.csv,.massif,.json}}", folder.display());
    conclude(&series)
}

/// Prints the verdicts.
fn conclude(series: &Series) -> Result<()> {
    let verdicts = verdict::judge(series);
    print!("{}", verdict::table(&verdicts));
    let growing: Vec<_> =
        verdicts.iter().filter(|verdict| !verdict.passed).map(|v| v.region.as_str()).collect();
    ensure!(growing.is_empty(), "these regions hold more and more: {}", growing.join(", "));
    Ok(())
}

/// Builds a service of this repository with its profiler and returns its program, which is then in the folder of the
/// profiles: where cargo puts it, the next build without the profiler takes its place.
///
/// # Errors
/// It does not build.
pub fn build(app: &str) -> Result<PathBuf> {
    build_service(cargo::Workspace::of_repository()?.service(Some(app))?)
}

fn build_service(service: &cargo::Service) -> Result<PathBuf> {
    let profiler = Build { features: &["profile"], ..Build::new(Platform::Unix, Profile::Release) };
    let built = service.build(&profiler)?;
    let program = folder(service)?.join(service.name());
    // Not over a program that runs: that cannot be written, but its name can be taken away.
    let copy = || {
        let new = program.with_extension(std::process::id().to_string());
        fs::copy(built, &new)?;
        fs::rename(new, &program)
    };
    copy().with_context(|| format!("cannot write {}", program.display()))?;
    Ok(program)
}

/// Where the profiles of a service go.
fn folder(service: &cargo::Service) -> Result<PathBuf> {
    let folder = service.target_folder().join("profile");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

/// Runs `program`, which was built with the profiler, in a network of its own, sends it the request
/// so many times, and returns its profile, which it leaves in `file`.
///
/// # Errors
/// The network cannot be made; the service does not start, does not reply to each request alike, or
/// does not end well; the file cannot be read.
pub fn measure(
    program: &Path,
    port: u16,
    request: &[u8],
    requests: usize,
    file: &Path,
) -> Result<String> {
    let mut argument = OsStr::new("--profile=").to_owned();
    argument.push(file);
    lab::in_namespace(Network::default(), |lab| {
        quiet(lab)?;
        let mut service = Service::start(lab, program, [argument], |_| ())?;
        let mut first = None;
        for number in 1..=requests {
            let reply = service
                .ask(lab, port, request)
                .with_context(|| format!("request {number} of {requests}"))?;
            let first = first.get_or_insert_with(|| reply.clone());
            ensure!(*first == reply, "request {number} has another reply than the first");
        }
        let (status, lines) = service.stop()?;
        if !status.success() {
            bail!("the service ended badly ({status}): {}", lines.join("\n"));
        }
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
    })?
}

/// Replays the experiment of the thesis on what its reassembly left behind, runs it with our `sort`,
/// prints the verdicts on both, and draws both on the same axes into `rt-regions/doc/thesis.svg`.
/// [`lab::prepare`] comes first.
///
/// # Errors
/// As [`of_service`]; or the replay does not grow, which it must.
pub fn of_thesis() -> Result<()> {
    let (requests, length) = THESIS;
    let replay = thesis::replay(requests, length)?;
    println!(
        "replay: {} fragments and {} datagrams stay reachable",
        replay.fragments, replay.datagrams
    );
    ensure!(conclude(&replay.series).is_err(), "the replay does not show what it is there for");

    let request = request::usual("sort").context("there is a request for sort")?;
    let file = std::env::temp_dir().join(format!("thesis-{}.csv", std::process::id()));
    let text = measure(&build("sort")?, 8080, &request, requests, &file);
    let removed = fs::remove_file(&file);
    let ours = Series::read(&text?)?;
    removed.with_context(|| format!("cannot remove {}", file.display()))?;
    println!("\nsort, on this system:");
    conclude(&ours)?;

    let frames = replay.series.moments.len();
    let original = format!("the original, replayed: {requests} requests in {frames} frames");
    let panels = [
        Panel::pages(&original, &replay.series),
        Panel::pages("this system, measured: the same requests", &ours),
    ];
    let svg = picture::draw(&panels, Axes::Shared)?;
    let file = cargo::root().join("rt-regions/doc/thesis.svg");
    let write = || {
        fs::create_dir_all(cargo::root().join("rt-regions/doc"))?;
        fs::write(&file, svg)
    };
    write().with_context(|| format!("cannot write {}", file.display()))?;
    eprintln!("written: {}", file.display());
    Ok(())
}
