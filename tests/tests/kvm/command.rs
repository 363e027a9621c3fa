//! `cargo letregion run --on kvm`, as it is typed.

use std::process::Output;

use crate::typed::{assert_fails, letregion};

pub(crate) fn runs_a_guest_and_writes_its_reply() {
    let args = ["run", "echo", "--on", "kvm", "--request", "2 7 1 8"];
    let Output { status, stdout, stderr } = letregion(&args, "");
    let said = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{said}");
    assert_eq!(String::from_utf8_lossy(&stdout), "2 7 1 8");
    // Whichever it is, it is said.
    let is_emulated = said.contains("the processor is emulated: ");
    assert!(said.contains("host QEMU without KVM") == is_emulated, "{said}");
    assert!(said.contains("serving udp 8080 at 10.0.0.2/24"), "{said}");

    let args = [
        "run",
        "echo",
        "--on",
        "kvm",
        "--console",
        "--accel",
        "tcg",
        "--memory",
        "4",
        "--counters",
        "--request",
        "x",
    ];
    let output = letregion(&[&args[..], &["--", "--ipv4=172.20.0.1/16"]].concat(), "");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "x", "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("at 172.20.0.1/16") && said.contains(" of 3708 KiB: "), "{said}");
    assert!(said.contains("\neth0.udp.datagrams_rx 1\n"), "{said}");
    assert!(said.contains("host QEMU without KVM") && !said.contains("emulated"), "{said}");
}

pub(crate) fn refuses_what_no_guest_of_kvm_does() {
    let run =
        |more: &[&'static str]| [&["run", "echo", "--on", "kvm", "--request", "x"], more].concat();
    let said = assert_fails(&run(&["--", "--ipv4=10.0.0.0/24"]), 1, "--ipv4=10.0.0.0/24");
    assert_eq!(said.matches("--ipv4=10.0.0.0/24").count(), 1, "{said}");
    assert_fails(&run(&["--memory", "1"]), 1, "a guest of KVM with 1 MiB");
    assert_fails(&run(&["--", "--x=\"y\""]), 1, "a guest cannot be given a double quote");
    assert_fails(&["run", "echo", "--accel", "tcg"], 1, "--machine and --accel are for --on kvm");
    assert_fails(&["run", "echo", "--gdb"], 1, "--gdb is for --on kvm");
}
