//! Programs of Debian packages that tests start.

use std::{
    process::{Command, Stdio},
    sync::{Mutex, PoisonError},
};

use lab::{
    debian::Program,
    tools::{self, Tool},
};

/// How many seconds a program may run.
const SECONDS: &str = "120";

/// The program, installed or unpacked: to be called where packages can be fetched.
pub(crate) fn find(tool: &Tool) -> Program {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    Program::find(tool, &mut |words| eprintln!("{words}")).unwrap_or_else(|e| panic!("{e:#}"))
}

/// A command that calls a program, which ends with this thread and has an end in any case.
pub(crate) fn command(tool: &Tool) -> Command {
    let program = find(tool);
    let mut command = tools::with_us("timeout");
    command.arg(SECONDS).arg(program.path()).envs(program.environment());
    command.env("LC_ALL", "C").stdin(Stdio::null());
    command
}
