//! What holds for the tower as a whole: who may depend on whom, and that nobody allocates.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, Result, bail, ensure};
use cargo_metadata::{DependencyKind, Metadata, Package, camino::Utf8Path};

use lab::cargo;

use crate::metadata::{is_public, metadata};

/// The crates of the tower, which need neither `std` nor an allocator, by their folders, and which of ours each may depend
/// on, directly or not: a protocol names no platform, a platform names no protocol. What its tests need is not counted.
const TOWER: [(&str, &[&str]); 35] = [
    ("rt-regions", &[]),
    ("layer", &["rt-regions"]),
    ("tasks", &["layer", "rt-regions"]),
    ("cores", &["layer", "rt-regions"]),
    ("messages", &["cores", "layer", "rt-regions", "tasks"]),
    ("netif", &["layer", "rt-regions"]),
    ("network", &["layer", "rt-regions"]),
    ("ethernet", &["layer", "netif", "rt-regions"]),
    ("steer", &["cores", "layer", "netif", "rt-regions"]),
    ("hub", &["cores", "ethernet", "layer", "netif", "rt-regions"]),
    ("share", &["cores", "layer", "network", "rt-regions"]),
    ("arp", &["ethernet", "layer", "netif", "rt-regions"]),
    ("ipv4", &["ethernet", "layer", "netif", "network", "rt-regions"]),
    ("icmp", &["layer", "network", "rt-regions"]),
    ("ipv6", &["ethernet", "layer", "netif", "network", "rt-regions"]),
    ("ndp", &["ethernet", "ipv6", "layer", "netif", "network", "rt-regions"]),
    ("icmpv6", &["layer", "network", "rt-regions"]),
    ("ip", &["ethernet", "ipv4", "ipv6", "layer", "netif", "network", "rt-regions"]),
    ("udp", &["layer", "network", "rt-regions", "tasks"]),
    (
        "dhcp",
        &["cores", "ethernet", "ipv4", "layer", "netif", "network", "rt-regions", "tasks", "udp"],
    ),
    ("tcp", &["layer", "network", "rt-regions", "tasks"]),
    ("dns", &["layer", "network", "rt-regions", "tasks", "tcp", "udp"]),
    ("sntp", &["layer", "network", "rt-regions", "tasks", "udp"]),
    ("http", &["layer", "network", "rt-regions", "tasks", "tcp"]),
    ("rt", &["cores", "layer", "netif", "rt-regions", "tasks"]),
    (
        "internet",
        &[
            "arp",
            "cores",
            "dhcp",
            "ethernet",
            "hub",
            "icmp",
            "icmpv6",
            "ip",
            "ipv4",
            "ipv6",
            "layer",
            "ndp",
            "netif",
            "network",
            "rt",
            "rt-regions",
            "share",
            "tasks",
            "udp",
        ],
    ),
    ("page", &["cores", "http", "layer", "netif", "network", "rt", "rt-regions", "tasks", "tcp"]),
    ("netif-tap", &["cores", "layer", "netif", "network", "rt", "rt-regions", "tasks"]),
    ("rt-pvh", &["cores", "layer", "netif", "rt", "rt-regions", "tasks"]),
    ("rt-kvm", &["cores", "layer", "netif", "rt", "rt-pvh", "rt-regions", "tasks"]),
    ("rt-xen", &["cores", "layer", "netif", "rt", "rt-pvh", "rt-regions", "tasks"]),
    ("netif-xen", &["cores", "layer", "netif", "rt", "rt-pvh", "rt-regions", "rt-xen", "tasks"]),
    ("netif-virtio", &["cores", "layer", "netif", "rt", "rt-kvm", "rt-pvh", "rt-regions", "tasks"]),
    (
        "rt-guest",
        &["cores", "layer", "netif", "rt", "rt-kvm", "rt-pvh", "rt-regions", "rt-xen", "tasks"],
    ),
    (
        "netif-guest",
        &[
            "cores",
            "layer",
            "netif",
            "netif-virtio",
            "netif-xen",
            "rt",
            "rt-guest",
            "rt-kvm",
            "rt-pvh",
            "rt-regions",
            "rt-xen",
            "steer",
            "tasks",
        ],
    ),
];

