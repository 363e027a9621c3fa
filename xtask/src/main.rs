//! `cargo xtask`: reads the command and calls the library.

#![forbid(unsafe_code)]

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, ensure};
use clap::{Parser, Subcommand, ValueEnum};
use xtask::{
    bench, checks, cost, fuzz, lab, profile,
    run::{self, Guest, GuestOptions},
    size, soak, supply, tools,
};

/// The one command for people and for CI.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Builds a service and runs it in a network of its own
    Run(Run),
    /// Draws what the regions of a service hold over many requests, and says whether it grows
    Profile(Profile),
    /// Asks all services for a long time over a bad and hostile network, and says whether they hold
    Soak(Soak),
    /// Measures echo beside its peers and the limit of the device
    Bench(Bench),
    /// Counts the instructions of each layer, and compares them with the accepted figures
    Cost {
        /// Accept what is counted: write it into bench/cost.csv
        #[arg(long)]
        accept: bool,
    },
    /// Looks for inputs that fail, from where the last run ended
    Fuzz(Fuzz),
    /// Writes what the images are made of into docs/supply-chain.md
    Dependencies,
    /// Runs everything that CI runs
    Test {
        /// Leave out the tests that run services
        #[arg(long)]
        quick: bool,
    },
    /// Says how large the images for Xen are, and what takes the room; fails if they have grown too large
    Size,
    /// Lists the Debian packages that the tests need and that are missing here, one a line
    Missing,
}

/// What is sent to a service.
#[derive(clap::Args)]
struct Request {
    /// Send this; `run` then prints the reply alone, and ends
    #[arg(long = "request", value_name = "TEXT", conflicts_with = "file")]
    text: Option<OsString>,
    /// Send the content of this file, as it is
    #[arg(long = "request-file", value_name = "FILE")]
    file: Option<PathBuf>,
}

#[derive(clap::Args)]
struct Profile {
    /// The service: a folder of apps
    #[arg(required_unless_present = "thesis")]
    app: Option<String>,
    #[command(flatten)]
    request: Request,
    /// How many times
    #[arg(long, default_value_t = 50, value_parser = at_least_requests)]
    requests: usize,
    /// The UDP port that the requests go to
    #[arg(long, default_value_t = 8080, value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
    /// Draw the picture of the README of rt-regions: the system before this one, and this one
    #[arg(long, conflicts_with_all = ["app", "text", "file", "requests", "port"])]
    thesis: bool,
}

fn at_least_requests(text: &str) -> Result<usize, String> {
    let number = text.parse().map_err(|error| format!("{error}"))?;
    if number < profile::LEAST_REQUESTS {
        return Err(format!("fewer than {} say nothing", profile::LEAST_REQUESTS));
    }
    Ok(number)
}

impl Profile {
    fn run(self) -> anyhow::Result<()> {
        match &self.app {
            Some(app) => profile::of_app(app, self.port, self.request.read()?, self.requests),
            None => profile::of_thesis(),
        }
    }
}

#[derive(clap::Args)]
struct Bench {
    /// Where: on Linux, beside its peers; or on Xen, beside a Linux guest
    #[arg(long, value_enum, default_value_t = Platform::Unix)]
    on: Platform,
    /// How long each sample takes, in seconds
    #[arg(long, default_value_t = 1.0, value_parser = at_most_a_minute)]
    seconds: f64,
    /// How many samples there are of each; the peers take turns
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// The sizes of the requests in bytes [default: 64,1400,8192,60000]
    #[arg(long, value_delimiter = ',',
          value_parser = clap::value_parser!(u16).range(8..=65_507))]
    size: Vec<u16>,
    /// The numbers of outstanding requests [default: 1,16,64]
    #[arg(long, value_delimiter = ',',
          value_parser = clap::value_parser!(u16).range(1..=1024))]
    window: Vec<u16>,
    /// Only these peers; the reflector is always among them
    #[arg(long, value_delimiter = ',')]
    peer: Vec<String>,
    /// On Xen: do not try with how little memory the guests serve, which takes most of the time
    #[arg(long)]
    skip_memory: bool,
    /// One round of a few settings, so short that only the replies are checked
    #[arg(long, conflicts_with_all = ["seconds", "rounds", "size", "window", "peer"])]
    quick: bool,
}

fn at_most_a_minute(text: &str) -> Result<f64, String> {
    let seconds = text.parse().map_err(|error| format!("{error}"))?;
    if (0.01..=60.0).contains(&seconds) { Ok(seconds) } else { Err("0.01 to 60".into()) }
}

impl Bench {
    fn run(self) -> anyhow::Result<()> {
        let Self { on, seconds, rounds, quick, skip_memory, .. } = self;
        let Self { size: sizes, window: windows, peer: peers, .. } = self;
        let time = Duration::from_secs_f64(seconds);
        match on {
            Platform::Unix => {
                ensure!(!skip_memory, "--skip-memory is for --on xen");
                lab::prepare()?;
                let or = |given: Vec<u16>, usual: &[u16]| {
                    if given.is_empty() { usual.to_vec() } else { given }
                };
                let (sizes, windows) = (or(sizes, &bench::SIZES), or(windows, &bench::WINDOWS));
                bench::run(&match quick {
                    true => bench::Plan::quick(),
                    false => bench::Plan { time, rounds, sizes, windows, peers },
                })
            }
            Platform::Xen => {
                ensure!(
                    sizes.is_empty() && windows.is_empty() && peers.is_empty(),
                    "--size, --window and --peer are for --on unix; on Xen the settings are always the same"
                );
                bench::xen::on_xen(&match quick {
                    true => bench::xen::XenPlan::quick(),
                    false => bench::xen::XenPlan {
                        least_memory: !skip_memory,
                        ..bench::xen::XenPlan::new(time, rounds)
                    },
                })
            }
        }
    }
}

