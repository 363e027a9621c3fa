//! `cargo xtask soak`: reads the command and calls the library.

#![forbid(unsafe_code)]

use std::{process::ExitCode, time::Duration};

use anyhow::ensure;
use clap::{Parser, Subcommand, ValueEnum};

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Asks all services for a long time over a bad and hostile network, and says whether they hold
    Soak(Soak),
}

impl Command {
    fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Soak(soak) => soak.run(),
        }
    }
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
    /// On Linux: how many cores each service has [default: 1]
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=32))]
    cores: Option<u8>,
    /// On Linux: the only service that runs [default: all of them]
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
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
        let plan = soak_command::Plan { time, requests: self.requests, seed: self.seed };
        match self.on {
            Platform::Unix => {
                ensure!(self.memory.is_none(), "--memory is for --on xen");
                lab::prepare()?;
                let cores = self.cores.unwrap_or(1).into();
                soak_command::on_unix(&plan, cores, self.service.as_deref())
            }
            Platform::Xen => {
                ensure!(self.cores.is_none(), "--cores is for --on unix");
                ensure!(self.service.is_none(), "--service is for --on unix");
                soak_command::on_xen(&plan, self.memory.unwrap_or(soak_command::GUEST_MEMORY))
            }
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum Platform {
    /// A Linux process on a TAP device
    Unix,
    /// A guest of a real Xen, in QEMU
    Xen,
}

fn main() -> ExitCode {
    lab::tools::exit_code(Arguments::parse().command.run())
}
