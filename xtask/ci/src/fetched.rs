//! Programs that cargo builds from crates.io, once, into `target/tools`, where none is installed.

use std::{env, ffi::OsString, path::PathBuf, process::Stdio};

use anyhow::{Context, Result, ensure};

use lab::cargo;

/// A subcommand of cargo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The package, and the program in it.
    pub name: &'static str,
    /// The version that is built where there is none; one that is installed may be another.
    pub version: &'static str,
}

/// What drives the fuzzer. Some 40 seconds to build.
pub const CARGO_FUZZ: Fetched = Fetched { name: "cargo-fuzz", version: "0.13.2" };
/// What looks at licences and sources. Some 200 seconds of one processor to build.
pub const CARGO_DENY: Fetched = Fetched { name: "cargo-deny", version: "0.20.2" };

impl Fetched {
    /// Builds the program if there is none, and says so.
    ///
    /// # Errors
    /// It cannot be fetched, or does not build: there is no network, say.
    pub fn ensure(&self) -> Result<()> {
        let path = search_path()?;
        if env::split_paths(&path).any(|folder| folder.join(self.name).is_file()) {
            return Ok(());
        }
        let Self { name, version } = self;
        let folder = folder()?;
        eprintln!("fetching {name} {version} into {}", folder.display());
        let status = cargo::cargo()
            .args(["install", name, "--locked", "--version", version, "--root"])
            .arg(folder)
            .stdin(Stdio::null())
            .status()
            .context("cannot start cargo")?;
        ensure!(status.success(), "{name} {version} cannot be had ({status})");
        Ok(())
    }
}

fn folder() -> Result<PathBuf> {
    Ok(cargo::target_folder()?.join("tools"))
}

/// The search path with what was fetched behind it.
///
/// # Errors
/// Cargo cannot read the workspace, or its folder has a name that no search path can have.
pub fn search_path() -> Result<OsString> {
    let known = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&known).chain([folder()?.join("bin")]);
    env::join_paths(folders).context("the search path")
}
