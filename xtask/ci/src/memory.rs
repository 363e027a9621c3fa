//! The memory of rt-regions, and of a driver whose device can be simulated, under the tools that look for what a test cannot see: Miri, `AddressSanitizer`
//! and Valgrind. Where one is missing the step is skipped, and says so.

use std::{fs, io::BufReader, path::PathBuf, process::Stdio};

use anyhow::{Context, Result, ensure};
use cargo_metadata::Message;
use lab::{
    cargo,
    tools::{self, succeed},
};

use crate::nightly;

/// Our crate with unsafe code that does not touch a device and is not a driver.
const CRATE: &str = "rt-regions";

/// The crate that polls the tasks of `rt-regions`. It has no unsafe code of its own.
const EXECUTOR: &str = "letregion-tasks";

/// The driver whose pages and rings are shared with a device of its tests.
const DRIVER: &str = "letregion-netif-virtio";

/// Those of its tests with a device that Miri runs: pages that go up, that come back after a reset, that a device says
/// something wrong of, and that are copied into one; and those of two cores. The others take too long.
const DRIVER_TESTS: [&str; 5] = [
    "frames::a_received_page",
    "lies::a_later_buffer",
    "pairs::a_device_with_more_pairs",
    "resets::a_device_that_comes_back",
    "segments::a_joined_frame_of_no_size",
];

/// The crate whose cores share memory. It has no unsafe code.
const CORES: &str = "letregion-cores";

/// What Miri is told for the tests of both: they use the memory of a program, which lives for ever.
const PROGRAM_FLAGS: &str = "-Zmiri-strict-provenance -Zmiri-ignore-leaks";

/// Its test that calls the compiler: slow, and of no use here.
const CALLS_THE_COMPILER: &str = "compile_fail";

/// Its test of maps, which have no unsafe code, and take as long as all others together. Those who change what maps are built on run
/// them by both rules.
const MAPS: &str = "map";

/// The function of the test that calls the compiler.
const MISUSE: &str = "misuse_does_not_compile";

/// What Miri is told: a pointer is never made of a number. It goes by the rules for references that were written down first (stacked
/// borrows).
const STACKED: &str = "-Zmiri-strict-provenance";

/// And by those that follow them (tree borrows).
const TREE: &str = "-Zmiri-strict-provenance -Zmiri-tree-borrows";

/// How many random steps are taken under Valgrind, which is some 50 times slower.
const VALGRIND_STEPS: u32 = 20_000;

/// Runs the tests under Miri, which a nightly compiler may have; it is added where that can be. Twice, by
/// both rules for references, but for those of maps. The tests shorten their loops themselves, and leak nothing. Those of the crate
/// that polls tasks, and those of the driver, run once.
///
/// # Errors
/// A test fails, leaks, or does what Rust does not define.
pub fn interpret() -> Result<()> {
    if let Err(error) = nightly::host().and_then(|_| nightly::add(&["miri", "rust-src"])) {
        return skip(&format!("{error:#}"));
    }
    let folder = target_folder("miri")?;
    // The standard library as Miri needs it, of which some is fetched.
    let ready = nightly::program("cargo").args(["miri", "setup"]).stdin(Stdio::null()).status();
    if !ready.is_ok_and(|status| status.success()) {
        return skip("Miri cannot build the standard library (cargo +nightly miri setup)");
    }
    let test = |flags: &str, tests: &[&str]| {
        succeed(
            nightly::program("cargo")
                .args(["miri", "test", "--target-dir"])
                .arg(&folder)
                .args(tests)
                .env("MIRIFLAGS", flags),
        )
    };
    // Without the profiler, which has no unsafe code.
    let regions = ["--package", CRATE, "--features", "allocator-api2,faults"];
    test(STACKED, &[&regions[..], &["--tests", "--", "--skip", MISUSE]].concat())?;
    let programs = test_names()?;
    let programs = programs.iter().filter(|name| ![MAPS, CALLS_THE_COMPILER].contains(&&name[..]));
    let programs: Vec<&str> = programs.flat_map(|name| ["--test", name]).collect();
    test(TREE, &[&regions[..], &["--lib"], &programs].concat())?;
    test(PROGRAM_FLAGS, &["--package", EXECUTOR, "--tests"])?;
    test(PROGRAM_FLAGS, &["--package", CORES, "--test", "ring"])?;
    test(PROGRAM_FLAGS, &["--package", DRIVER, "--lib"])?;
    let with_device = ["--package", DRIVER, "--features", "cores", "--test", "virtio", "--"];
    test(PROGRAM_FLAGS, &[&with_device[..], &DRIVER_TESTS].concat())
}

/// Runs the tests of what cores share in every order that the memory model allows, with `loom`.
///
/// # Errors
/// A test fails in one of them.
pub fn interleave() -> Result<()> {
    succeed(
        cargo::cargo()
            .args(["test", "--release", "--package", CORES, "--test", "loom", "--target-dir"])
            .arg(target_folder("loom")?)
            .env("RUSTFLAGS", "--cfg loom"),
    )
}

/// Runs the tests with `AddressSanitizer`, which a nightly compiler has.
///
/// # Errors
/// A test fails, or touches memory that is not its own.
pub fn sanitize() -> Result<()> {
    let host = match nightly::host() {
        Ok(host) => host,
        Err(error) => return skip(&format!("{error:#}")),
    };
    let tests = ["test", "--package", CRATE, "--tests", "--target", &host, "--target-dir"];
    let skipped = ["--", "--skip", MISUSE];
    succeed(
        nightly::program("cargo")
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

fn skip(why: &str) -> Result<()> {
    eprintln!("skipped: {why}");
    Ok(())
}

/// A folder of its own, because other flags would build everything anew each time.
fn target_folder(name: &str) -> Result<PathBuf> {
    Ok(cargo::target_folder()?.join(name))
}

/// The names of the test programs of the crate: those of their sources.
fn test_names() -> Result<Vec<String>> {
    let folder = cargo::root().join(CRATE).join("tests");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("{}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    ensure!(names.iter().any(|name| name == MAPS), "{CRATE} has no test {MAPS}");
    names.sort();
    Ok(names)
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
