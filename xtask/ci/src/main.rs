//! `cargo xtask test` and the checks that it is made of: reads the command and calls the library.

#![forbid(unsafe_code)]

use std::{process::ExitCode, time::Duration};

use ci::{checks, first_minute, fuzz, supply};
use clap::{Parser, Subcommand};
use lab::tools;

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
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
    /// Measures what it takes from a clean clone to the first reply
    FirstMinute,
    /// Lists the Debian packages that the tests need and that are missing here, one a line
    Missing,
}

impl Command {
    fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Fuzz(fuzz) => fuzz.run(),
            Self::Dependencies => supply::update(),
            Self::Test { quick } => checks::all(quick),
            Self::FirstMinute => first_minute::measure(),
            Self::Missing => {
                for tool in tools::wanted() {
                    println!("{}", tool.package);
                }
                Ok(())
            }
        }
    }
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

fn main() -> ExitCode {
    tools::exit_code(Arguments::parse().command.run())
}
