//! The Debian packages that the tests need.

use std::{path::Path, process::Command};

use anyhow::{Context as _, Result, ensure};
use lab::tools::{self, APT, Tool, succeed};
use nix::unistd::geteuid;

/// Installs, as root on Debian, what the tests call and what is not there, and says so.
///
/// # Errors
/// It is not Debian or this user is not root, with the command that installs what is missing; or a package cannot be
/// installed.
pub fn install_missing() -> Result<()> {
    let missing = tools::missing();
    if can_install() {
        // Those too that the tests can do without.
        let wanted = tools::wanted();
        if wanted.is_empty() {
            return Ok(());
        }
        let installed = install(&wanted);
        return if missing.is_empty() { or_say(installed) } else { installed };
    }
    ensure!(missing.is_empty(), tools::remedy(&missing));
    Ok(())
}

fn can_install() -> bool {
    geteuid().is_root() && APT.is_installed() && Path::new("/etc/debian_version").exists()
}

fn install(tools: &[Tool]) -> Result<()> {
    let packages: Vec<_> = tools.iter().map(|tool| tool.package).collect();
    eprintln!("installing {}", packages.join(" "));
    succeed(apt().arg("update"))
        .and_then(|()| {
            succeed(apt().args(["install", "--yes", "--no-install-recommends"]).args(&packages))
        })
        .with_context(|| tools::remedy(tools))
}

fn apt() -> Command {
    let mut command = APT.command();
    command.env("DEBIAN_FRONTEND", "noninteractive").arg("--quiet");
    command
}

/// What the tests can do without may be missing.
fn or_say(installed: Result<()>) -> Result<()> {
    if let Err(error) = installed {
        eprintln!("skipped: {error:#}");
    }
    Ok(())
}