/// The crates for others that stand on an operating system, or may, and which of ours each may depend on.
const HOSTED: [(&str, &[&str]); 4] = [
    ("cargo-letregion/stats", &[]),
    ("rt-unix", &["cores", "layer", "netif", "rt", "rt-regions", "tasks"]),
    ("testkit", &["layer", "netif", "network", "rt-regions", "tasks"]),
    (
        "letregion",
        &[
            "arp",
            "cores",
            "dhcp",
            "dns",
            "ethernet",
            "http",
            "hub",
            "icmp",
            "icmpv6",
            "internet",
            "ip",
            "ipv4",
            "ipv6",
            "layer",
            "messages",
            "ndp",
            "netif",
            "netif-guest",
            "netif-tap",
            "netif-virtio",
            "netif-xen",
            "network",
            "page",
            "rt",
            "rt-guest",
            "rt-kvm",
            "rt-pvh",
            "rt-regions",
            "rt-unix",
            "rt-xen",
            "share",
            "sntp",
            "steer",
            "tasks",
            "tcp",
            "udp",
        ],
    ),
];

/// The crates that may depend on any other. They are not published, and no crate that is may depend on them.
const NOT_PUBLISHED: [&str; 31] = [
    "apps/dns",
    "apps/echo",
    "apps/facfib",
    "apps/iperf3",
    "apps/kv",
    "apps/monte-carlo",
    "apps/natural",
    "apps/request",
    "apps/sort",
    "apps/web",
    "bench",
    "bench/tool",
    "cargo-letregion",
    "cargo-letregion/chart",
    "cargo-letregion/image",
    "cargo-letregion/profile",
    "lab",
    "lab/dom0",
    "lab/log",
    "lab/places",
    "lab/soak",
    "rt-regions/bench",
    "tests",
    "tests/bare",
    "tests/guest",
    "tests/transfer",
    "tests/transfer/service",
    "xtask",
    "xtask/ci",
    "xtask/size",
    "xtask/soak",
];

/// What the check looks at in a crate.
struct Crate {
    /// The crates of ours that it depends on, by their folders, those of its tests left out.
    dependencies: Vec<String>,
    /// Whether it may be published.
    is_public: bool,
}

/// Checks that every crate of the workspace has a row, and keeps to what its row lets it know.
///
/// # Errors
/// A crate depends on one that it must not know, has no row, or has one that does not fit; or there is no crate for
/// a row.
pub fn check_dependencies() -> Result<()> {
    check(&crates(&metadata()?)?)
}

fn check(crates: &BTreeMap<String, Crate>) -> Result<()> {
    let rows = || TOWER.into_iter().chain(HOSTED);
    for (folder, one) in crates {
        let apart = NOT_PUBLISHED.contains(&folder.as_str());
        ensure!(
            apart || rows().any(|(name, _)| name == folder),
            "{folder} has no row: say in xtask/ci/src/tower.rs which crates it may depend on"
        );
        ensure!(!apart || !one.is_public, "{folder} is published, and may depend on anything");
    }
    for (name, allowed) in rows() {
        let mut known = BTreeSet::new();
        let mut to_visit = vec![name];
        while let Some(of) = to_visit.pop() {
            let direct = crates.get(of).with_context(|| format!("there is no crate {of}"))?;
            let direct = direct.dependencies.iter().map(String::as_str);
            to_visit.extend(direct.filter(|one| known.insert(*one)));
        }
        known.retain(|one| !allowed.contains(one));
        ensure!(known.is_empty(), "{name} must not depend on {known:?}");
    }
    Ok(())
}

/// The crates of the workspace, by their folders: a folder stays what it is, whatever a package is called.
fn crates(metadata: &Metadata) -> Result<BTreeMap<String, Crate>> {
    let folder = |path: &Utf8Path| {
        let inside = path.strip_prefix(&metadata.workspace_root);
        inside.map(|path| path.to_string()).with_context(|| format!("{path} is no crate of ours"))
    };
    let described = metadata.packages.iter().map(|package| {
        let ours =
            package.dependencies.iter().filter(|one| one.kind != DependencyKind::Development);
        let dependencies: Result<_> =
            ours.filter_map(|one| one.path.as_deref().map(folder)).collect();
        let is_public = is_public(package);
        let manifest = package.manifest_path.parent().context("a manifest lies in a folder")?;
        Ok((folder(manifest)?, Crate { dependencies: dependencies?, is_public }))
    });
    described.collect()
}

