//! What holds for the tower as a whole: who may depend on whom, and that nobody allocates.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::Path,
    process::Stdio,
};

use anyhow::{Context, Result, bail, ensure};
use cargo_metadata::{DependencyKind, Metadata};

use lab::cargo;

use crate::metadata::metadata;

/// The crates of the tower, which need neither `std` nor an allocator, and which of ours each may depend on, directly or
/// not: a protocol names no platform, a platform names no protocol.
pub const TOWER: [(&str, &[&str]); 13] = [
    ("rt-regions", &[]),
    ("layer", &["rt-regions"]),
    ("netif", &["layer", "rt-regions"]),
    ("network", &["layer", "netif", "rt-regions"]),
    ("ethernet", &["layer", "netif", "rt-regions"]),
    ("arp", &["ethernet", "layer", "netif", "network", "rt-regions"]),
    ("ipv4", &["arp", "ethernet", "layer", "netif", "network", "rt-regions"]),
    ("icmp", &["layer", "netif", "network", "rt-regions"]),
    ("udp", &["layer", "netif", "network", "rt-regions"]),
    ("rt", &["layer", "netif", "network", "rt-regions"]),
    ("netif-tap", &["layer", "netif", "network", "rt", "rt-regions"]),
    ("rt-xen", &["layer", "netif", "rt", "network", "rt-regions"]),
    ("netif-xen", &["layer", "netif", "network", "rt", "rt-regions", "rt-xen"]),
];

/// Platforms that stand on an operating system, and which of ours each may depend on.
const HOSTED: [(&str, &[&str]); 1] =
    [("rt-unix", &["layer", "netif", "network", "rt", "rt-regions"])];

/// Checks that every crate of the tower, the platforms among them, keeps to what it may know.
///
/// # Errors
/// A crate depends on one that it must not know, or there is no such crate.
pub fn check_dependencies() -> Result<()> {
    let metadata = metadata()?;
    let ours = dependencies(&metadata);
    for (name, allowed) in TOWER.into_iter().chain(HOSTED) {
        let mut known = BTreeSet::new();
        let mut to_visit = vec![name];
        while let Some(of) = to_visit.pop() {
            let direct = ours.get(of).with_context(|| format!("there is no crate {of}"))?;
            to_visit.extend(direct.iter().copied().filter(|one| known.insert(*one)));
        }
        known.retain(|one| !allowed.contains(one));
        ensure!(known.is_empty(), "{name} must not depend on {known:?}");
    }
    Ok(())
}

/// The crates of ours that each of our crates names, those of its tests left out.
fn dependencies(metadata: &Metadata) -> BTreeMap<&str, Vec<&str>> {
    metadata
        .packages
        .iter()
        .map(|package| {
            let ours = package
                .dependencies
                .iter()
                .filter(|one| one.path.is_some() && one.kind == DependencyKind::Normal)
                .map(|one| one.name.as_str())
                .collect();
            (package.name.as_str(), ours)
        })
        .collect()
}

/// The crates of the tower that have this feature.
///
/// # Errors
/// Cargo cannot read the workspace.
pub fn with_feature(feature: &str) -> Result<Vec<String>> {
    let metadata = metadata()?;
    let has = |name: &str| {
        let package = metadata.packages.iter().find(|package| package.name == name);
        package.is_some_and(|package| package.features.contains_key(feature))
    };
    Ok(TOWER.into_iter().map(|(name, _)| name).filter(|name| has(name)).map(Into::into).collect())
}

/// Builds a program of the whole tower that has neither `std` nor an allocator: the compiler refuses
/// it if any crate in it needs one of them.
///
/// # Errors
/// A crate of the tower needs `std` or `alloc`, or does not build.
pub fn check_no_alloc() -> Result<()> {
    let crates: Vec<_> =
        TOWER.into_iter().map(|(name, _)| (name, cargo::root().join(name))).collect();
    let crates: Vec<_> = crates.iter().map(|(name, path)| (*name, path.as_path())).collect();
    let folder = metadata()?.target_directory.join("no-alloc");
    build_without_alloc(folder.as_std_path(), &crates)
}

/// Builds, in `folder`, a static library of these crates. A library and not an executable, because
/// the compiler looks for an allocator in both and only the latter has to be linked.
fn build_without_alloc(folder: &Path, crates: &[(&str, &Path)]) -> Result<()> {
    let mut manifest = "[package]\nname = \"no-alloc\"\nedition = \"2024\"\n\n\
                        [lib]\ncrate-type = [\"staticlib\"]\n\n\
                        [profile.dev]\npanic = \"abort\"\n\n\
                        [workspace]\n\n[dependencies]\n"
        .to_owned();
    let mut source = "#![no_std]\n\n".to_owned();
    for (name, path) in crates {
        // Debug writes a path as TOML wants it: in quotes, with what is special escaped.
        writeln!(manifest, "{name} = {{ path = {path:?} }}")?;
        writeln!(source, "use {} as _;", name.replace('-', "_"))?;
    }
    source +=
        "\n#[panic_handler]\nfn panic(_: &core::panic::PanicInfo<'_>) -> ! {\n    loop {}\n}\n";
    fs::create_dir_all(folder.join("src"))?;
    fs::write(folder.join("Cargo.toml"), manifest)?;
    fs::write(folder.join("src/lib.rs"), source)?;
    // The same versions as in the workspace.
    fs::copy(cargo::root().join("Cargo.lock"), folder.join("Cargo.lock"))?;
    let output = cargo::cargo()
        .args(["build", "--quiet", "--manifest-path"])
        .arg(folder.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(folder.join("target"))
        .stdin(Stdio::null())
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crate_depends_only_on_those_it_may_know() {
        check_dependencies().unwrap();
    }

    /// The check is worth something only if it refuses what it is there for.
    #[test]
    fn a_crate_that_allocates_is_refused() {
        let folder = std::env::temp_dir().join(format!("no-alloc-{}", std::process::id()));
        let check = |source: &str| {
            let suspect = folder.join("suspect");
            fs::create_dir_all(suspect.join("src")).unwrap();
            let manifest = "[package]\nname = \"suspect\"\nedition = \"2024\"\n";
            fs::write(suspect.join("Cargo.toml"), manifest).unwrap();
            fs::write(suspect.join("src/lib.rs"), source).unwrap();
            build_without_alloc(&folder, &[("suspect", &suspect)])
                .map_err(|error| error.to_string())
        };
        let innocent = check("#![no_std]\n#[cfg(test)]\nextern crate std;");
        let alloc = check("#![no_std]\nextern crate alloc;");
        let std = check("#![no_std]\nextern crate std;");
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(innocent, Ok(()));
        let alloc = alloc.unwrap_err();
        assert!(alloc.contains("no global memory allocator found"), "{alloc}");
        let std = std.unwrap_err();
        assert!(std.contains("duplicate lang item"), "{std}");
    }
}
