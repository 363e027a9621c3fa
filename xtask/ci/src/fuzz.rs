//! `cargo xtask fuzz`: the targets of the folder `fuzz`, each for a while. The fuzzer's driver is fetched if
//! need be.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};

use lab::{cargo, tools::succeed};

use crate::{fetched, nightly};

/// What to fuzz.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// These targets; all if there are none.
    pub targets: Vec<String>,
    /// For how long, all of them together.
    pub time: Duration,
    /// Add what is found of interest to `fuzz/corpus`, which is in the repository.
    pub keep: bool,
}

/// Whether the fuzzer can run here; its driver is fetched if need be.
///
/// # Errors
/// There is no nightly compiler, or the driver cannot be fetched.
pub fn ready() -> Result<()> {
    nightly::host()?;
    fetched::CARGO_FUZZ.ensure()
}

/// Runs each target, beginning with the seeds, with the corpus, and with what was found of interest before, which
/// is in `target/fuzz/found`.
///
/// # Errors
/// The fuzzer cannot run here; there is no such target; an input was found that fails.
pub fn run(plan: &Plan) -> Result<()> {
    ready()?;
    let folder: PathBuf = cargo::target_folder()?.join("fuzz");
    let output =
        fuzzer()?.arg("list").stdin(Stdio::null()).output().context("cannot start cargo")?;
    let known = String::from_utf8(output.stdout).context("the names of the fuzz targets")?;
    let known: Vec<&str> = known.lines().collect();
    ensure!(!known.is_empty(), "there is no fuzz target");
    for target in &plan.targets {
        ensure!(
            known.contains(&&target[..]),
            "there is no fuzz target {target}: there are {}",
            known.join(", ")
        );
    }
    let wanted =
        |target: &&str| plan.targets.is_empty() || plan.targets.iter().any(|t| t == target);
    let targets: Vec<&str> = known.iter().copied().filter(wanted).collect();
    // All at once, and none of them again below.
    succeed(fuzzer()?.args(["build", "--target-dir"]).arg(&folder))?;
    let seconds = (plan.time.as_secs() / targets.len() as u64).max(1);
    for target in targets {
        let found = folder.join("found").join(target);
        let (corpus, seeds) = (of("corpus", target), of("seeds", target));
        for folder in [&found, &corpus] {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let fuzz = |folders: &[&Path], options: &[&str]| -> Result<()> {
            let mut command = fuzzer()?;
            command.args(["run", target, "--target-dir"]).arg(&folder).args(folders);
            succeed(command.args(["--", "-verbosity=0"]).args(options))
        };
        fuzz(&[&found, &corpus, &seeds], &[&format!("-max_total_time={seconds}")])?;
        if plan.keep {
            // What reaches code that the corpus does not reach; how often it does is no matter.
            fuzz(&[&corpus, &found], &["-merge=1", "-use_counters=0"])?;
        }
    }
    Ok(())
}

/// The inputs of `target` in the repository.
fn of(kind: &str, target: &str) -> PathBuf {
    cargo::root().join("fuzz").join(kind).join(target)
}

/// `cargo fuzz` of the nightly toolchain: the one that is installed, or else the one that was fetched.
fn fuzzer() -> Result<Command> {
    let mut command = nightly::program("cargo");
    command.arg("fuzz").env("PATH", fetched::search_path()?);
    Ok(command)
}
