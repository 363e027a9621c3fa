//! A network namespace for each test, and the `ip` command in it.

use std::{fs, io::ErrorKind, process::Command};

use nix::sched::{CloneFlags, unshare};

/// Moves this thread into a network namespace of its own, which ends with the last thread, process
/// and device in it. Everything the thread opens and starts from now on is there.
pub(crate) fn enter() {
    if let Err(errno) = unshare(CloneFlags::CLONE_NEWNET) {
        panic!("cannot make a network namespace ({errno}): run this test as root");
    }
    // The kernel would send IPv6 packets of its own as soon as a device is up.
    for which in ["all", "default"] {
        match fs::write(format!("/proc/sys/net/ipv6/conf/{which}/disable_ipv6"), "1") {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                panic!("cannot turn IPv6 off in the namespace: {error}")
            }
            _ => {}
        }
    }
}

/// Runs `ip` with these arguments, and returns what it prints.
pub(crate) fn ip(arguments: &str) -> String {
    let output = Command::new("ip")
        .args(arguments.split_whitespace())
        .output()
        .unwrap_or_else(|error| panic!("cannot run ip ({error}): install iproute2"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {arguments}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
