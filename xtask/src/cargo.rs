//! The workspace: where it is, what is in it, how it is built.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};
use cargo_metadata::{Message, Metadata, MetadataCommand};

/// The root of the workspace.
pub fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}

/// `cargo`, in the root of the workspace.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// What cargo knows of the members of the workspace.
///
/// # Errors
/// Cargo cannot read the workspace.
pub fn metadata() -> Result<Metadata> {
    MetadataCommand::new()
        .current_dir(root())
        .no_deps()
        .exec()
        .context("cannot read the workspace (cargo metadata)")
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

/// The argument with which cargo says what it has built, for [`programs`] to read.
pub const MESSAGES: &str = "--message-format=json-render-diagnostics";

/// Builds the packages with these features for release and returns their programs by name. Cargo's progress goes to
/// standard error.
///
/// # Errors
/// Cargo cannot be started, a package does not build, or has no program of its own name.
pub fn build(packages: &[&str], features: &[&str]) -> Result<BTreeMap<String, PathBuf>> {
    named(build_all(packages, features)?, packages)
}

/// The same for packages whose programs have any names.
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
    command.arg("--target-dir").arg(metadata()?.target_directory.join("xen/build"));
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

/// The same programs, if each package has one of its own name.
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
        for message in Message::parse_stream(BufReader::new(messages)) {
            if let Message::CompilerArtifact(artifact) = message.context("cannot read cargo")?
                && let Some(program) = artifact.executable
            {
                programs.insert(artifact.target.name, program.into_std_path_buf());
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
