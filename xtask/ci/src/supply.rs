//! What the images are made of: which crates, under which licences, with how much unsafe code.
//!
//! `docs/supply-chain.md` says it; it is made by [`update`] and checked by [`check`].

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};
use cargo_metadata::Metadata;
use lab::cargo;

use crate::{
    fetched,
    metadata::{HOST, metadata},
};

mod unsafe_code;

/// The platforms, each with the feature that chooses it. Not every service has each.
const PLATFORMS: [(&str, &str); 3] = [("Linux", "unix"), ("Xen", "xen"), ("KVM", "kvm")];

const INTRODUCTION: &str = "\
# What the images are made of

`cargo xtask dependencies` writes this page, and `cargo xtask test` checks that it is true. `deny.toml` says
which licences, sources and duplicates are allowed, there too for the tests and the tools:
`cargo deny check`. The versions are those of `Cargo.lock`, the images those without the features
`defmt` and `profile`, which are off by default.
";

/// Writes the page.
///
/// # Errors
/// Cargo cannot list the dependencies, or the file cannot be written.
pub fn update() -> Result<()> {
    let path = path();
    fs::write(&path, page()?).with_context(|| format!("cannot write {}", path.display()))
}

/// Checks that the page is up to date, and that unsafe code is only where it may be.
///
/// # Errors
/// The page is not what it would be now, or a crate does not forbid unsafe code and should.
pub fn check() -> Result<()> {
    unsafe_code::check_forbidden()?;
    let path = path();
    let now = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let wanted = page()?;
    let differs = wanted.lines().zip(now.lines()).find(|(wanted, now)| wanted != now);
    if let Some((wanted, now)) = differs {
        bail!(
            "docs/supply-chain.md says\n{now}\nand not\n{wanted}\ncall: cargo xtask dependencies"
        );
    }
    ensure!(
        wanted == now,
        "docs/supply-chain.md has another length; call: cargo xtask dependencies"
    );
    Ok(())
}

/// Checks licences, sources and duplicates with cargo-deny, which is fetched if need be, and the advisories
/// where their database can be fetched.
///
/// # Errors
/// Something is not as `deny.toml` has it, or an advisory is about a crate of ours.
pub fn deny() -> Result<()> {
    if let Err(error) = fetched::CARGO_DENY.ensure() {
        eprintln!("skipped: {error:#}");
        return Ok(());
    }
    let check = |what: &[&str]| -> Result<()> {
        let status = cargo_deny(&["--offline", "check"])?.args(what).status();
        let status = status.context("cannot start cargo")?;
        ensure!(status.success(), "cargo deny: {status}");
        Ok(())
    };
    // Those of features that nobody has built are asked about, too.
    let status = cargo::cargo().args(["fetch", "--locked"]).stdin(Stdio::null()).status();
    let status = status.context("cannot start cargo")?;
    ensure!(status.success(), "cargo fetch: {status}");
    check(&["bans", "licenses", "sources"])?;
    let fetched = cargo_deny(&["fetch", "db"])?.output().context("cannot start cargo")?;
    if !fetched.status.success() {
        let said = String::from_utf8_lossy(&fetched.stderr);
        let why = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no reason given");
        eprintln!("skipped: the advisories: their database cannot be fetched: {why}");
        return Ok(());
    }
    check(&["advisories"])
}

fn cargo_deny(arguments: &[&str]) -> Result<Command> {
    let mut command = cargo::cargo();
    command
        .arg("deny")
        .args(arguments)
        .env("PATH", fetched::search_path()?)
        // Of git, which fetches the database: less than 1,000 bytes a second for ten seconds is no network.
        .envs([("GIT_TERMINAL_PROMPT", "0"), ("GIT_HTTP_LOW_SPEED_LIMIT", "1000")])
        .env("GIT_HTTP_LOW_SPEED_TIME", "10")
        .stdin(Stdio::null());
    Ok(command)
}

fn path() -> PathBuf {
    cargo::root().join("docs/supply-chain.md")
}

