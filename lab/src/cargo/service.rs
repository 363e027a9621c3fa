//! The packages of a workspace that are services.

use std::{
    collections::BTreeSet,
    env,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use strsim::damerau_levenshtein;

use super::{cargo_in, root};

/// The package that a service depends on, if it is not put together from single crates.
pub const FACADE: &str = "letregion";
/// The packages of platforms, one of which a service depends on if it is put together from single crates.
const PLATFORMS: [&str; 4] =
    ["letregion-rt-unix", "letregion-rt-guest", "letregion-rt-kvm", "letregion-rt-xen"];
/// How much a name may differ from one that exists for that one to be meant: letters that are wrong, missing, too many
/// or exchanged.
const MOST_SLIPS: usize = 2;

/// A workspace, as cargo sees it.
#[derive(Debug)]
pub struct Workspace {
    /// The folder that was asked for.
    folder: PathBuf,
    target: PathBuf,
    packages: Vec<Service>,
}

/// The memory of a guest that asks for none, in MiB.
const GUEST_MEMORY: u32 = 2;

/// A package with a program that may be a service.
#[derive(Clone, Debug)]
pub struct Service {
    pub(super) name: String,
    /// The name of the program.
    pub(super) program: String,
    /// Where the manifest is.
    pub(super) folder: PathBuf,
    pub(super) target: PathBuf,
    /// The features of its own.
    pub(super) features: Vec<String>,
    /// What it calls [`FACADE`], if it depends on it.
    pub(super) facade: Option<String>,
    /// What `[package.metadata.letregion]` has under `optimize`, with the name of the package: of its own, and of those of
    /// the workspace that it depends on.
    pub(super) optimize: Vec<(String, String)>,
    /// What it has there under `memory`.
    memory: Value,
    is_service: bool,
}

impl Workspace {
    /// That of this repository.
    ///
    /// # Errors
    /// Cargo cannot read it: the folder is gone, say.
    pub fn of_repository() -> Result<Self> {
        ensure!(
            root().join("Cargo.toml").is_file(),
            "the folder that this tool was built from is gone: {}; install it again from where it is now",
            root().display()
        );
        Self::at(root())
    }

    /// That of the folder where this process is.
    ///
    /// # Errors
    /// There is none, or cargo cannot read it.
    pub fn here() -> Result<Self> {
        Self::at(&env::current_dir().context("the current folder is gone")?)
    }

    /// That of this folder.
    ///
    /// # Errors
    /// There is none, or cargo cannot read it.
    pub fn at(folder: &Path) -> Result<Self> {
        let mut command = cargo_in(folder);
        command.args(["metadata", "--no-deps", "--format-version=1"]).stdin(Stdio::null());
        let output = command.output().context("cannot start cargo")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{}", said.trim().trim_start_matches("error: "));
        let metadata: Value =
            serde_json::from_slice(&output.stdout).context("cannot read cargo")?;
        let target =
            metadata["target_directory"].as_str().context("cargo names no target folder")?;
        let packages = metadata["packages"].as_array().context("cargo names no packages")?;
        let mut packages: Vec<_> = packages
            .iter()
            .filter_map(|package| Service::read(package, packages, target.as_ref()))
            .collect();
        packages.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        // As cargo spells it: without links.
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        Ok(Self { folder, target: target.into(), packages })
    }

    /// The folder that cargo builds into.
    pub fn target_folder(&self) -> &Path {
        &self.target
    }

    /// The names of its services, in alphabetical order: of the packages with a program that depend on `letregion`, or on
    /// the crate of a platform.
    pub fn services(&self) -> Vec<&str> {
        self.packages.iter().filter(|one| one.is_service).map(|one| &*one.name).collect()
    }

    /// The service of this name, or, without a name, that of the folder one stands in, or the only one that there is.
    ///
    /// # Errors
    /// There is none of this name, or it is not clear which one is meant: with the names of those that there are.
    pub fn service(&self, name: Option<&str>) -> Result<&Service> {
        let services = || self.packages.iter().filter(|one| one.is_service);
        if let Some(name) = name {
            return services().find(|one| one.name == name).with_context(|| self.unknown(name));
        }
        let here = services()
            .filter(|one| self.folder.starts_with(&one.folder))
            .max_by_key(|one| one.folder.components().count());
        let mut all = services();
        match (here, all.next(), all.next()) {
            (Some(here), ..) | (None, Some(here), None) => Ok(here),
            (None, None, _) => bail!(self.none()),
            (None, Some(_), Some(_)) => {
                bail!("say which service; there are: {}", self.services().join(", "))
            }
        }
    }

    /// The package of this name, which has a program.
    ///
    /// # Errors
    /// There is none.
    pub fn package(&self, name: &str) -> Result<&Service> {
        let found = self.packages.iter().find(|one| one.name == name);
        found.with_context(|| format!("there is no package {name} with a program"))
    }

    fn none(&self) -> String {
        format!(
            "there is no service in {}: no package with a program that depends on {FACADE}",
            self.folder.display()
        )
    }

    /// What to say of a name that no service has.
    fn unknown(&self, name: &str) -> String {
        let services = self.services();
        if services.is_empty() {
            return self.none();
        }
        let meant = meant(name, &services)
            .map_or_else(String::new, |meant| format!("; did you mean {meant}?"));
        format!("there is no service {name}{meant} (there are: {})", services.join(", "))
    }
}

/// Which of the names that exist is the closest to one that does not, if any is close.
fn meant<'a>(name: &str, names: &[&'a str]) -> Option<&'a str> {
    let slips = |known: &str| damerau_levenshtein(name, known);
    let near = names.iter().map(|known| (slips(known), *known)).min()?;
    (near.0 <= MOST_SLIPS && near.0 < near.1.chars().count()).then_some(near.1)
}

