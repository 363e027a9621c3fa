//! `cargo letregion test`: the tests of a service.

use std::{ffi::OsString, process::ExitCode};

use anyhow::{Context as _, Result};
use lab::{
    cargo::{Workspace, cargo_in},
    tools,
};

/// Runs `cargo test` for the service, with these arguments.
///
/// # Errors
/// There is no such service, or cargo cannot be started.
pub(crate) fn run(app: Option<&str>, args: &[OsString]) -> Result<ExitCode> {
    let workspace = Workspace::here()?;
    let service = workspace.service(app)?;
    let mut command = cargo_in(service.folder());
    command.args(["test", "--package", service.name()]).args(args);
    Ok(tools::status(command.status().context("cannot start cargo")?))
}
