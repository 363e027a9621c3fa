//! `program!` as a process: what `std` does before and after `fn main` of Rust is done without it.

use std::{
    env,
    process::{Command, Output},
};

/// Runs a line of `sh`, in which `$1` is the example `program`, which cargo builds beside the tests.
fn sh(line: &str) -> Output {
    let test = env::current_exe().unwrap();
    let program = test.parent().unwrap().with_file_name("examples").join("program");
    assert!(
        program.is_file(),
        "first: cargo build -p letregion-rt-unix --example program; `cargo test` without --test does so"
    );
    Command::new("sh").args(["-c", line, "sh"]).arg(program).output().unwrap()
}

#[test]
fn standard_files_that_are_closed_are_nobodys() {
    assert_eq!(sh("\"$1\" files <&- >&- 2>&-").status.code(), Some(0));
    // One that is open stays what it is: here, a pipe.
    assert_eq!(sh("\"$1\" files <&- 2>&-").status.code(), Some(4));
}

#[test]
fn a_panic_is_said_and_is_the_status() {
    let output = sh("RUST_BACKTRACE=0 \"$1\" panic; echo $?");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("on purpose") && said.contains("program.rs"), "{said}");
    // Where panics abort, the shell shows the signal.
    let status = String::from_utf8(output.stdout).unwrap();
    assert!(matches!(&*status, "101\n" | "134\n"), "{status}");
}

#[test]
fn the_name_of_the_program_is_no_argument() {
    let output = sh("\"$1\"");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(output.stderr, b"program: expected panic or files\n");
}
