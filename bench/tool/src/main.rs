//! `cargo xtask bench` and `cargo xtask cost`: reads the command and calls the library.

#![forbid(unsafe_code)]

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{bail, ensure};
use bench_tool::{bench, cores, cost, density, http};
use clap::{Parser, Subcommand, ValueEnum};

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measures echo beside its peers and the limit of the device
    Bench(Bench),
    /// Counts the instructions of each layer, and compares them with the accepted figures
    Cost {
        /// Accept what is counted: write it into bench/cost.csv
        #[arg(long)]
        accept: bool,
    },
}

impl Command {
    fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Bench(bench) => bench.run(),
            Self::Cost { accept: true } => cost::accept(),
            Self::Cost { accept: false } => cost::check(),
        }
    }
}

#[derive(clap::Args)]
struct Bench {
    /// Where: on Linux, beside its peers; or on Xen or KVM, beside a Linux guest
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
    /// HTTP over TCP, beside the kernel's own, nginx and smoltcp; on Xen, beside a Linux guest
    #[arg(long, conflicts_with_all = ["size", "window", "skip_memory"])]
    http: bool,
    /// What a second core gains where it can: requests that compute for long, from eight clients
    #[arg(long, conflicts_with_all = ["http", "density", "size", "window", "peer", "skip_memory", "quick"])]
    cores: bool,
    /// How many services the machine holds: memory, starts and replies of many processes, or of many guests of Xen
    #[arg(long, conflicts_with_all = ["http", "seconds", "rounds", "size", "window", "peer", "skip_memory", "quick"])]
    density: bool,
    /// With --density: how many services there are, at each step [default: 1,100,1000; on Xen 1,20,50,100]
    #[arg(long, value_delimiter = ',', requires = "density",
          value_parser = clap::value_parser!(u16).range(1..=1023))]
    guests: Vec<u16>,
    /// With --density, on Xen: the memory of each guest in MiB
    #[arg(long, requires = "density", default_value_t = 2,
          value_parser = clap::value_parser!(u32).range(2..=1024))]
    service_memory: u32,
    /// One round of a few settings, so short that only the replies are checked
    #[arg(long, conflicts_with_all = ["seconds", "rounds", "size", "window", "peer"])]
    quick: bool,
    /// Measure nothing: print the table of the samples in this file, a bench.csv, and draw its picture beside it
    #[arg(long, value_name = "FILE", exclusive = true)]
    redraw: Option<PathBuf>,
}

fn at_most_a_minute(text: &str) -> Result<f64, String> {
    let seconds = text.parse().map_err(|error| format!("{error}"))?;
    if (0.01..=60.0).contains(&seconds) { Ok(seconds) } else { Err("0.01 to 60".into()) }
}

impl Bench {
    fn run(self) -> anyhow::Result<()> {
        if let Some(file) = &self.redraw {
            return bench::redraw(file);
        }
        if self.density {
            return self.run_density();
        }
        let Self { on, seconds, rounds, quick, skip_memory, .. } = self;
        let Self { size: sizes, window: windows, peer: peers, .. } = self;
        let time = Duration::from_secs_f64(seconds);
        if self.cores {
            let place = match on {
                Platform::Unix => cores::Place::Processes,
                Platform::Kvm => cores::Place::Kvm,
                Platform::Xen => cores::Place::Xen,
            };
            let plan = cores::CoresPlan { time, rounds, place };
            if place != cores::Place::Xen {
                lab::prepare()?;
            }
            return cores::run(&plan);
        }
        if self.http {
            let plan = match quick {
                true => http::HttpPlan::quick(),
                false => http::HttpPlan { time, rounds, peers, quick },
            };
            return match on {
                Platform::Unix => lab::prepare().and_then(|()| http::run(&plan)),
                Platform::Xen => {
                    ensure!(plan.peers.is_empty(), "--peer is for --on unix; on Xen there are two");
                    http::xen::on_xen(&plan)
                }
                Platform::Kvm => bail!("--http is for --on unix and --on xen"),
            };
        }
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
            Platform::Kvm => {
                ensure!(!skip_memory, "--skip-memory is for --on xen");
                ensure!(
                    sizes.is_empty() && windows.is_empty() && peers.is_empty(),
                    "--size, --window and --peer are for --on unix; on KVM the settings are always the same"
                );
                lab::prepare()?;
                bench::kvm::on_kvm(&match quick {
                    true => bench::kvm::KvmPlan::quick(),
                    false => bench::kvm::KvmPlan::new(time, rounds),
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

impl Bench {
    fn run_density(&self) -> anyhow::Result<()> {
        let usual: &[u16] = match self.on {
            Platform::Unix => &[1, 100, 1000],
            Platform::Xen | Platform::Kvm => &[1, 20, 50, 100],
        };
        let counts = if self.guests.is_empty() { usual } else { &self.guests };
        let plan = density::DensityPlan::new(counts, self.service_memory);
        match self.on {
            Platform::Unix => lab::prepare().and_then(|()| density::processes::on_linux(&plan)),
            Platform::Xen => density::xen::on_xen(&plan),
            Platform::Kvm => bail!("--density is for --on unix and --on xen"),
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum Platform {
    /// A Linux process on a TAP device
    Unix,
    /// A guest of a real Xen, in QEMU
    Xen,
    /// A guest of QEMU's microvm
    Kvm,
}

fn main() -> ExitCode {
    lab::tools::exit_code(Arguments::parse().command.run())
}
