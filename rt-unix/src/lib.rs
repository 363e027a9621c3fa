#![doc = include_str!("../README.md")]

mod arguments;
#[cfg(feature = "defmt")]
mod log;
mod memory;
#[cfg(feature = "profile")]
mod profile;
mod recorder;
mod runtime;
mod signals;

use std::{
    env,
    io::{self, Write as _},
    process::ExitCode,
};

pub use recorder::Recorder;
pub use rt::{Error, Runtime};
pub use runtime::{Event, Rt};

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

/// Starts the runtime with the arguments of the process and runs `service` in it. What is returned
/// is the exit status: 0, or that of the error, whose message is printed after `name` on standard
/// error. The message of an error with status 0 (`--help`) is what was asked for: it goes to
/// standard output.
pub fn start(name: &str, service: impl FnOnce(&mut Rt) -> Result<(), Error>) -> ExitCode {
    match Rt::new(env::args_os().skip(1)).and_then(|mut rt| service(&mut rt)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.status() == 0 => {
            // Nobody is left to be told that nobody reads this.
            let _ = writeln!(io::stdout(), "{error}\n{}", arguments::USAGE);
            ExitCode::SUCCESS
        }
        Err(error) => {
            say(format_args!("{name}: {error}"));
            ExitCode::from(error.status())
        }
    }
}

/// Writes one line to standard error, in one piece. A service goes on when nobody reads it.
fn say(line: std::fmt::Arguments<'_>) {
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}
