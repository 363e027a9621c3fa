//! `cargo xtask`, as it is typed.

use std::{
    io::Write,
    process::{Output, Stdio},
};

use lab::cargo;

/// Calls `cargo xtask` with these arguments and this input.
pub(crate) fn xtask(args: &[&str], input: &str) -> Output {
    let mut command = cargo::cargo();
    command.arg("xtask").args(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("cargo is there");
    let mut stdin = child.stdin.take().expect("its input is a pipe");
    // It need not read what it has no use for.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

/// Calls it so that it has to fail, and to say why. Returns all that it said.
pub(crate) fn assert_fails(args: &[&str], status: i32, words: &str) -> String {
    let output = xtask(args, "");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{args:?}: {said}");
    assert!(output.stdout.is_empty(), "{args:?}: there is something on standard output");
    assert!(said.contains(words), "{args:?}: {said}");
    said.into_owned()
}
