//! `cargo xtask test`: everything that CI runs.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, ensure};
use lab::{
    cargo::cargo,
    tools::{succeed, typed},
};

use crate::{assembly, debian, examples, first_minute, fuzz, memory, packages, supply, tower};

/// The tests that run services, as processes and as guests of KVM and Xen, and guests without a platform; their names begin with
/// one of these.
const END_TO_END: [&str; 4] = ["kvm::", "linux::", "pvh::", "xen::"];

/// How long the soak is: enough rounds for a verdict.
const SOAK_MINUTES: &str = "0.25";

/// How long the fuzz targets run together.
const FUZZING: Duration = Duration::from_mins(3);

/// Runs all checks, or, if it is to be quick, all but the tests that run services. Says what
/// it is doing on standard error; the last line on standard output has the number of tests.
///
/// # Errors
/// The first check that failed.
pub fn all(quick: bool) -> Result<()> {
    if !quick {
        step("programs that the tests call", debian::install_missing)?;
    }
    step("format", || succeed(cargo().args(["fmt", "--all", "--check"])))?;
    step("who depends on whom", tower::check_dependencies)?;
    step("what the images are made of", supply::check)?;
    step("lints", || {
        succeed(cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
    })?;
    step("lints of the guests", || {
        // The guests of the tests apart: one asks for the crate `alloc`, of which a service has nothing, and one knows no
        // platform.
        [
            (&["echo", "facfib", "iperf3", "kv", "monte-carlo", "sort", "web"][..], "xen"),
            (&["echo"], "kvm"),
            (&["guest"], "xen"),
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
    })?;
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
    step("examples in projects of their own", examples::check)?;
    if !quick {
        step("machine code without the profiler", assembly::check_profile_is_free)?;
        step("licences and sources", supply::deny)?;
        step("memory: Miri", memory::interpret)?;
        step("memory: AddressSanitizer", memory::sanitize)?;
        step("memory: Valgrind", memory::check_with_valgrind)?;
        step("fuzzing", || match fuzz::ready() {
            Ok(()) => fuzz::run(&fuzz::Plan { time: FUZZING, ..Default::default() }),
            Err(error) => {
                eprintln!("skipped: {error:#}");
                Ok(())
            }
        })?;
        step("instructions of each layer", || xtask(&["cost"]))?;
        step("size of the images for Xen", || xtask(&["size"]))?;
        // Processes of their own, because only one without threads can enter a user namespace.
        step("the benchmark, all but its figures", || xtask(&["bench", "--quick"]))?;
        step("a short soak", || xtask(&["soak", "--minutes", SOAK_MINUTES]))?;
    }
    if !quick {
        step("the first minute", first_minute::measure)?;
    }
    let mut counts = Counts::default();
    step("tests", || {
        let mut command = cargo();
        command.args(["test", "--workspace", "--no-fail-fast"]);
        if quick {
            command.arg("--").args(END_TO_END.iter().flat_map(|name| ["--skip", name]));
        }
        let result = succeed_counting(&mut command, &mut counts).and_then(|()| {
            // What is off by default. Apart from the rest, because with a log the unit tests of the
            // layers, which have no logger, do not link.
            [
                &["--package", "rt-regions", "--all-features"][..],
                &["--package", "letregion-rt-unix", "--features", "profile"],
                &["--package", "letregion-rt-unix", "--features", "defmt", "--test", "process"],
            ]
            .iter()
            .try_for_each(|what| succeed_counting(cargo().arg("test").args(*what), &mut counts))
        });
        println!("{} passed, {} failed, {} skipped", counts.passed, counts.failed, counts.skipped);
        result
    })
}

/// Another command of `cargo xtask`.
fn xtask(args: &[&str]) -> Result<()> {
    succeed(cargo().arg("xtask").args(args))
}

/// Announces a step, runs it, and names it if it fails.
fn step(name: &str, run: impl FnOnce() -> Result<()>) -> Result<()> {
    eprintln!("== {name}");
    let start = Instant::now();
    run().with_context(|| format!("failed: {name}"))?;
    eprintln!("== {name}: passed in {:.1} s", start.elapsed().as_secs_f32());
    Ok(())
}

/// How many tests there were.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: u32,
    failed: u32,
    skipped: u32,
}

impl Counts {
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
