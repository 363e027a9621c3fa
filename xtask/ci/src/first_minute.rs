//! `cargo xtask first-minute`: from a clean clone to the first reply.

use std::{
    env, fs,
    path::Path,
    process::{Command, Stdio, id},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use lab::{
    cargo::{cargo_in, root},
    tools::succeed,
};
use nix::sys::resource::{UsageWho, getrusage};

/// The most processor time that it may take. Two cores of a virtual machine that have little else to do take some 35
/// seconds for it; those of a busy one take more of both.
const LIMIT: Duration = Duration::from_secs(90);

/// What the README has people type first, without `cargo`.
const FIRST: [&str; 5] =
    ["letregion", "run", "echo", "--request-file", "tests/tests/data/pi60000.txt"];

/// Clones the commits of this repository into a temporary folder, types the first command of the README there, with
/// nothing built and without a network, and prints what it took.
///
/// # Errors
/// It takes more than 90 s of a processor, the reply is not the request, or a program fails.
pub fn measure() -> Result<()> {
    let folder = env::temp_dir().join(format!("first-minute-{}", id()));
    let measured = measure_in(&folder);
    if folder.exists() {
        fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    measured
}

fn measure_in(folder: &Path) -> Result<()> {
    let readme = fs::read_to_string(root().join("README.md")).context("there is no README.md")?;
    let typed = format!("cargo {}", FIRST.join(" "));
    ensure!(readme.contains(&typed), "README.md does not have the command {typed:?}");
    succeed(Command::new("git").args(["clone", "--quiet"]).arg(root()).arg(folder))?;

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
    println!(
        "from a clean clone to the first reply: {:.0} s, {:.0} s of processor time",
        elapsed.as_secs_f64(),
        took.as_secs_f64()
    );
    ensure!(took <= LIMIT, "more than {} s of processor time", LIMIT.as_secs());
    Ok(())
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
