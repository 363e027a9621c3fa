//! `cargo xtask size`: calls the library.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Says how large the images for Xen are, and what takes the room; fails if they have grown too large
    Size {
        /// Only the image of this service, and what takes the room in it
        app: Option<String>,
    },
}

impl Command {
    fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Size { app: None } => size::check(),
            Self::Size { app: Some(app) } => size::show(&app),
        }
    }
}

fn main() -> ExitCode {
    lab::tools::exit_code(Arguments::parse().command.run())
}
