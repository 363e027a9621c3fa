//! The memory of rt-regions under the tools that look for what a test cannot see: `AddressSanitizer`,
//! Valgrind and a fuzzer. The fuzzer's driver is fetched if need be; where something else is missing
//! the step is skipped, and says so.

use std::{
    ffi::OsStr,
    io::BufReader,
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use cargo_metadata::Message;

use crate::{cargo, fetched, tools};

/// Our crate with unsafe code that does not touch a device.
const CRATE: &str = "rt-regions";

/// Its test that calls the compiler: slow, and of no use here.
const CALLS_THE_COMPILER: &str = "compile_fail";

/// How long the fuzz targets run together, in seconds.
const FUZZ_SECONDS: usize = 180;

/// How many random steps are taken under Valgrind, which is some 50 times slower.
const VALGRIND_STEPS: u32 = 20_000;

/// Runs the tests with `AddressSanitizer`, which a nightly compiler has.
///
/// # Errors
/// A test fails, or touches memory that is not its own.
pub fn sanitize() -> Result<()> {
    let Some(host) = nightly_host() else {
        return skip("there is no nightly compiler (rustup toolchain install nightly)");
    };
    let tests = ["test", "--package", CRATE, "--tests", "--target", &host, "--target-dir"];
    let skipped = ["--", "--skip", "misuse_does_not_compile"];
    succeed(
        nightly("cargo")
            .args(tests)
            .arg(target_folder("asan")?)
            .args(skipped)
            .env("RUSTFLAGS", "-Zsanitizer=address")
            // Tests leak names and regions on purpose.
            .env("ASAN_OPTIONS", "detect_leaks=0"),
    )
}

/// Runs the tests under Valgrind's memcheck.
///
/// # Errors
/// A test fails, or uses memory that was not written or is not its own.
pub fn check_with_valgrind() -> Result<()> {
    if !tools::VALGRIND.is_installed() {
        return skip(&tools::remedy(&[tools::VALGRIND]));
    }
    for test in test_programs()? {
        succeed(
            tools::VALGRIND
                .command()
                .args(["--quiet", "--error-exitcode=1", "--leak-check=no"])
                .arg(test)
                .env("RT_REGIONS_STEPS", VALGRIND_STEPS.to_string()),
        )?;
    }
    Ok(())
}

/// Runs each fuzz target for a while. What was found of interest stays in `target/fuzz/found`, and the next
/// run begins there.
///
/// # Errors
/// An input was found that fails.
pub fn fuzz() -> Result<()> {
    if nightly_host().is_none() {
        return skip("there is no nightly compiler (rustup toolchain install nightly)");
    }
    if let Err(error) = fetched::CARGO_FUZZ.ensure() {
        return skip(&format!("{error:#}"));
    }
    let folder = target_folder("fuzz")?;
    let targets = fuzzer()?.arg("list").output().context("cannot start cargo")?;
    let targets = String::from_utf8(targets.stdout).context("the names of the fuzz targets")?;
    ensure!(!targets.is_empty(), "there is no fuzz target");
    // All at once, and none of them again below.
    succeed(fuzzer()?.args(["build", "--target-dir"]).arg(&folder))?;
    let seconds = FUZZ_SECONDS / targets.lines().count();
    for target in targets.lines() {
        let found = folder.join("found").join(target);
        std::fs::create_dir_all(&found).with_context(|| format!("cannot make {found:?}"))?;
        succeed(
            fuzzer()?
                .args(["run", target, "--target-dir"])
                .arg(&folder)
                .arg(found)
                .arg(cargo::root().join("fuzz/seeds").join(target))
                .args(["--", "-verbosity=0", &format!("-max_total_time={seconds}")]),
        )?;
    }
    Ok(())
}

/// `cargo fuzz` of the nightly toolchain: the one that is installed, or else the one that was fetched.
fn fuzzer() -> Result<Command> {
    let mut command = nightly("cargo");
    command.arg("fuzz").env("PATH", fetched::search_path()?);
    Ok(command)
}

fn skip(why: &str) -> Result<()> {
    eprintln!("skipped: {why}");
    Ok(())
}

fn succeed(command: &mut Command) -> Result<()> {
    let status = command.stdin(Stdio::null()).status();
    let status = status.with_context(|| format!("cannot start {:?}", command.get_program()))?;
    ensure!(status.success(), "{command:?}: {status}");
    Ok(())
}

/// A program of the nightly toolchain, whichever toolchain we run with.
fn nightly(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly"]).arg(program).current_dir(cargo::root());
    // Those of the toolchain that called us.
    for variable in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN"] {
        command.env_remove(variable);
    }
    command
}

/// The target triple of the nightly compiler, if there is one.
fn nightly_host() -> Option<String> {
    let output = nightly("rustc").arg("-vV").stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().find_map(|line| line.strip_prefix("host: ")).map(Into::into)
}

/// A folder of its own, because other flags would build everything anew each time.
fn target_folder(name: &str) -> Result<PathBuf> {
    Ok(cargo::metadata()?.target_directory.join(name).into())
}

/// Builds the tests and returns their programs.
fn test_programs() -> Result<Vec<PathBuf>> {
    let mut child = cargo::cargo()
        .args(["test", "--package", CRATE, "--tests", "--no-run"])
        .arg("--message-format=json-render-diagnostics")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start cargo")?;
    let mut programs = Vec::new();
    if let Some(messages) = child.stdout.take() {
        for message in Message::parse_stream(BufReader::new(messages)) {
            if let Message::CompilerArtifact(artifact) = message.context("cannot read cargo")?
                && let Some(program) = artifact.executable
                && artifact.target.name != CALLS_THE_COMPILER
            {
                programs.push(program.into());
            }
        }
    }
    ensure!(child.wait()?.success(), "the tests of {CRATE} do not build");
    ensure!(!programs.is_empty(), "{CRATE} has no test");
    Ok(programs)
}
