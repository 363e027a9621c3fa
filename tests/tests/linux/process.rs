//! A service as a process: its arguments, its signals, how it ends.

use std::{
    env,
    fs::{self, Permissions},
    io::Read as _,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{self, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::{sys::signal::kill, unistd::Pid};

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
            ("--log=arp", 2, "--log=arp: built without its log"),
            ("--interface=no/such", 2, "--interface=no/such"),
            ("--memory=1", 2, "--memory=1"),
            ("--ipv4=0.1.2.3/8", 2, "--ipv4=0.1.2.3/8: no host has this address"),
            ("--ipv4=10.0.0.2/024", 2, "--ipv4=10.0.0.2/024: expected the address of a host"),
            ("--stats-port=+9100", 2, "--stats-port=+9100: expected a port"),
            ("--stats-port=8080", 2, "--stats-port=8080: a service is bound to it"),
            ("", 2, "echo: \"\": unknown"),
            ("--log=a\nb", 2, r"--log=a\x0ab"),
            ("--help", 0, "--ipv4-gateway"),
        ] {
            assert_ends(lab, program, arg, status, words);
        }
    });
}

pub(crate) fn messages_begin_with_the_name_of_the_program() {
    for app in ["echo", "facfib", "kv", "monte-carlo", "sort"] {
        in_lab(|lab| {
            let words =
                format!("{app}: --mac=00:00:00:00:00:00: no station has this address: expected");
            assert_ends(lab, program(app), "--mac=00:00:00:00:00:00", 2, &words);
        });
    }
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

pub(crate) fn gives_up_its_rights() {
    // The lab's own arguments come first.
    for (argument, expected) in [
        ("--sandbox=on", [("NoNewPrivs", "1"), ("Seccomp", "2")]),
        ("--sandbox=off", [("NoNewPrivs", "0"), ("Seccomp", "0")]),
    ] {
        with_service("echo", &[argument], |lab, service| {
            assert_eq!(ask(&connect(lab, PORT), "hello"), b"hello");
            let status = fs::read_to_string(format!("/proc/{}/status", service.id()));
            let status = status.expect("it runs");
            let line = |name: &str| {
                let line =
                    status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
                line.map(str::trim).unwrap_or_else(|| panic!("no {name} in {status}"))
            };
            for (name, value) in expected {
                assert_eq!(line(name), value, "{argument}: {name}");
            }
            for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
                let is_empty = line(set).bytes().all(|digit| digit == b'0');
                let never = matches!(set, "CapInh" | "CapAmb");
                assert_eq!(is_empty, never || argument == "--sandbox=on", "{argument}: {set}");
            }
            // Whoever may look into it still may: that takes what a debugger and `perf` take.
            fs::File::open(format!("/proc/{}/mem", service.id())).expect("it can be looked into");
        });
    }
}

pub(crate) fn says_that_it_made_the_device() {
    let program = program("echo");
    in_lab(|lab| {
        ip("link delete tap0");
        let service = Service::start_elsewhere(lab, program, [""; 0], |_| ());
        let (status, lines) = service.and_then(Service::stop).expect("it serves, and ends");
        assert!(status.success(), "{lines:#?}");
        let line = "the TAP device tap0 was not there: made, to go with this process; it is down \
                    until 'ip link set tap0 up'";
        assert_eq!(lines[0], line);
    });
    with_service("echo", &[], |_, service| {
        let lines = service.lines();
        assert!(lines.iter().all(|line| !line.contains("was not there")), "{lines:#?}");
    });
}

/// Runs `ip` in the network of this thread.
pub(super) fn ip(args: &str) {
    let status = Command::new("ip").args(args.split(' ')).status();
    assert!(status.expect("the tests need iproute2").success(), "ip {args}");
}

/// The time that a process has used the processor, in hundredths of a second.
pub(super) fn cpu_time(id: u32) -> u32 {
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

/// Asks for far more reports than a pipe holds, which nobody reads.
pub(crate) fn a_reader_that_stops_reading_stops_nothing() {
    let program = program("echo");
    in_lab(|lab| {
        let mut child = lab
            .command(program, [""; 0])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        lab.network().wait_until_up().expect("it comes up");
        let socket = connect(lab, PORT);
        let id = Pid::from_raw(child.id() as i32);
        for number in 0..300 {
            kill(id, Signal::SIGUSR1).expect("it runs");
            let request = format!("request {number}");
            assert_eq!(ask(&socket, &request), request.as_bytes());
        }
        let asked = Instant::now();
        kill(id, Signal::SIGTERM).expect("it runs");
        let status = loop {
            match child.try_wait().expect("it is ours") {
                Some(status) => break status,
                None if asked.elapsed() > Duration::from_secs(5) => {
                    child.kill().expect("it is ours");
                    panic!("SIGTERM did not end it");
                }
                None => thread::sleep(Duration::from_millis(10)),
            }
        };
        assert_eq!(status.code(), Some(0));
        let mut said = String::new();
        child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
        let last = said.lines().last().expect("it said something");
        assert!(last.ends_with(" lines were dropped: nobody read them"), "{last}");
        assert!(said.starts_with("serving ") && said.ends_with('\n'), "{said}");
    });
}

/// As SIGTERM does: the counters, status 0, and the last frames in the file.
pub(crate) fn a_hangup_ends_it_with_all_frames() {
    let program = program("echo");
    let path = env::temp_dir().join(format!("hangup-{}.pcap", process::id()));
    let argument = format!("--pcap={}", path.display());
    // Who runs this test may have the signal ignored, as nohup does.
    let hears = path.with_extension("sh");
    let line = format!("#!/bin/sh\nexec env --default-signal=HUP {} \"$@\"\n", program.display());
    fs::write(&hears, line).expect("it can be written");
    fs::set_permissions(&hears, Permissions::from_mode(0o755)).expect("it is ours");
    in_lab(|lab| {
        let mut service = Service::start(lab, &hears, [&argument], |_| ()).expect("it serves");
        assert_eq!(ask(&connect(lab, PORT), "the last words"), b"the last words");
        service.signal(Signal::SIGHUP).expect("it runs");
        service
            .wait_for_line(0, Duration::from_secs(5), |line| line.starts_with("region packet "))
            .expect("it reports its regions");
        let (status, lines) = service.stop().expect("it ends");
        assert_eq!(status.code(), Some(0), "{lines:#?}");
        assert_statistics(&lines);
    });
    let frames = fs::read(&path).expect("there is a file");
    fs::remove_file(path).expect("the file is ours");
    fs::remove_file(hears).expect("the file is ours");
    let times = frames.windows(14).filter(|bytes| bytes == b"the last words").count();
    assert_eq!(times, 2, "the request and its reply are in {} bytes", frames.len());
}

/// Runs the service with this argument: it must end with this status and these words.
pub(super) fn assert_ends(lab: &Lab, program: &Path, arg: &str, status: i32, words: &str) {
    let output = lab.command(program, [arg]).output().expect("it can be started");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert_eq!(output.status.code(), Some(status), "{arg}: {said}");
    assert!(said.contains(words), "{arg}: {said}");
}
