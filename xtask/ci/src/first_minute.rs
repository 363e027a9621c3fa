//! `cargo xtask first-minute`: from a clean clone to the first reply.

use std::{
    env, fs,
    path::Path,
    process::{Command, Stdio, id},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use lab::{
    cargo::{cargo_in, root},
    tools::succeed,
};
use nix::sys::resource::{UsageWho, getrusage};

/// A package that many services of the world are built with: how long that takes says how fast the machine is now, and what of the
/// compiler a second is.
const MEASURE: &str = "serde_json";

/// The most processor time that it may take, in those of [`MEASURE`]. It takes 13 to 15: on a virtual machine of two cores 42 to 116
/// seconds, by its processor and by what else is done on the host.
const LIMIT: f64 = 20.0;

/// How often it is measured, if it takes more: other work on the host may have begun in between.
const TRIES: usize = 3;

/// What the README has people type first, without `cargo`.
const FIRST: [&str; 5] =
    ["letregion", "run", "echo", "--request-file", "tests/tests/data/pi60000.txt"];

/// Clones the commits of this repository into a temporary folder, types the first command of the README there, with
/// nothing built and without a network, and prints what it took.
///
/// # Errors
/// It takes more than 20 times what building `serde_json` takes, each time; the reply is not the request, or a program fails.
pub fn measure() -> Result<()> {
    let folder = env::temp_dir().join(format!("first-minute-{}", id()));
    for _ in 0..TRIES {
        let measured = measure_in(&folder);
        if folder.exists() {
            fs::remove_dir_all(&folder)
                .with_context(|| format!("cannot remove {}", folder.display()))?;
        }
        if measured? <= LIMIT {
            return Ok(());
        }
    }
    bail!("more than {LIMIT} times the processor time of {MEASURE}, {TRIES} times")
}

/// Returns the processor time that it took, in those of [`MEASURE`].
fn measure_in(folder: &Path) -> Result<f64> {
    let readme = fs::read_to_string(root().join("README.md")).context("there is no README.md")?;
    let typed = format!("cargo {}", FIRST.join(" "));
    ensure!(readme.contains(&typed), "README.md does not have the command {typed:?}");
    succeed(Command::new("git").args(["clone", "--quiet"]).arg(root()).arg(folder))?;

    // Before and behind: what the host lends changes from one minute to the next.
    let first = measure_of_others(folder, "first")?;
    let (start, before) = (Instant::now(), processor_time()?);
    let output = cargo_in(folder)
        .args(FIRST)
        .env("CARGO_NET_OFFLINE", "true")
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    let (elapsed, took) = (start.elapsed(), processor_time()?.saturating_sub(before));
    ensure!(output.status.success(), "{typed}: {}", output.status);
    let request = fs::read(folder.join(FIRST[4])).context("the request cannot be read")?;
    ensure!(output.stdout == request, "the reply is not the request");
    let measure = (first + measure_of_others(folder, "last")?) / 2;
    let ratio = took.as_secs_f64() / measure.as_secs_f64();
    println!(
        "from a clean clone to the first reply: {:.0} s, {:.0} s of processor time, {ratio:.1} times those of {MEASURE}",
        elapsed.as_secs_f64(),
        took.as_secs_f64()
    );
    Ok(ratio)
}

/// Returns the processor time that [`MEASURE`] takes, built in this folder of `folder`.
fn measure_of_others(folder: &Path, target: &str) -> Result<Duration> {
    let before = processor_time()?;
    succeed(
        cargo_in(folder)
            .args(["build", "--quiet", "--package", MEASURE])
            .env("CARGO_NET_OFFLINE", "true")
            .env("CARGO_TARGET_DIR", folder.join(target)),
    )?;
    Ok(processor_time()?.saturating_sub(before))
}

/// What the processes took that this one has started and waited for, with theirs.
fn processor_time() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).context("cannot ask for the times")?;
    let time = |value: nix::sys::time::TimeVal| {
        let micros = value.tv_sec() * 1_000_000 + value.tv_usec();
        Duration::from_micros(micros.try_into().unwrap_or(0))
    };
    Ok(time(usage.user_time()) + time(usage.system_time()))
}
