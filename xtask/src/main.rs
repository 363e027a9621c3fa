//! `cargo xtask`: reads the command and calls the library.

#![forbid(unsafe_code)]

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    path::PathBuf,
    process::ExitCode,
};

use anyhow::Context;
use clap::{Parser, Subcommand, ValueEnum};
use xtask::{checks, lab, run, tools};

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
    /// Runs everything that CI runs
    Test {
        /// Leave out the tests that run service processes
        #[arg(long)]
        quick: bool,
    },
    /// Lists the Debian packages that the tests need and that are missing here, one a line
    Missing,
}

#[derive(clap::Args)]
struct Run {
    /// The service: a folder of apps
    app: String,
    /// Where it runs
    #[arg(long, value_enum, default_value_t = Platform::Unix)]
    on: Platform,
    /// Send this one request, print the reply alone, and end
    #[arg(long, value_name = "TEXT", conflicts_with = "request_file")]
    request: Option<OsString>,
    /// The same with the content of a file, as it is
    #[arg(long, value_name = "FILE")]
    request_file: Option<PathBuf>,
    /// The UDP port that the requests go to
    #[arg(long, default_value_t = 8080, value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
    /// Arguments for the service, after those that fit its network
    #[arg(last = true)]
    args: Vec<OsString>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Platform {
    /// A Linux process on a TAP device
    Unix,
}

impl Run {
    fn run(self) -> anyhow::Result<()> {
        let request = match (&self.request, &self.request_file) {
            (Some(text), _) => Some(text.as_bytes().to_vec()),
            (None, Some(file)) => Some(
                std::fs::read(file)
                    .with_context(|| format!("cannot read the request {}", file.display()))?,
            ),
            (None, None) => None,
        };
        let args: Vec<&OsStr> = self.args.iter().map(OsString::as_os_str).collect();
        match self.on {
            Platform::Unix => run::on_unix(&self.app, self.port, &args, request.as_deref()),
        }
    }
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        // No thread runs yet, which the namespace asks for.
        Command::Run(run) => lab::prepare().and_then(|()| run.run()),
        Command::Test { quick } => checks::all(quick),
        Command::Missing => {
            for tool in tools::missing() {
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
