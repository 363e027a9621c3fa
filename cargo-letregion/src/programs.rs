//! Commands that are programs of their own, since what they are made of takes long to build: `cargo letregion image` and
//! `cargo letregion profile`.

use std::{ffi::OsString, process::ExitCode};

use anyhow::{Context as _, Result};
use lab::{cargo, tools};

/// Builds this program of the repository, and gives it these arguments.
///
/// # Errors
/// It does not build, or cannot be started.
pub(crate) fn run(program: &str, args: &[OsString]) -> Result<ExitCode> {
    let program = cargo::tool(program)?;
    let mut command = tools::command(&program);
    let status = command.args(args).status();
    let status = status.with_context(|| format!("cannot start {}", program.display()))?;
    Ok(tools::status(status))
}
