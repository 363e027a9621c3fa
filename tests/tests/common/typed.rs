//! `cargo letregion`, as it is typed.

use std::{
    io::Write,
    process::{Child, Output, Stdio},
};

use lab::cargo;

/// Calls `cargo letregion` with these arguments and this input.
pub(crate) fn letregion(args: &[&str], input: &str) -> Output {
    let mut child = start(args);
    let mut stdin = child.stdin.take().expect("its input is a pipe");
    // It need not read what it has no use for.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

/// Starts `cargo letregion` with these arguments; its input and what it says are pipes.
pub(crate) fn start(args: &[&str]) -> Child {
    let mut command = cargo::cargo();
    command.arg("letregion").args(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("cargo is there")
}

/// Calls it so that it has to fail, and to say why. Returns all that it said.
pub(crate) fn assert_fails(args: &[&str], status: i32, words: &str) -> String {
    let output = letregion(args, "");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{args:?}: {said}");
    assert!(output.stdout.is_empty(), "{args:?}: there is something on standard output");
    assert!(said.contains(words), "{args:?}: {said}");
    said.into_owned()
}