fn page() -> Result<String> {
    let mut page = INTRODUCTION.to_owned();
    let metadata = metadata()?;
    for (platform, feature) in PLATFORMS {
        let apps = services(&metadata, feature)?;
        let mut linked: BTreeMap<Package, BTreeSet<&str>> = BTreeMap::new();
        let mut tools = BTreeSet::new();
        for app in &apps {
            let inside = packages(app, feature, "normal,no-proc-macro")?;
            let all = packages(app, feature, "normal,build")?;
            tools.extend(all.into_iter().filter(|package| !inside.contains(package)));
            for package in inside {
                linked.entry(package).or_default().insert(app);
            }
        }
        let (ours, others): (Vec<_>, Vec<_>) = linked.iter().partition(|(package, _)| package.ours);
        writeln!(page, "\n## The images for {platform}\n")?;
        let names: Vec<_> = ours.iter().map(|(package, _)| format!("`{}`", package.name)).collect();
        writeln!(page, "Ours: {}.\n", names.join(", "))?;
        writeln!(page, "| crate | version | licence | in |\n|---|---|---|---|")?;
        for (Package { name, version, licence, .. }, images) in others {
            let images: Vec<_> = images.iter().copied().collect();
            let images = if images == apps { "all".into() } else { images.join(", ") };
            writeln!(page, "| `{name}` | {version} | {licence} | {images} |")?;
        }
        let tools: Vec<_> = tools
            .iter()
            .filter(|package| !package.ours && !linked.contains_key(package))
            .map(|Package { name, version, .. }| format!("`{name}` {version}"))
            .collect();
        writeln!(page, "\nRun by the compiler, and not in the image: {}.", tools.join(", "))?;
    }
    page += &unsafe_code::section()?;
    Ok(page)
}

/// The services that are images for the platform which this feature chooses.
fn services(metadata: &Metadata, feature: &str) -> Result<Vec<String>> {
    let mut apps = cargo::apps()?;
    apps.retain(|app| {
        let mut packages = metadata.packages.iter();
        packages.any(|package| package.name == *app && package.features.contains_key(feature))
    });
    ensure!(!apps.is_empty(), "no service has the feature {feature}");
    Ok(apps)
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Package {
    name: String,
    version: String,
    licence: String,
    ours: bool,
}

/// What a service is made of on a platform, by `cargo tree`.
fn packages(app: &str, feature: &str, edges: &str) -> Result<BTreeSet<Package>> {
    let output = cargo::cargo()
        .args(["tree", "--locked", "--prefix", "none", "--no-dedupe", "--format", "{p}\t{l}"])
        .args(["--package", app, "--no-default-features", "--features", feature])
        .args(["--edges", edges, "--target", HOST])
        .stdin(Stdio::null())
        .output()
        .context("cannot start cargo")?;
    let (text, error) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "cargo tree of {app}: {}", error.trim());
    text.lines().map(package).collect()
}

/// `name v1.2.3 (more)`, a tabulator, the licence; of ours, the folder is what is in brackets.
fn package(line: &str) -> Result<Package> {
    let parts = line.split_once('\t').and_then(|(package, licence)| {
        let (name, rest) = package.split_once(" v")?;
        let (version, more) = rest.split_once(' ').unwrap_or((rest, ""));
        Some(Package {
            name: name.into(),
            version: version.into(),
            licence: licence.into(),
            ours: more.starts_with("(/"),
        })
    });
    parts.with_context(|| format!("cargo tree says {line:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_tree_is_a_package() {
        let other = package("serde v1.0.2 (proc-macro)\tMIT OR Apache-2.0").unwrap();
        let all = (&other.name[..], &other.version[..], &other.licence[..], other.ours);
        assert_eq!(all, ("serde", "1.0.2", "MIT OR Apache-2.0", false));
        assert!(package("arp v0.1.0 (/somewhere/arp)\tMIT").unwrap().ours);
        assert!(package("error").is_err());
    }

    #[test]
    fn the_page_is_up_to_date() {
        check().unwrap();
    }

    #[test]
    fn the_platforms_are_told_apart() {
        let of = |feature| packages("echo", feature, "normal,no-proc-macro").unwrap();
        let has = |feature, name: &str| of(feature).iter().any(|package| package.name == name);
        assert!(has("unix", "rustix") && !has("xen", "rustix"));
        assert!(has("xen", "pvh") && !has("unix", "pvh"));
        assert!(has("kvm", "virtio-drivers") && !has("xen", "virtio-drivers"));
    }
}
