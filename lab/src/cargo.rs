//! Cargo: where packages are, and how they are built.

mod build;
mod service;

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{self, Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

pub use self::{
    build::{Build, Platform, Profile},
    service::{FACADE, Service, Workspace},
};

/// How long a tool is built without a word.
const SILENT_FOR: Duration = Duration::from_secs(3);

/// The root of this repository: where the crates of the tower and the tools are.
pub fn root() -> &'static Path {
    let lab = Path::new(env!("CARGO_MANIFEST_DIR"));
    lab.parent().unwrap_or(lab)
}

/// `cargo`, in the root of this repository.
pub fn cargo() -> Command {
    cargo_in(root())
}

/// `cargo`, in this folder.
pub fn cargo_in(folder: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(folder);
    command
}

/// The folder that cargo builds this repository into.
///
/// # Errors
/// Cargo cannot read the workspace.
pub fn target_folder() -> Result<PathBuf> {
    Ok(Workspace::of_repository()?.target_folder().to_owned())
}

/// The names of the services of this repository, in alphabetical order.
///
/// # Errors
/// Cargo cannot read the workspace.
pub fn apps() -> Result<Vec<String>> {
    let workspace = Workspace::of_repository()?;
    Ok(workspace.services().into_iter().map(str::to_owned).collect())
}

/// The argument with which cargo says what it has built, for [`programs`] to read.
pub const MESSAGES: &str = "--message-format=json-render-diagnostics";

/// Builds packages of this repository for release, as Linux processes, and returns their programs by name. The
/// features are those of [`Build::features`]. Cargo's progress goes to standard error.
///
/// # Errors
/// Cargo cannot be started, a package does not build, or has no program.
pub fn build(packages: &[&str], features: &[&str]) -> Result<BTreeMap<String, PathBuf>> {
    let build = Build { features, ..Build::new(Platform::Unix, Profile::Release) };
    build_each(packages, &build)
}

/// Builds packages of this repository as guests of Xen, and returns their images by name. The features are those of
/// [`Build::features`].
///
/// # Errors
/// Cargo cannot be started, or a package does not build, or has no program.
pub fn build_xen(packages: &[&str], features: &[&str]) -> Result<BTreeMap<String, PathBuf>> {
    build_each(packages, &Build { features, ..Build::new(Platform::Xen, Profile::Guest) })
}

/// Builds packages of this repository as guests of KVM, and returns their images by name. The features are those of
/// [`Build::features`].
///
/// # Errors
/// Cargo cannot be started, or a package does not build, or has no program.
pub fn build_kvm(packages: &[&str], features: &[&str]) -> Result<BTreeMap<String, PathBuf>> {
    build_each(packages, &Build { features, ..Build::new(Platform::Kvm, Profile::Guest) })
}

/// Builds packages of this repository, one after the other, and returns their programs by name. They stay as they are, whatever is
/// built next ([`Service::build_kept`]).
///
/// # Errors
/// Cargo cannot be started, or a package does not build, or has no program.
pub fn build_each(packages: &[&str], build: &Build<'_>) -> Result<BTreeMap<String, PathBuf>> {
    let workspace = Workspace::of_repository()?;
    let built = packages.iter().map(|name| {
        let program = workspace.package(name)?.build_kept(build)?;
        Ok(((*name).to_owned(), program))
    });
    built.collect()
}

/// Builds a program of this repository for the host, and returns its path. There is no word about it unless it fails or
/// takes a while.
///
/// # Errors
/// Cargo cannot be started, or the package does not build, or has no program of its own name.
pub fn tool(package: &str) -> Result<PathBuf> {
    let mut command = cargo();
    command.args(["build", "--quiet", MESSAGES, "--package", package]);
    let (done, is_done) = mpsc::channel::<()>();
    let mut programs = thread::scope(|scope| {
        scope.spawn(move || {
            if is_done.recv_timeout(SILENT_FOR) == Err(RecvTimeoutError::Timeout) {
                eprintln!("building {package}, which takes a minute the first time");
            }
        });
        let programs = programs(&mut command);
        drop(done);
        programs
    })?;
    programs.remove(package).with_context(|| format!("{package} has no program of its name"))
}

/// Builds packages of this repository whose programs have any names, for release.
///
/// # Errors
/// Cargo cannot be started, or a package does not build.
pub fn build_all(packages: &[&str], features: &[&str]) -> Result<BTreeMap<String, PathBuf>> {
    let mut command = cargo();
    command.args(["build", "--release", MESSAGES]);
    for package in packages {
        command.args(["--package", package]);
    }
    for feature in features {
        command.args(["--features", feature]);
    }
    programs(&mut command)
}

/// Calls cargo, which is to build something with [`MESSAGES`], and returns the programs by name.
///
/// # Errors
/// Cargo cannot be started, or it fails.
pub fn programs(command: &mut Command) -> Result<BTreeMap<String, PathBuf>> {
    programs_at(command, |program| Ok(program.to_owned()))
}

/// As [`programs`], with the places that `place` gives them. It is called for each while cargo still lets nobody else build there.
fn programs_at(
    command: &mut Command,
    place: impl Fn(&Path) -> Result<PathBuf>,
) -> Result<BTreeMap<String, PathBuf>> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start cargo")?;
    let mut programs = BTreeMap::new();
    if let Some(messages) = child.stdout.take() {
        for line in BufReader::new(messages).lines() {
            let message: Value =
                serde_json::from_str(&line?).context("cannot read what cargo says")?;
            if let (Some(program), Some(name)) =
                (message["executable"].as_str(), message["target"]["name"].as_str())
            {
                programs.insert(name.to_owned(), place(program.as_ref())?);
            }
        }
    }
    let packages: Vec<_> = command
        .get_args()
        .zip(command.get_args().skip(1))
        .filter(|(option, _)| *option == "--package")
        .map(|(_, package)| package.to_string_lossy())
        .collect();
    ensure!(child.wait()?.success(), "{} does not build", packages.join(", "));
    Ok(programs)
}

/// A program that was built with these features, under a name that says so. It stays as it is, whatever is built next: cargo puts
/// what it builds with other features in the same place.
///
/// # Errors
/// There is no room beside the program.
fn keep(program: &Path, features: &[&str]) -> Result<PathBuf> {
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    let name = [&[&*name], features].concat().join("+");
    let kept = program.with_file_name(format!("{name}.kept"));
    // Nobody finds a part of it, or nothing.
    let new = program.with_file_name(format!("{name}.{}", process::id()));
    let _ = fs::remove_file(&new);
    fs::hard_link(program, &new)
        .or_else(|_| fs::copy(program, &new).map(drop))
        .and_then(|()| fs::rename(&new, &kept))
        .with_context(|| format!("cannot keep {}", program.display()))?;
    // One that was the same file already is still there.
    let _ = fs::remove_file(&new);
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_services_are_the_programs_of_apps() {
        let apps = apps().unwrap();
        for name in ["echo", "facfib", "iperf3", "kv", "monte-carlo", "sort"] {
            assert!(apps.iter().any(|app| app == name), "{name} is not among {apps:?}");
        }
        assert!(apps.is_sorted());
        for other in ["guest", "request", "cargo-letregion", "dom0"] {
            assert!(!apps.iter().any(|app| app == other), "{other} is among {apps:?}");
        }
    }
}
