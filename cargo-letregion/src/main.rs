#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod arguments;
mod build;
mod new;
mod programs;
mod run;
mod test;

use std::{env, process::ExitCode};

use clap::Parser as _;

use self::arguments::Arguments;

fn main() -> ExitCode {
    // Cargo calls `cargo-letregion letregion …` for `cargo letregion …`.
    let mut typed: Vec<_> = env::args_os().collect();
    if typed.get(1).is_some_and(|first| first == "letregion") {
        typed.remove(1);
    }
    match Arguments::parse_from(typed).command.run() {
        Ok(status) => status,
        Err(error) => lab::tools::exit_code(Err(error)),
    }
}
