//! `cargo xtask run --on xen`, as it is typed.

use std::{
    io::Write,
    process::{Output, Stdio},
};

use xtask::cargo;

pub(crate) fn serves_its_input_line_by_line() {
    let args = ["run", "linux", "--on", "xen", "--console", "--", "--ipv4=172.20.0.9/16"];
    let output = xtask(&args, "2 7 1 8\n\n2 8\n");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "2 7 1 8\n\n2 8\n");
    for expected in ["Xen 4.17", "ready in", "serving", "172.20.0.9", "tail -F"] {
        assert!(said.contains(expected), "no {expected:?}: {said}");
    }
}

pub(crate) fn refuses_before_it_boots() {
    for (args, words) in [
        (&["run", "no-such-service", "--on", "xen"][..], "echo, facfib, monte-carlo, sort"),
        (&["run", "linux", "--on", "xen", "--", "one two"], "one two"),
        (&["run", "echo", "--console", "--request", "x"], "--on xen"),
    ] {
        let output = xtask(args, "");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
        assert!(output.stdout.is_empty(), "{args:?}: there is something on standard output");
        assert!(said.contains(words) && !said.contains("QEMU"), "{args:?}: {said}");
    }
}

/// Calls `cargo xtask` with these arguments and this input.
fn xtask(args: &[&str], input: &str) -> Output {
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
