//! The nightly compiler, which has what the pinned one has not: sanitizers, Miri, and the coverage that a fuzzer
//! follows.

use std::{
    ffi::OsStr,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use lab::cargo;

/// A program of the nightly toolchain, whichever toolchain we run with.
pub(crate) fn program(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly"]).arg(program).current_dir(cargo::root());
    // Those of the toolchain that called us.
    for variable in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN"] {
        command.env_remove(variable);
    }
    command
}

/// The target triple of the nightly compiler.
///
/// # Errors
/// There is none.
pub(crate) fn host() -> Result<String> {
    const MISSING: &str = "there is no nightly compiler (rustup toolchain install nightly)";
    let output = program("rustc").arg("-vV").stdin(Stdio::null()).output().context(MISSING)?;
    let text = String::from_utf8(output.stdout).context(MISSING)?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: ")).context(MISSING)?;
    Ok(host.into())
}

/// Adds components to the nightly toolchain, unless it has them.
///
/// # Errors
/// One of them cannot be had.
pub(crate) fn add(components: &[&str]) -> Result<()> {
    let list = components.join(" ");
    let output = Command::new("rustup")
        .args(["component", "add", "--toolchain", "nightly"])
        .args(components)
        .stdin(Stdio::null())
        .output()
        .context("there is no rustup")?;
    ensure!(
        output.status.success(),
        "the nightly compiler has no {list}, and it cannot be added (rustup component add --toolchain nightly \
         {list})"
    );
    Ok(())
}
