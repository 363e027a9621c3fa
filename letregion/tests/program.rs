//! The example `sum` as a process: a program without `fn main` of Rust.

#![cfg(all(feature = "unix", not(feature = "xen")))]

use std::{
    env,
    path::PathBuf,
    process::{Command, Output},
};

/// The example, which cargo builds beside the tests.
fn program() -> PathBuf {
    let test = env::current_exe().unwrap();
    let deps = test.parent().unwrap();
    let program = deps.with_file_name("examples").join("sum");
    assert!(
        program.is_file(),
        "first: cargo build -p letregion --example sum; `cargo test` without --test does so"
    );
    program
}

/// Runs a line of `sh`, in which `$1` is the program.
fn sh(line: &str) -> Output {
    Command::new("sh").args(["-c", line, "sh"]).arg(program()).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

#[test]
fn help_lists_the_arguments_of_all_three() {
    let output = sh("\"$1\" --help");
    assert_eq!(output.status.code(), Some(0));
    let help = text(&output.stdout);
    let place = |name: &str| help.find(name).unwrap_or_else(|| panic!("{name}: {help}"));
    assert!(place("\n  --ipv4=") < place("\n  --begin=NUMBER             what to add to (0)\n"));
    assert!(place("\n  --begin=") < place("\n  --memory="));
}

#[test]
fn a_wrong_argument_ends_it_with_its_name_and_status_two() {
    for (arguments, message) in [
        ("--begin=x", "sum: --begin=x: expected a number: 17\n"),
        ("--begin=1 --begin 2", "sum: --begin=1 and --begin=2: given twice, expected once\n"),
        ("--start=1", "sum: --start=1: unknown; --help lists the arguments\n"),
        ("--memory=1", "sum: --memory=1: expected a size in bytes"),
        ("\"$(printf '\\377')\"", "sum: \u{fffd}: it is not UTF-8\n"),
    ] {
        let output = sh(&format!("\"$1\" {arguments}"));
        let said = text(&output.stderr);
        assert!(said.starts_with(message), "{arguments}: {said}");
        assert_eq!(output.status.code(), Some(2), "{arguments}");
    }
}

#[test]
fn a_reader_that_has_gone_is_no_signal() {
    let output = sh("{ sleep 0.2; \"$1\" --help; echo $? >&2; } | true");
    assert_eq!(text(&output.stderr), "0\n");
}
