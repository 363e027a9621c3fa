//! `cargo letregion profile`: a program of its own, since the library that draws takes long to build.

use std::{ffi::OsString, process::ExitCode};

use anyhow::{Context as _, Result};
use lab::{cargo, tools};

/// Builds the program `profile` of the repository, and gives it these arguments.
///
/// # Errors
/// It does not build, or cannot be started.
pub(crate) fn run(args: &[OsString]) -> Result<ExitCode> {
    let program = cargo::tool("profile")?;
    let mut command = tools::command(&program);
    let status = command.args(args).status();
    let status = status.with_context(|| format!("cannot start {}", program.display()))?;
    Ok(tools::status(status))
}
