//! `dom0`: reads the command.

#![forbid(unsafe_code)]

mod agent;
mod files;
mod load;
mod programs;
mod requests;
mod start;

use std::{env, process::ExitCode};

use anyhow::Result;

fn main() -> ExitCode {
    let args: Vec<_> = env::args().skip(1).collect();
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    let result: Result<()> = match args[..] {
        ["agent", device] => agent::serve(device),
        ["start", to, program, ref args @ ..] => start::serve(to, start::by_udp, program, args),
        ["start-http", to, program, ref args @ ..] => {
            start::serve(to, start::by_http, program, args)
        }
        _ => {
            eprintln!(
                "usage: dom0 agent DEVICE | dom0 start[-http] ADDRESS:PORT PROGRAM ARGUMENTS…"
            );
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
