//! `cargo xtask run`: a service in a network of its own.

#![forbid(unsafe_code)]

mod run;

use std::{
    ffi::{OsStr, OsString},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::ensure;
use clap::{Parser, Subcommand, ValueEnum};
use lab::cargo::Profile;

use self::run::{Guest, GuestOptions};

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
}

impl Command {
    fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Run(run) => run.run(),
        }
    }
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
    /// On Linux: build for release, as what is measured is; a guest of Xen always is
    #[arg(long)]
    release: bool,
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

#[derive(Clone, Copy, ValueEnum)]
enum Platform {
    /// A Linux process on a TAP device
    Unix,
    /// A guest of a real Xen, in QEMU
    Xen,
}

impl Request {
    fn read(&self) -> anyhow::Result<Option<Vec<u8>>> {
        lab::request(self.text.as_deref(), self.file.as_deref())
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
                let profile = if self.release { Profile::Release } else { Profile::Dev };
                run::on_unix(&self.app, profile, self.port, &args, request.as_deref())
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
    lab::tools::exit_code(Arguments::parse().command.run())
}
