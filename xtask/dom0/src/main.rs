//! `dom0`: reads the command.

#![forbid(unsafe_code)]

mod agent;
mod echo;
mod files;
mod programs;
mod requests;

use std::{env, process::ExitCode};

use anyhow::{Context, Result};

fn main() -> ExitCode {
    let args: Vec<_> = env::args().skip(1).collect();
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    let result: Result<()> = match args[..] {
        ["agent", device] => agent::serve(device),
        ["echo", port] => port
            .parse()
            .with_context(|| format!("{port:?} is no port; 1 to 65535 is allowed"))
            .and_then(echo::serve),
        _ => {
            eprintln!("usage: dom0 agent DEVICE | dom0 echo PORT");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("dom0: {error:#}");
            ExitCode::FAILURE
        }
    }
}
