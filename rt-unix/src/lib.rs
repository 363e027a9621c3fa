#![doc = include_str!("../README.md")]

mod address_file;
mod arguments;
mod entry;
#[cfg(feature = "page")]
mod insight;
mod limits;
#[cfg(feature = "defmt")]
mod log;
mod manager;
mod memory;
#[cfg(feature = "profile")]
mod profile;
mod recorder;
mod runtime;
mod sandbox;
mod signals;
#[cfg(feature = "cores")]
mod team;
mod words;

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    env,
    ffi::OsString,
    io::{self, Write as _},
    panic,
    process::ExitCode,
};

pub use recorder::Recorder;
pub use rt::{Error, Runtime};
pub use runtime::{Event, Rt};

use arguments::Arguments;
use words::say;

/// Items for the macros of this crate.
#[doc(hidden)]
pub mod private {
    pub use crate::entry::run;
}

/// Writes `fn main`: `rt_unix::main!(echo)` starts the runtime and calls
/// `fn echo(rt: &mut Rt) -> Result<(), Error>`, see [`start`]. The name in messages is that of the program.
#[macro_export]
macro_rules! main {
    ($service:ident) => {
        fn main() -> ::std::process::ExitCode {
            let name = ::core::option_env!("CARGO_BIN_NAME");
            $crate::start(name.unwrap_or(::core::stringify!($service)), $service)
        }
    };
}

/// Starts the runtime with the arguments of the process and runs `service` in it. Returns the exit status: 0,
/// or that of the error. The message of the error is printed after `name` on standard error. The message of
/// an error with status 0 (`--help`) goes to standard output, because it was asked for.
///
/// With the feature `cores` and `--cores`, each core runs the service on a thread of its own, with a runtime, a pool and a
/// tower of its own.
pub fn start(
    name: &'static str,
    service: impl Fn(&mut Rt) -> Result<(), Error> + Send + Sync + 'static,
) -> ExitCode {
    ExitCode::from(start_with(name, env::args_os().skip(1), service))
}

/// Does what [`start`] does, with these arguments; returns the exit status.
fn start_with(
    name: &'static str,
    arguments: impl Iterator<Item = OsString>,
    service: impl Fn(&mut Rt) -> Result<(), Error> + Send + Sync + 'static,
) -> u8 {
    words::open_errors();
    panic::set_hook(Box::new(say_panic));
    let status = match Arguments::read(arguments) {
        #[cfg(feature = "cores")]
        Ok(arguments) if arguments.cores > 1 => on_cores(name, arguments, service),
        Ok(arguments) => end(name, Rt::alone(arguments).and_then(|mut rt| service(&mut rt))),
        Err(error) => end(name, Err(error)),
    };
    words::end();
    status
}

/// Runs `service` on each of several cores; returns the exit status.
#[cfg(feature = "cores")]
fn on_cores(
    name: &'static str,
    arguments: Arguments,
    service: impl Fn(&mut Rt) -> Result<(), Error> + Send + Sync + 'static,
) -> u8 {
    let (count, pin) = (arguments.cores, arguments.pin);
    let signals = match runtime::install_signals() {
        Ok(signals) => signals,
        Err(error) => return end(name, Err(error)),
    };
    let run = move |seat: team::Seat| {
        let result = Rt::seated(&arguments, signals, seat).and_then(|mut rt| service(&mut rt));
        match result {
            // What ends one core is said with its number.
            Err(error) if seat.index > 0 => {
                say(format_args!("{name}: core {}: {error}", seat.index));
                error.status()
            }
            result => end(name, result),
        }
    };
    match team::Team::new(count, pin, run) {
        Ok(team) => {
            let status = team.run(0);
            status.max(team.end())
        }
        Err(error) => end(name, Err(error)),
    }
}

/// Says how the program has ended; returns its exit status.
fn end(name: &str, result: Result<(), Error>) -> u8 {
    match result {
        Ok(()) => 0,
        Err(error) if error.status() == 0 => {
            // Nobody is left to be told that nobody reads this.
            let _ = writeln!(io::stdout(), "{error}\n{}", arguments::USAGE);
            0
        }
        Err(error) => {
            words::begin_last_words();
            say(format_args!("{name}: {error}"));
            error.status()
        }
    }
}

/// Prints why the process panics. The hook of the standard library would wait for a reader.
fn say_panic(panic: &panic::PanicHookInfo<'_>) {
    words::begin_last_words();
    say(format_args!("{panic}"));
    let trace = Backtrace::capture();
    if trace.status() == BacktraceStatus::Captured {
        say(format_args!("{trace}"));
    }
    words::end();
}
