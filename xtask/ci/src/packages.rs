//! The packages that are for others: whether each could be published as it is, and whether it is whole.

use std::{
    collections::BTreeSet,
    fs,
    path::{Component, Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, Result, ensure};
use cargo_metadata::Package;
use lab::{cargo::cargo, tools::succeed};

use crate::metadata::{is_public, metadata, without_prefix};

/// The packages whose name needs no prefix, because on crates.io it belongs to nobody else.
const WITHOUT_PREFIX: [&str; 2] = ["letregion", "rt-regions"];

/// What is in every package: nothing else of the repository comes with it.
const FILES: [&str; 3] = ["LICENSE-APACHE", "LICENSE-MIT", "README.md"];

/// The most keywords that crates.io takes for one package.
const MAX_KEYWORDS: usize = 5;

/// The macros that read a file when they are compiled, up to the name of the file.
const INCLUDES: [&str; 2] = ["include_str!(\"", "include_bytes!(\""];

/// Makes a package of each crate that is for others, without building it and without a network, and checks that it has a
/// name that can be ours, a description, and all files that it needs.
///
/// # Errors
/// A package cannot be made (it depends on one that is not for others, say), or lacks something.
pub fn check() -> Result<()> {
    let metadata = metadata()?;
    let packages: Vec<_> = metadata.packages.iter().filter(|package| is_public(package)).collect();
    ensure!(!packages.is_empty(), "no package is for others");
    let mut command = cargo();
    command.args(["package", "--quiet", "--offline", "--allow-dirty", "--no-verify"]);
    for package in &packages {
        command.args(["--package", &package.name]);
    }
    succeed(&mut command)?;
    packages.into_iter().try_for_each(|package| {
        check_description(package)
            .and_then(|()| check_files(package))
            .with_context(|| format!("the package {}", package.name))
    })
}

/// Checks what crates.io shows of a package.
fn check_description(package: &Package) -> Result<()> {
    let name = package.name.as_str();
    let has_prefix = without_prefix(name) != name;
    ensure!(
        has_prefix || WITHOUT_PREFIX.contains(&name),
        "on crates.io the name may belong to others: call it letregion-{name}, or mark it publish = false"
    );
    ensure!(package.description.is_some(), "it has no description");
    ensure!(package.repository.is_some(), "it has no repository");
    let keywords = package.keywords.len();
    ensure!(
        (1..=MAX_KEYWORDS).contains(&keywords),
        "it has {keywords} keywords; expected 1 to {MAX_KEYWORDS}"
    );
    ensure!(!package.categories.is_empty(), "it has no categories");
    Ok(())
}

/// Checks that the files of a package are all that its readers and its sources need.
fn check_files(package: &Package) -> Result<()> {
    let folder = package.manifest_path.parent().context("a manifest is in a folder")?;
    let files = files(&package.name)?;
    for wanted in FILES {
        ensure!(files.contains(Path::new(wanted)), "{wanted} is not in it");
    }
    let is_source = |file: &&PathBuf| file.extension().is_some_and(|extension| extension == "rs");
    for source in files.iter().filter(is_source) {
        let path = folder.as_std_path().join(source);
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        for file in included(source, &text) {
            ensure!(
                files.contains(&file),
                "{} includes {}, which is not in it",
                source.display(),
                file.display()
            );
        }
    }
    Ok(())
}

/// The files of a package, by their paths in it.
fn files(package: &str) -> Result<BTreeSet<PathBuf>> {
    let output = cargo()
        .args(["package", "--quiet", "--offline", "--allow-dirty", "--list", "--package", package])
        .stdin(Stdio::null())
        .output()
        .context("cannot start cargo")?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cargo package --list: {}", error.trim());
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(PathBuf::from).collect())
}

/// The files that `source` includes, by their paths in the package; one outside of it keeps the `..` that leads there.
fn included(source: &Path, text: &str) -> Vec<PathBuf> {
    let folder = source.parent().unwrap_or(Path::new(""));
    let names = INCLUDES.iter().flat_map(|start| text.split(start).skip(1));
    names.filter_map(|name| Some(normal(&folder.join(name.split_once('"')?.0)))).collect()
}

/// A path without a folder that the next `..` leads out of.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        let leads_out = component == Component::ParentDir && normal.file_name().is_some();
        if leads_out {
            normal.pop();
        } else {
            normal.push(component);
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_for_others_is_whole() {
        check().unwrap();
    }

    /// Packages that the check is there to refuse, because they are for this repository alone.
    #[test]
    fn a_package_that_is_not_for_others_is_refused() {
        let metadata = metadata().unwrap();
        let named = |name| metadata.packages.iter().find(|package| package.name == name).unwrap();
        let error = check_description(named("echo")).unwrap_err().to_string();
        assert!(error.contains("call it letregion-echo"), "{error}");
        let error = check_files(named("request")).unwrap_err().to_string();
        assert_eq!(error, "LICENSE-APACHE is not in it");
        let mut package = named("letregion-udp").clone();
        check_description(&package).unwrap();
        package.keywords = ["a", "b", "c", "d", "e", "f"].map(String::from).to_vec();
        let error = check_description(&package).unwrap_err().to_string();
        assert_eq!(error, "it has 6 keywords; expected 1 to 5");
    }

    #[test]
    fn the_files_that_a_source_includes_are_found() {
        // In two pieces, so that this source itself includes nothing.
        let text = [
            "#![doc = include_",
            "str!(\"../README.md\")]\nconst A: &[u8] = include_",
            "bytes!(\"a\");",
        ];
        let found = |source: &str| included(Path::new(source), &text.concat());
        assert_eq!(found("src/lib.rs"), [Path::new("README.md"), Path::new("src/a")]);
        assert_eq!(found("lib.rs"), [Path::new("../README.md"), Path::new("a")]);
        assert_eq!(normal(Path::new("src/../../../a")), Path::new("../../a"));
    }
}
