//! How a service is built: what its package need not say itself.
//!
//! A package has no build script, no linker script and no profile for this. The scripts are in the packages of the
//! platforms, whose build scripts put their folders into the linker's search path.

use std::{
    env,
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, bail};

use super::{
    MESSAGES, cargo_in, keep, programs_at,
    service::{FACADE, Service},
};

/// Where a service runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// As a Linux process.
    Unix,
    /// As a guest of Xen.
    Xen,
    /// As a guest of KVM.
    Kvm,
    /// As a guest of Xen or of KVM: one image, which looks where it is.
    Guest,
}

/// What makes a guest of a service.
#[derive(Clone, Copy, Debug)]
struct Guest {
    /// What is typed, and the folder below `target`.
    name: &'static str,
    /// The features of the service.
    features: &'static [&'static str],
    /// The script of the linker.
    script: &'static str,
}

/// Its name, as it is typed.
impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.guest().map_or("unix", |guest| guest.name))
    }
}

impl Platform {
    /// What makes a guest of a service; `None` for a process.
    fn guest(self) -> Option<Guest> {
        let guest = |name, features, script| Some(Guest { name, features, script });
        match self {
            Self::Unix => None,
            Self::Xen => guest("xen", &["xen"], "-Tletregion-xen.ld"),
            Self::Kvm => guest("kvm", &["kvm"], "-Tletregion-kvm.ld"),
            // All hosts give the memory that the loaders of KVM give.
            Self::Guest => guest("guest", &["kvm", "xen"], "-Tletregion-kvm.ld"),
        }
    }
}

/// How the compiler optimises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Cargo's profile `dev`: built in seconds.
    Dev,
    /// Cargo's profile `release`: what is measured and installed.
    Release,
    /// A profile of the tool's own, for guests, whose memory is small: for size, and for speed where that takes little.
    Guest,
}

/// The feature of a service with its log.
const LOG: &str = "log";

/// How a guest is linked: no C library, no code of the compiler's before main, everything where the script says, and
/// no padding in the file.
const GUEST: [&str; 6] = [
    "-nostdlib",
    "-nostartfiles",
    "-static",
    "-no-pie",
    "-Wl,-z,max-page-size=16",
    "-Wl,--icf=all",
];
/// Where the code of a guest is, is known when it is compiled: one that could be anywhere is larger.
const GUEST_CODE: &str = "-Crelocation-model=static";
/// How a Linux process with a log is linked: the texts have the addresses from 1 on, and nothing is moved.
const LOGGING: [&str; 2] = ["-no-pie", "-Tletregion-log.ld"];

/// The profile of guests. Sums over all that is sent and received are in `letregion-network`, and take less than half
/// of the instructions if they are optimised for speed.
const PROFILE: [&str; 7] = [
    r#"profile.guest.inherits="release""#,
    r#"profile.guest.panic="abort""#,
    r#"profile.guest.lto="fat""#,
    "profile.guest.codegen-units=1",
    r#"profile.guest.debug="line-tables-only""#,
    r#"profile.guest.opt-level="z""#,
    "profile.guest.package.letregion-network.opt-level=3",
];
/// The flags of all crates of a guest: nothing of a Linux process is in it; and of the permutation that it draws random
/// numbers with, there is one round in a loop, not twelve in a row.
const GUEST_FLAGS: [&str; 4] =
    ["--cfg", "letregion_guest", "--cfg", r#"ascon_backend="soft-compact""#];
/// What stands between two flags.
const SEPARATOR: &str = "\x1f";
/// The log level that defmt keeps when it compiles; which layers speak is chosen at run time.
const LOG_LEVEL: &str = r#"env.DEFMT_LOG="info""#;

/// What is built of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Build<'a> {
    /// For where.
    pub platform: Platform,
    /// How.
    pub profile: Profile,
    /// With these features: of its own, or else of `letregion`.
    pub features: &'a [&'a str],
}

impl Build<'_> {
    /// Without features.
    pub const fn new(platform: Platform, profile: Profile) -> Self {
        Self { platform, profile, features: &[] }
    }
}

