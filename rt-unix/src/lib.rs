#![doc = include_str!("../README.md")]

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
pub fn start(name: &str, service: impl FnOnce(&mut Rt) -> Result<(), Error>) -> ExitCode {
    ExitCode::from(start_with(name, env::args_os().skip(1), service))
}

/// Does what [`start`] does, with these arguments; returns the exit status.
fn start_with(
    name: &str,
    arguments: impl Iterator<Item = OsString>,
    service: impl FnOnce(&mut Rt) -> Result<(), Error>,
) -> u8 {
    words::open_errors();
    panic::set_hook(Box::new(say_panic));
    let status = match Rt::new(arguments).and_then(|mut rt| service(&mut rt)) {
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
    };
    words::end();
    status
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