#[derive(clap::Args)]
struct Run {
    /// The service: a folder of apps; on Xen also `linux`, a Linux that echoes, to compare them with
    app: String,
    /// Where it runs
    #[arg(long, value_enum, default_value_t = Platform::Unix)]
    on: Platform,
    /// One request: its reply alone is printed
    #[command(flatten)]
    request: Request,
    /// The UDP port that the requests go to
    #[arg(long, default_value_t = 8080, value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
    /// On Xen: show what the guest writes on its console
    #[arg(long)]
    console: bool,
    /// On Xen: the memory of the guest, in MiB [default: 2]
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..))]
    memory: Option<u32>,
    /// Arguments for the service, after those that fit its network
    #[arg(last = true)]
    args: Vec<OsString>,
}

#[derive(clap::Args)]
struct Soak {
    /// Where the services run
    #[arg(long, value_enum, default_value_t = Platform::Unix)]
    on: Platform,
    /// For how long at most
    #[arg(long, default_value_t = 1.0, value_parser = minutes)]
    minutes: f64,
    /// How many requests at most, all services together [default: as many as there are in the time]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    requests: Option<u64>,
    /// Where the random numbers begin: the same number gives the same requests and attacks
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// On Xen: the memory of each guest, in MiB [default: 16]
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..=64))]
    memory: Option<u32>,
}

fn minutes(text: &str) -> Result<f64, String> {
    let minutes: f64 = text.parse().map_err(|error| format!("{error}"))?;
    // A week.
    if (0.1..=10_080.0).contains(&minutes) {
        Ok(minutes)
    } else {
        Err("expected a number of minutes from 0.1 to 10080".into())
    }
}

impl Soak {
    fn run(self) -> anyhow::Result<()> {
        let time = Duration::from_secs_f64(self.minutes * 60.0);
        let plan = soak::Plan { time, requests: self.requests, seed: self.seed };
        match self.on {
            Platform::Unix => {
                ensure!(self.memory.is_none(), "--memory is for --on xen");
                lab::prepare()?;
                soak::on_unix(&plan)
            }
            Platform::Xen => soak::on_xen(&plan, self.memory.unwrap_or(soak::GUEST_MEMORY)),
        }
    }
}

#[derive(clap::Args)]
struct Fuzz {
    /// These targets alone, see fuzz/README.md [default: all]
    target: Vec<String>,
    /// For how long, all of them together
    #[arg(long, default_value_t = 3.0, value_parser = minutes)]
    minutes: f64,
    /// Add what reaches more of the code to fuzz/corpus
    #[arg(long)]
    keep: bool,
}

impl Fuzz {
    fn run(self) -> anyhow::Result<()> {
        let time = Duration::from_secs_f64(self.minutes * 60.0);
        fuzz::run(&fuzz::Plan { targets: self.target, time, keep: self.keep })
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum Platform {
    /// A Linux process on a TAP device
    Unix,
    /// A guest of a real Xen, in QEMU
    Xen,
}

impl Request {
    fn read(&self) -> anyhow::Result<Option<Vec<u8>>> {
        match (&self.text, &self.file) {
            (Some(text), _) => Ok(Some(text.as_bytes().to_vec())),
            (None, Some(file)) => std::fs::read(file)
                .with_context(|| format!("cannot read the request {}", file.display()))
                .map(Some),
            (None, None) => Ok(None),
        }
    }
}

impl Run {
    fn run(self) -> anyhow::Result<()> {
        let request = self.request.read()?;
        let args: Vec<&OsStr> = self.args.iter().map(OsString::as_os_str).collect();
        match self.on {
            Platform::Unix => {
                ensure!(
                    !self.console && self.memory.is_none(),
                    "--console and --memory are for --on xen; what a process says is always shown, and \
                     its memory is set by an argument of its own: -- --memory=1M"
                );
                // No thread runs yet, which the namespace asks for.
                lab::prepare()?;
                run::on_unix(&self.app, self.port, &args, request.as_deref())
            }
            Platform::Xen => {
                let memory = self.memory.unwrap_or(2);
                let options = GuestOptions { port: self.port, memory, console: self.console };
                let guest = Guest::named(self.app);
                run::on_xen(&guest, &options, &args, request.as_deref())
            }
        }
    }
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Run(run) => run.run(),
        Command::Profile(profile) => lab::prepare().and_then(|()| profile.run()),
        Command::Soak(soak) => soak.run(),
        Command::Fuzz(fuzz) => fuzz.run(),
        Command::Bench(bench) => bench.run(),
        Command::Cost { accept } => {
            if accept {
                cost::accept()
            } else {
                cost::check()
            }
        }
        Command::Test { quick } => checks::all(quick),
        Command::Dependencies => supply::update(),
        Command::Size => size::check(),
        Command::Missing => {
            for tool in tools::wanted() {
                println!("{}", tool.package);
            }
            Ok(())
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
