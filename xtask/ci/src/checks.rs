//! `cargo xtask test`: everything that CI runs.

use std::{
    io::{BufRead, BufReader},
    panic,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, ensure};
use lab::{
    cargo::cargo,
    tools::{succeed, typed},
};
use rustix::process::nice;

use crate::{
    assembly, debian, examples, first_minute, fuzz, memory, metadata::HOST, packages, supply, tower,
};

/// The tests that run services, as processes and as guests of KVM and Xen, and guests without a platform; their names begin with
/// one of these.
const END_TO_END: [&str; 4] = ["kvm::", "linux::", "pvh::", "xen::"];

/// What is tested on Xen; the names of these tests have it. They take nearly as long as the others, and most of that is one emulated
/// processor.
const ON_XEN: &str = "xen::";

/// The services, each of which is a guest of both.
const SERVICES: [&str; 8] = ["dns", "echo", "facfib", "iperf3", "kv", "monte-carlo", "sort", "web"];

/// How long the soak is: enough rounds for a verdict.
const SOAK_MINUTES: &str = "0.25";

/// The niceness of what gives way to all others.
const LAST: i32 = 5;

/// How long the fuzz targets run together.
const FUZZING: Duration = Duration::from_mins(3);

/// When the search by fuzzing has to have begun: on a slow machine all else takes the time that there is. Whoever works on a parser
/// calls `cargo xtask fuzz`.
const FUZZING_BY: Duration = Duration::from_mins(55);

/// Runs all checks, or, if it is to be quick, all but the tests that run services. Says what
/// it is doing on standard error; the last line on standard output has the number of tests.
///
/// What interprets programs or watches them, and then the tests on Xen, keep one core busy, so they run beside all else.
///
/// # Errors
/// The first check that failed.
pub fn all(quick: bool) -> Result<()> {
    let mut counts = Counts::default();
    let result = if quick {
        of_sources().and_then(|()| tests(quick, &mut counts))
    } else {
        all_together(&mut counts)
    };
    println!("{} passed, {} failed, {} skipped", counts.passed, counts.failed, counts.skipped);
    result
}

/// Runs all checks, some beside others.
fn all_together(counts: &mut Counts) -> Result<()> {
    step("programs that the tests call", debian::install_missing)?;
    step("dependencies", || succeed(cargo().args(["fetch", "--locked"]).args(["--target", HOST])))?;
    // It measures the processor time of all that this program calls, so nothing else is called meanwhile.
    step("the first minute", first_minute::measure)?;
    let start = Instant::now();
    let mut on_xen = Counts::default();
    let result = thread::scope(|scope| {
        let beside = scope.spawn(|| {
            // It is long, and nobody waits for its parts: what is tested meanwhile goes first.
            nice(LAST)?;
            // Each of them, whether another fails or not: all is to be seen in one run.
            let memory = of_memory();
            let tests = step("tests on Xen", || {
                succeed_counting(workspace_tests().args(["--tests", "--", ON_XEN]), &mut on_xen)
            });
            memory.and(tests).and(fuzzing(start))
        });
        let others = of_sources().and_then(|()| {
            let programs = of_programs();
            programs.and(tests(false, counts))
        });
        let beside = beside.join().unwrap_or_else(|panic| panic::resume_unwind(panic));
        others.and(beside)
    });
    counts.join(&on_xen);
    result
}