/// What this package and those of its workspace that it depends on ask for under `optimize`, with their names.
fn optimize(package: &Value, all: &[Value]) -> Vec<(String, String)> {
    let (mut seen, mut to_visit) = (BTreeSet::new(), vec![package]);
    let mut asked = Vec::new();
    while let Some(package) = to_visit.pop() {
        let Some(name) = package["name"].as_str().filter(|name| seen.insert(*name)) else {
            continue;
        };
        if let Some(how) = package["metadata"]["letregion"]["optimize"].as_str() {
            asked.push((name.to_owned(), how.to_owned()));
        }
        let needed = package["dependencies"].as_array().into_iter().flatten();
        let needed = needed.filter(|dependency| dependency["kind"].is_null());
        to_visit.extend(
            needed.filter_map(|needed| all.iter().find(|one| one["name"] == needed["name"])),
        );
    }
    asked
}

impl Service {
    /// Reads what cargo says of a package, one of `all` in its workspace; none if it has no program, or more than one and
    /// none of its name.
    fn read(package: &Value, all: &[Value], target: &Path) -> Option<Self> {
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let name = text(&package["name"])?;
        let programs: Vec<Value> = list(&package["targets"])
            .into_iter()
            .filter(|target| target["kind"][0].as_str() == Some("bin"))
            .collect();
        let program = match programs.as_slice() {
            [only] => only,
            several => several.iter().find(|one| one["name"].as_str() == Some(&name))?,
        };
        let dependencies: Vec<Value> = list(&package["dependencies"])
            .into_iter()
            .filter(|dependency| dependency["kind"].is_null())
            .collect();
        let depends = |on: &str| {
            let found = dependencies.iter().find(|one| one["name"].as_str() == Some(on))?;
            text(&found["rename"]).or_else(|| text(&found["name"]))
        };
        let facade = depends(FACADE);
        let is_complete = list(&program["required-features"]).is_empty();
        let on_a_platform = PLATFORMS.iter().any(|platform| depends(platform).is_some());
        Some(Self {
            program: text(&program["name"])?,
            folder: Path::new(package["manifest_path"].as_str()?).parent()?.to_owned(),
            target: target.to_owned(),
            features: package["features"].as_object()?.keys().cloned().collect(),
            is_service: is_complete && (facade.is_some() || on_a_platform),
            facade,
            optimize: optimize(package, all),
            memory: package["metadata"]["letregion"]["memory"].clone(),
            name,
        })
    }

