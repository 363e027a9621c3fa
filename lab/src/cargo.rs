//! The workspace: where it is, what is in it, how it is built.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// The root of the workspace.
pub fn root() -> &'static Path {
    let lab = Path::new(env!("CARGO_MANIFEST_DIR"));
    lab.parent().unwrap_or(lab)
}

/// `cargo`, in the root of the workspace.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// The folder that cargo builds into.
///
/// # Errors
/// Cargo cannot read the workspace.
pub fn target_folder() -> Result<PathBuf> {
    let output = cargo()
        .args(["metadata", "--no-deps", "--format-version=1"])
        .stdin(Stdio::null())
        .output()
        .context("cannot start cargo")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cannot read the workspace (cargo metadata): {}", said.trim());
    let metadata: Value = serde_json::from_slice(&output.stdout).context("cannot read cargo")?;
    let folder = metadata["target_directory"].as_str().context("cargo names no target folder")?;
    Ok(folder.into())
}

/// The names of the services: the programs of `apps`, in alphabetical order.
///
/// # Errors
/// The folder cannot be read.
pub fn apps() -> Result<Vec<String>> {
    let read = || -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(root().join("apps"))? {
            let entry = entry?;
            if entry.path().join("src/main.rs").is_file() {
                names.extend(entry.file_name().into_string());
            }
        }
        names.sort_unstable();
        Ok(names)
    };
    read().context("cannot list the folder apps")
}

/// Checks that there is a service of this name.
///
/// # Errors
/// There is none: with the names of those that there are.
pub fn check_app(app: &str) -> Result<()> {
    let apps = apps()?;
    ensure!(
        apps.iter().any(|name| name == app),
        "there is no service {app}; there are: {}",
        apps.join(", ")
    );
    Ok(())
}

/// How the compiler optimises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Cargo's profile `dev`: built in seconds.
    Dev,
    /// Cargo's profile `release`: what is measured and installed.
    Release,
}

/// The argument with which cargo says what it has built, for [`programs`] to read.
pub const MESSAGES: &str = "--message-format=json-render-diagnostics";

/// Builds the packages with these features for release and returns their programs by name. Cargo's progress goes to
/// standard error.
///
/// # Errors
/// Cargo cannot be started, a package does not build, or has no program of its own name.
pub fn build(packages: &[&str], features: &[&str]) -> Result<BTreeMap<String, PathBuf>> {
    build_as(Profile::Release, packages, features)
}

/// Builds the packages with these features and this profile, and returns their programs by name. Cargo's progress
/// goes to standard error.
///
/// # Errors
/// Cargo cannot be started, a package does not build, or has no program of its own name.
pub fn build_as(
    profile: Profile,
    packages: &[&str],
    features: &[&str],
) -> Result<BTreeMap<String, PathBuf>> {
    let mut command = cargo();
    command.arg("build");
    if profile == Profile::Release {
        command.arg("--release");
    }
    named(build_by(&mut command, packages, features)?, packages)
}

/// Builds a program of this workspace for the host, without a word unless it fails, and returns its path.
///
/// # Errors
/// Cargo cannot be started, or the package does not build, or has no program of its own name.
pub fn tool(package: &str) -> Result<PathBuf> {
    let mut programs =
        named(build_by(cargo().args(["build", "--quiet"]), &[package], &[])?, &[package])?;
    programs.remove(package).with_context(|| format!("{package} has no program"))
}

/// Builds packages whose programs have any names, for release.
///
/// # Errors
/// Cargo cannot be started, or a package does not build.
pub fn build_all(packages: &[&str], features: &[&str]) -> Result<BTreeMap<String, PathBuf>> {
    build_by(cargo().args(["build", "--release"]), packages, features)
}

/// Builds services as guests of Xen, with these features beside `xen` and the profile `guest`, and returns
/// their images by name.
///
/// # Errors
/// Cargo cannot be started, or a service does not build.
pub fn build_xen(apps: &[&str], features: &[&str]) -> Result<BTreeMap<String, PathBuf>> {
    let mut command = cargo();
    command.args(["build", "--profile", "guest", "--no-default-features", "--features", "xen"]);
    // Apart from the Linux programs, which have the same names.
    command.arg("--target-dir").arg(target_folder()?.join("xen/build"));
    named(build_by(&mut command, apps, features)?, apps)
}

fn build_by(
    command: &mut Command,
    packages: &[&str],
    features: &[&str],
) -> Result<BTreeMap<String, PathBuf>> {
    command.arg(MESSAGES);
    for package in packages {
        command.args(["--package", package]);
    }
    for feature in features {
        command.args(["--features", feature]);
    }
    programs(command)
}

/// The programs, if each package has one of its own name.
fn named(
    programs: BTreeMap<String, PathBuf>,
    packages: &[&str],
) -> Result<BTreeMap<String, PathBuf>> {
    if let Some(package) = packages.iter().find(|package| !programs.contains_key(**package)) {
        bail!("the package {package} has no program of its name");
    }
    Ok(programs)
}

/// Calls cargo, which is to build something with [`MESSAGES`], and returns the programs by name.
///
/// # Errors
/// Cargo cannot be started, or it fails.
pub fn programs(command: &mut Command) -> Result<BTreeMap<String, PathBuf>> {
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
                programs.insert(name.to_owned(), program.into());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_services_are_the_folders_of_apps() {
        let apps = apps().unwrap();
        for name in ["echo", "facfib", "monte-carlo", "sort"] {
            assert!(apps.iter().any(|app| app == name), "{name} is not among {apps:?}");
        }
        assert!(apps.is_sorted());
    }
}
