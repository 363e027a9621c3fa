//! `cargo letregion profile`: reads the command and calls the library.

#![forbid(unsafe_code)]

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use clap::Parser;
use lab::cargo::Workspace;

/// What is sent to a service.
#[derive(clap::Args)]
struct Request {
    /// Send this
    #[arg(long = "request", value_name = "TEXT", conflicts_with = "file")]
    text: Option<OsString>,
    /// Send the content of this file, as it is
    #[arg(long = "request-file", value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Draws what the regions of a service hold over many requests, and says whether it grows
#[derive(Parser)]
#[command(name = "cargo letregion profile", bin_name = "cargo letregion profile", version)]
struct Profile {
    /// The service, a package of this workspace [default: that of this folder]
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
        // No thread runs yet, which the namespace asks for.
        lab::prepare()?;
        if self.thesis {
            return profile::of_thesis();
        }
        let workspace = Workspace::here()?;
        let service = workspace.service(self.app.as_deref())?;
        profile::of_service(service, self.port, self.request.read()?, self.requests)
    }
}

impl Request {
    fn read(&self) -> anyhow::Result<Option<Vec<u8>>> {
        lab::request(self.text.as_deref(), self.file.as_deref())
    }
}

fn main() -> ExitCode {
    lab::tools::exit_code(Profile::parse().run())
}