    /// The name of its package.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The memory that it takes as a guest, in MiB: `memory` in `[package.metadata.letregion]`, or 2.
    ///
    /// # Errors
    /// That is no whole number, or 0.
    pub fn memory(&self) -> Result<u32> {
        if self.memory.is_null() {
            return Ok(GUEST_MEMORY);
        }
        let number = self.memory.as_u64().and_then(|number| u32::try_from(number).ok());
        number.filter(|number| *number > 0).with_context(|| {
            format!(
                "memory = {} in [package.metadata.letregion] of {}: a whole number of MiB, 1 or more, was expected",
                self.memory, self.name
            )
        })
    }

    /// The folder of its manifest.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder that cargo builds it into.
    pub fn target_folder(&self) -> &Path {
        &self.target
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(result: Result<&Service>) -> String {
        result.map_or_else(|error| error.to_string(), |service| panic!("found {}", service.name()))
    }

    #[test]
    fn a_service_is_known_by_its_name_and_by_its_folder() {
        let workspace = Workspace::of_repository().unwrap();
        assert_eq!(workspace.service(Some("sort")).unwrap().folder(), root().join("apps/sort"));
        let inside = Workspace::at(&root().join("apps/echo/src")).unwrap();
        assert_eq!(inside.service(None).unwrap().name(), "echo");
        assert_eq!(inside.service(Some("sort")).unwrap().name(), "sort");
        let all = error(workspace.service(None));
        assert!(all.contains("say which service") && all.contains("monte-carlo, sort"), "{all}");
    }

    #[test]
    fn a_service_is_optimised_with_what_it_computes_with() {
        let workspace = Workspace::of_repository().unwrap();
        for (service, asked) in [("echo", &[][..]), ("sort", &["sort"]), ("facfib", &["natural"])] {
            let optimize = &workspace.service(Some(service)).unwrap().optimize;
            let expected: Vec<_> =
                asked.iter().map(|name| ((*name).to_owned(), "speed".to_owned())).collect();
            assert_eq!(*optimize, expected, "{service}");
        }
    }

    #[test]
    fn a_guest_has_the_memory_that_its_service_asks_for() {
        let workspace = Workspace::of_repository().unwrap();
        let service = |name| workspace.service(Some(name)).unwrap();
        assert_eq!(service("echo").memory().unwrap(), 2);
        assert_eq!(service("web").memory().unwrap(), 4);
        for (value, said) in
            [("0", "memory = 0"), ("\"4M\"", "memory = \"4M\""), ("1.5", "memory = 1.5")]
        {
            let memory = serde_json::from_str(value).unwrap();
            let error =
                Service { memory, ..service("web").clone() }.memory().unwrap_err().to_string();
            assert!(
                error.starts_with(said) && error.contains("of web: a whole number of MiB"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_slip_is_understood() {
        let workspace = Workspace::of_repository().unwrap();
        let sotr = error(workspace.service(Some("sotr")));
        assert!(
            sotr.contains("there is no service sotr; did you mean sort? (there are: "),
            "{sotr}"
        );
        let other = error(workspace.service(Some("no-such-service")));
        assert!(!other.contains("mean") && other.contains("echo, facfib"), "{other}");
        assert_eq!(meant("ecko", &["echo", "sort"]), Some("echo"));
        assert_eq!(meant("", &["a"]), None);
    }

    #[test]
    fn a_folder_without_a_package_is_said_to_be_one() {
        let here = Workspace::at(Path::new("/")).unwrap_err().to_string();
        assert!(here.contains("Cargo.toml"), "{here}");
    }
}
