//! A service as a process: its arguments, its signals, how it ends.

use std::{fs, path::Path, process::Command, thread, time::Duration};

use lab::{Lab, Service, Signal};

use super::support::{PORT, ask, connect, in_lab, program, with_service};

pub(crate) fn ends_well_on_sigterm() {
    let program = program("echo");
    in_lab(|lab| {
        let service = Service::start(lab, program, [""; 0], |_| ()).expect("it serves");
        assert_eq!(ask(&connect(lab, PORT), "hello"), b"hello");
        let (status, lines) = service.stop().expect("it ends");
        assert_eq!(status.code(), Some(0), "{lines:#?}");
        assert_statistics(&lines);
    });
}

pub(crate) fn reports_on_sigusr1() {
    with_service("echo", &[], |lab, service| {
        assert_eq!(ask(&connect(lab, PORT), "hello"), b"hello");
        service.signal(Signal::SIGUSR1).expect("it runs");
        service
            .wait_for_line(0, Duration::from_secs(5), |line| line.starts_with("region packet "))
            .expect("it reports its regions");
        assert_statistics(&service.lines());
        // It serves on.
        assert_eq!(ask(&connect(lab, PORT), "hello"), b"hello");
    });
}

/// The counters of the layers, the pool and the regions.
fn assert_statistics(lines: &[String]) {
    for wanted in ["eth0.ipv4.", "eth0.udp.", "pool pages ", "region packet "] {
        assert!(
            lines.iter().any(|line| line.starts_with(wanted)),
            "no line `{wanted}…` in {lines:#?}"
        );
    }
}

pub(crate) fn bad_arguments_are_named() {
    let program = program("echo");
    in_lab(|lab| {
        for (arg, status, words) in [
            ("--ipv4=10.0.0.2", 2, "--ipv4=10.0.0.2"),
            ("--no-such-argument=1", 2, "--no-such-argument"),
            ("--mac=03:00:00:00:00:01", 2, "--mac=03:00:00:00:00:01"),
            ("--log=no-such-layer", 2, "no-such-layer"),
            ("--interface=no/such", 2, "--interface=no/such"),
            ("--memory=1", 2, "--memory=1"),
            ("--help", 0, "--ipv4-gateway"),
        ] {
            assert_ends(lab, program, arg, status, words);
        }
    });
}

pub(crate) fn interfaces_that_cannot_be_had_are_named() {
    let program = program("echo");
    in_lab(|lab| assert_ends(lab, program, "--interface=lo", 1, "lo"));
    with_service("echo", &[], |lab, _| {
        // The service has this one already.
        assert_ends(lab, program, "--interface=tap0", 1, "tap0");
        assert_eq!(ask(&connect(lab, PORT), "hello"), b"hello");
    });
}

pub(crate) fn sleeps_without_packets() {
    with_service("echo", &[], |lab, service| {
        assert_eq!(ask(&connect(lab, PORT), "hello"), b"hello");
        for state in ["up", "down"] {
            ip(&format!("link set tap0 {state}"));
            let before = cpu_time(service.id());
            thread::sleep(Duration::from_millis(500));
            let spent = cpu_time(service.id()) - before;
            assert!(spent < 10, "{spent} hundredths of a second with the device {state}");
        }
    });
}

/// Runs `ip` in the network of this thread.
pub(super) fn ip(args: &str) {
    let status = Command::new("ip").args(args.split(' ')).status();
    assert!(status.expect("the tests need iproute2").success(), "ip {args}");
}

/// The time that a process has used the processor, in hundredths of a second.
fn cpu_time(id: u32) -> u32 {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).expect("it runs");
    // proc_pid_stat(5): user and system time are the 12th and 13th field after the name.
    let (_, fields) = stat.rsplit_once(") ").expect("a name in brackets");
    let times = fields.split(' ').skip(11).take(2);
    times.map(|time| time.parse::<u32>().expect("a number")).sum()
}

pub(crate) fn a_device_that_is_deleted_ends_it_with_the_reason() {
    let program = program("echo");
    in_lab(|lab| {
        let service = Service::start(lab, program, [""; 0], |_| ()).expect("it serves");
        ip("link delete tap0");
        let reason = "echo: the TAP device was deleted";
        service
            .wait_for_line(0, Duration::from_secs(5), |line| line == reason)
            .expect("it says so");
        let (status, lines) = service.stop().expect("it ends");
        assert_eq!(status.code(), Some(1), "{lines:#?}");
    });
}

/// Runs the service with this argument: it must end with this status and these words.
fn assert_ends(lab: &Lab, program: &Path, arg: &str, status: i32, words: &str) {
    let output = lab.command(program, [arg]).output().expect("it can be started");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert_eq!(output.status.code(), Some(status), "{arg}: {said}");
    assert!(said.contains(words), "{arg}: {said}");
}