/// The packages of the tower, with their folders from the root of the workspace.
fn packages(metadata: &Metadata) -> impl Iterator<Item = (&str, &Package)> {
    TOWER.into_iter().filter_map(|(folder, _)| {
        let manifest = metadata.workspace_root.join(folder).join("Cargo.toml");
        let package = metadata.packages.iter().find(|package| package.manifest_path == manifest);
        Some((folder, package?))
    })
}

/// The packages of the tower that have this feature.
///
/// # Errors
/// Cargo cannot read the workspace.
pub fn with_feature(feature: &str) -> Result<Vec<String>> {
    let metadata = metadata()?;
    let have = packages(&metadata).filter(|(_, package)| package.features.contains_key(feature));
    Ok(have.map(|(_, package)| package.name.to_string()).collect())
}

/// Builds a program of the whole tower that has neither `std` nor an allocator: the compiler refuses
/// it if any crate in it needs one of them.
///
/// # Errors
/// A crate of the tower needs `std` or `alloc`, or does not build.
pub fn check_no_alloc() -> Result<()> {
    let metadata = metadata()?;
    let crates: Vec<_> = packages(&metadata)
        .map(|(folder, package)| {
            (package.name.as_str(), library(package), cargo::root().join(folder))
        })
        .collect();
    let folder = metadata.target_directory.join("no-alloc");
    build_without_alloc(folder.as_std_path(), &crates)
}

/// What a program calls the library of this package.
fn library(package: &Package) -> &str {
    let target = package.targets.iter().find(|target| target.is_lib());
    target.map_or(package.name.as_str(), |target| &target.name)
}

/// Builds, in `folder`, a static library of these crates: the package, its library and its folder. A library and not an executable, because
/// the compiler looks for an allocator in both and only the latter has to be linked.
fn build_without_alloc(folder: &Path, crates: &[(&str, &str, PathBuf)]) -> Result<()> {
    let mut manifest = "[package]\nname = \"no-alloc\"\nedition = \"2024\"\n\n\
                        [lib]\ncrate-type = [\"staticlib\"]\n\n\
                        [profile.dev]\npanic = \"abort\"\n\n\
                        [workspace]\n\n[dependencies]\n"
        .to_owned();
    let mut source = "#![no_std]\n\n".to_owned();
    for (package, library, path) in crates {
        // Debug writes a path as TOML wants it: in quotes, with what is special escaped.
        writeln!(manifest, "{package} = {{ path = {path:?} }}")?;
        writeln!(source, "use {} as _;", library.replace('-', "_"))?;
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

    /// The workspace with `folder` made to be a crate that depends on `dependencies`; what the check says of it.
    fn with(folder: &str, dependencies: &[&str], is_public: bool) -> String {
        let mut crates = crates(&metadata().unwrap()).unwrap();
        let dependencies = dependencies.iter().map(|&name| name.into()).collect();
        crates.insert(folder.into(), Crate { dependencies, is_public });
        check(&crates).map_or_else(|error| error.to_string(), |()| "fine".into())
    }

    #[test]
    fn a_crate_without_a_row_and_one_that_knows_too_much_are_refused() {
        assert_eq!(with("tests", &["testkit", "rt-xen"], false), "fine");
        assert_eq!(with("udp", &["network"], true), "fine");
        let unknown = with("sctp", &["network"], true);
        assert!(unknown.starts_with("sctp has no row"), "{unknown}");
        let unknown = with("apps/nameless", &["network"], false);
        assert!(unknown.starts_with("apps/nameless has no row"), "{unknown}");
        assert_eq!(with("lab", &[], true), "lab is published, and may depend on anything");
        let testkit = with("layer", &["testkit"], true);
        assert!(testkit.contains("must not depend on") && testkit.contains("testkit"), "{testkit}");
        assert_eq!(
            with("rt-xen", &["rt", "arp"], true),
            "rt-xen must not depend on {\"arp\", \"ethernet\"}"
        );
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
            build_without_alloc(&folder, &[("suspect", "suspect", suspect)])
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
