//! `cargo letregion run --on xen`, as it is typed.

use crate::typed::{assert_fails, letregion};

pub(crate) fn serves_its_input_line_by_line() {
    let args = ["run", "linux", "--on", "xen", "--console", "--", "--ipv4=172.20.0.9/16"];
    let output = letregion(&args, "2 7 1 8\n\n2 8\n");
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
        let said = assert_fails(args, 1, words);
        assert!(!said.contains("QEMU"), "{args:?}: {said}");
    }
}