/// Checks the sources, and that everything builds.
fn of_sources() -> Result<()> {
    step("format", || succeed(cargo().args(["fmt", "--all", "--check"])))?;
    step("who depends on whom", tower::check_dependencies)?;
    step("what the images are made of", supply::check)?;
    step("lints", || {
        succeed(cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
    })?;
    step("lints of the guests", lints_of_guests)?;
    step("no std and no allocator in the tower", tower::check_no_alloc)?;
    // The crates of the tower call it after what it depends on, the programs after what it does.
    for feature in ["defmt", "log"] {
        for name in tower::with_feature(feature)? {
            step(&format!("{name} with its log"), || {
                succeed(cargo().args(["check", "--package", &name, "--features", feature]))
            })?;
        }
    }
    step("documentation", || {
        succeed(
            cargo().args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"),
        )
    })?;
    step("packages for others", packages::check)?;
    step("examples in projects of their own", examples::check)
}

fn lints_of_guests() -> Result<()> {
    // The guests of the tests apart: one asks for the crate `alloc`, of which a service has nothing, and one knows no
    // platform.
    [
        (&SERVICES[..], "xen"),
        (&SERVICES, "kvm"),
        (&SERVICES, "kvm,xen"),
        (&["guest"], "xen"),
        (&["guest"], "kvm"),
        (&["bare"], "guest"),
        (&["bare"], "kvm"),
    ]
    .iter()
    .try_for_each(|(packages, feature)| {
        let mut command = cargo();
        // A crate of a guest alone, on which no other crate of the workspace has a say.
        command.args(["clippy", "--no-default-features", "--features", feature]);
        for package in *packages {
            command.args(["--package", package]);
        }
        succeed(command.args(["--bins", "--", "-D", "warnings"]))
    })
}

/// Checks the programs that are measured, but for the figures that need a machine of their own.
fn of_programs() -> Result<()> {
    step("machine code without the profiler", assembly::check_profile_is_free)?;
    step("instructions of each layer", || xtask(&["cost"]))?;
    step("size of the images for Xen and KVM", || xtask(&["size"]))?;
    // Processes of their own, because only one without threads can enter a user namespace.
    step("the benchmark, all but its figures", || xtask(&["bench", "--quick"]))?;
    step("a short soak", || xtask(&["soak", "--minutes", SOAK_MINUTES]))?;
    step("a short soak on two cores", || {
        xtask(&["soak", "--minutes", SOAK_MINUTES, "--cores", "2", "--service", "echo"])
    })
}

/// Checks what is built by others, and the memory of ours.
fn of_memory() -> Result<()> {
    step("licences and sources", supply::deny)?;
    step("memory: Miri", memory::interpret)?;
    step("memory: loom", memory::interleave)?;
    step("memory: AddressSanitizer", memory::sanitize)?;
    step("memory: Valgrind", memory::check_with_valgrind)
}

/// Looks for inputs that fail, if there is time: all began at `start`.
fn fuzzing(start: Instant) -> Result<()> {
    step("fuzzing", || match fuzz::ready() {
        Ok(()) if start.elapsed() > FUZZING_BY => {
            eprintln!("skipped: {} minutes are over", FUZZING_BY.as_secs() / 60);
            Ok(())
        }
        Ok(()) => fuzz::run(&fuzz::Plan { time: FUZZING, ..Default::default() }),
        Err(error) => {
            eprintln!("skipped: {error:#}");
            Ok(())
        }
    })
}

/// The tests of all packages.
fn workspace_tests() -> Command {
    let mut command = cargo();
    command.args(["test", "--workspace", "--no-fail-fast"]);
    command
}

/// Runs the tests, and counts them: those that are quick, or all but those on Xen.
fn tests(quick: bool, counts: &mut Counts) -> Result<()> {
    let skipped = if quick { &END_TO_END[..] } else { &[ON_XEN] };
    let result = step("tests", || {
        let skip = skipped.iter().flat_map(|name| ["--skip", name]);
        succeed_counting(workspace_tests().arg("--").args(skip), counts)
    });
    // Apart from the rest, because with a log the unit tests of the layers, which have no logger, do not link.
    let of_features = step("tests of what is off by default", || {
        [
            &["--package", "rt-regions", "--all-features"][..],
            &["--package", "letregion-rt-kvm", "--features", "cores", "--lib"],
            &["--package", "letregion-rt-unix", "--features", "profile"],
            &["--package", "letregion-rt-unix", "--features", "defmt", "--test", "process"],
        ]
        .iter()
        .try_for_each(|what| succeed_counting(cargo().arg("test").args(*what), counts))
    });
    result.and(of_features)
}

/// Another command of `cargo xtask`.
fn xtask(args: &[&str]) -> Result<()> {
    succeed(cargo().arg("xtask").args(args))
}

/// Announces a step, runs it, and says how it ended.
fn step(name: &str, run: impl FnOnce() -> Result<()>) -> Result<()> {
    eprintln!("== {name}");
    let start = Instant::now();
    let result = run().with_context(|| format!("failed: {name}"));
    let how = if result.is_ok() { "passed" } else { "FAILED" };
    eprintln!("== {name}: {how} in {:.1} s", start.elapsed().as_secs_f32());
    result
}

/// How many tests there were.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: u32,
    failed: u32,
    skipped: u32,
}

impl Counts {
    fn join(&mut self, others: &Self) {
        self.passed += others.passed;
        self.failed += others.failed;
        self.skipped += others.skipped;
    }

    /// Adds the counts of the closing line of a test program, if that is what the line is:
    /// `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; …`.
    fn add(&mut self, line: &str) {
        let Some(counts) = line.strip_prefix("test result: ") else { return };
        let (_, counts) = counts.split_once(". ").unwrap_or_default();
        for count in counts.split("; ") {
            let Some((number, of)) = count.split_once(' ') else { continue };
            let number = number.parse().unwrap_or(0);
            match of {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.skipped += number,
                _ => {}
            }
        }
    }
}

fn succeed_counting(command: &mut Command, counts: &mut Counts) -> Result<()> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start cargo")?;
    let output = child.stdout.take().ok_or_else(|| anyhow!("the tests have no output"))?;
    for line in BufReader::new(output).lines() {
        let line = line.context("cannot read what the tests say")?;
        println!("{line}");
        counts.add(&line);
    }
    let status = child.wait()?;
    ensure!(status.success(), "{}: {status}", typed(command));
    ensure!(counts.passed > 0, "no test ran");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_added_up() {
        let mut counts = Counts::default();
        for line in [
            "test a ... ok",
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; \
             finished in 0.01s",
            "test result: FAILED. 2 passed; 4 failed; 0 ignored; 0 measured; 0 filtered out",
            "test result: ",
        ] {
            counts.add(line);
        }
        assert_eq!(counts, Counts { passed: 14, failed: 4, skipped: 1 });
    }
}