/// The flags of all crates of a guest, behind those that the environment has, as cargo reads them there. Those of
/// cargo's settings are for Linux: another linker, say.
fn guest_flags() -> OsString {
    let mut flags = env::var_os("CARGO_ENCODED_RUSTFLAGS").unwrap_or_else(|| {
        let flags = env::var("RUSTFLAGS").unwrap_or_default();
        flags.split_whitespace().collect::<Vec<_>>().join(SEPARATOR).into()
    });
    for flag in GUEST_FLAGS {
        if !flags.is_empty() {
            flags.push(SEPARATOR);
        }
        flags.push(flag);
    }
    flags
}

impl Service {
    /// Builds it and returns its program. Cargo's progress goes to standard error.
    ///
    /// # Errors
    /// Cargo cannot be started, it does not build, or it cannot be built for this platform or with these features.
    pub fn build(&self, build: &Build<'_>) -> Result<PathBuf> {
        self.build_at(build, |program| Ok(program.to_owned()))
    }

    /// Builds it and returns its program, under a name that says the features. It stays as it is, whatever is built next, or beside it:
    /// cargo puts what it builds with other features in the same place.
    ///
    /// # Errors
    /// Those of [`build`](Self::build); there is no room beside the program.
    pub fn build_kept(&self, build: &Build<'_>) -> Result<PathBuf> {
        self.build_at(build, |program| keep(program, build.features))
    }

    fn build_at(
        &self,
        build: &Build<'_>,
        place: impl Fn(&Path) -> Result<PathBuf>,
    ) -> Result<PathBuf> {
        let mut command = cargo_in(&self.folder);
        command.args(["rustc", MESSAGES, "--package", &self.name, "--bin", &self.program]);
        let mut settings = Vec::new();
        match build.profile {
            Profile::Dev => {}
            Profile::Release => {
                command.arg("--release");
            }
            Profile::Guest => {
                command.args(["--profile", "guest"]);
                settings.extend(PROFILE.map(str::to_owned));
                settings.extend(self.speed()?);
            }
        }
        let mut features = build.features.to_vec();
        let mut link = Vec::new();
        let guest = build.platform.guest();
        if let Some(guest) = guest {
            // Where a package has several platforms by features of its own, another one is its default.
            if guest.features.iter().all(|feature| self.has(feature)) {
                command.arg("--no-default-features");
            }
            features.extend(guest.features);
            command.env("CARGO_ENCODED_RUSTFLAGS", guest_flags());
            link.extend(GUEST);
            link.push(guest.script);
            // Apart from the Linux programs: other flags for all crates.
            command.arg("--target-dir").arg(self.target.join(guest.name).join("build"));
        }
        if features.contains(&LOG) {
            settings.push(LOG_LEVEL.into());
            if build.platform == Platform::Unix {
                link.extend(LOGGING);
            }
        }
        for feature in features {
            command.arg("--features").arg(self.feature(feature)?);
        }
        for setting in &settings {
            command.args(["--config", setting]);
        }
        if !link.is_empty() {
            command.arg("--").args(link.iter().map(|argument| format!("-Clink-arg={argument}")));
        }
        if guest.is_some() {
            command.arg(GUEST_CODE);
        }
        let found = programs_at(&mut command, place)?.remove(&self.program);
        found.with_context(|| format!("{} has no program {}", self.name, self.program))
    }

    fn has(&self, feature: &str) -> bool {
        self.features.iter().any(|own| own == feature)
    }

    /// What cargo calls this feature of the package, or of `letregion`.
    fn feature(&self, name: &str) -> Result<String> {
        if self.has(name) {
            return Ok(name.into());
        }
        match &self.facade {
            Some(facade) => Ok(format!("{facade}/{name}")),
            None => bail!(
                "{} has no feature {name}, and does not depend on {FACADE}, which has it",
                self.name
            ),
        }
    }

    /// What `[package.metadata.letregion]` asks for: code that computes loses in time what it saves in size, up to
    /// three times as much.
    fn speed(&self) -> Result<Vec<String>> {
        let settings = self.optimize.iter().filter_map(|(package, how)| match &**how {
            "size" => None,
            "speed" => Some(Ok(format!("profile.guest.package.{package}.opt-level=3"))),
            other => Some(Err(anyhow!(
                "optimize = \"{other}\" in [package.metadata.letregion] of {package}: \"size\" or \"speed\" was expected"
            ))),
        });
        settings.collect()
    }
}
