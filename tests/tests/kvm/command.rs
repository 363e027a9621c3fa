//! `cargo letregion run --on kvm`, as it is typed.

use std::process::Output;

use crate::typed::{assert_fails, letregion};

pub(crate) fn runs_a_guest_and_writes_its_reply() {
    let args = ["run", "echo", "--on", "kvm", "--request", "2 7 1 8"];
    let Output { status, stdout, stderr } = letregion(&args, "");
    let said = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{said}");
    assert_eq!(String::from_utf8_lossy(&stdout), "2 7 1 8");
    assert!(
        said.contains("host Tcg") && said.contains("serving udp 8080 at 10.0.0.2/24"),
        "{said}"
    );

    let args = ["run", "echo", "--on", "kvm", "--memory", "4", "--request", "x"];
    let output = letregion(&[&args[..], &["--", "--ipv4=172.20.0.1/16"]].concat(), "");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "x", "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("at 172.20.0.1/16") && said.contains(" of 3708 KiB: "), "{said}");
}

pub(crate) fn refuses_what_no_guest_of_kvm_does() {
    let run =
        |more: &[&'static str]| [&["run", "echo", "--on", "kvm", "--request", "x"], more].concat();
    assert_fails(&run(&["--counters"]), 1, "--counters is not for --on kvm");
    assert_fails(&run(&["--console"]), 1, "--console is for --on xen");
    assert_fails(&run(&["--", "--log=all"]), 1, "--log is not for --on kvm");
    assert_fails(&run(&["--", "--ipv4=10.0.0.0/24"]), 1, "--ipv4=10.0.0.0/24");
    assert_fails(&run(&["--", "--x=\"y\""]), 1, "a guest cannot be given a double quote");
    assert_fails(&["run", "web", "--on", "kvm", "--request", "x"], 1, "web has no feature kvm");
}
