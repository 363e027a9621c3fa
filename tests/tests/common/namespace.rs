//! A `main` for tests that make network namespaces.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

/// Runs the tests that the arguments of the program ask for. Where a network namespace takes a user namespace, the
/// process has to enter that before it starts threads.
pub(crate) fn run(trials: Vec<Trial>) -> ExitCode {
    let arguments = Arguments::from_args();
    if !arguments.list
        && let Err(error) = lab::prepare()
    {
        eprintln!("error: {error:#}");
        return ExitCode::FAILURE;
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}
