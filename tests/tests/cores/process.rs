//! The process, its threads, and what it says.

use std::{
    fs,
    net::SocketAddr,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use lab::{Network, Service, Signal};

use super::lab::{FEATURES, Report, with};
use crate::flows::{ask_all, flow};
use crate::program::program;

const SOON: Duration = Duration::from_secs(5);

pub(crate) fn it_says_once_where_it_serves_and_reports_for_all() {
    with("echo", &[], |lab, mut service| {
        let to: SocketAddr = (lab.network().service, 8080).into();
        let flows: Vec<_> = (0..64).map(|_| flow(to)).collect();
        let requests = vec![b"hello".to_vec(); 64];
        assert_eq!(ask_all(&flows, &requests, SOON), 64);
        service.signal(Signal::SIGUSR1).expect("it is there");
        let seen = service.wait_for_line(0, SOON, |line| line.starts_with("eth0.udp.datagrams_rx"));
        assert_eq!(seen.expect("it reports"), "eth0.udp.datagrams_rx 64");
        let serving = service.lines().iter().filter(|line| line.contains("serving")).count();
        assert_eq!(serving, 1, "{:#?}", service.lines());
        // Time to sleep.
        thread::sleep(Duration::from_millis(300));
        let report = Report::of(service);
        for core in 0..2 {
            let [busy, idle] =
                ["busy", "idle"].map(|what| report.number(&format!("core{core}.{what}_ms")));
            assert!(idle > busy, "core {core} is busy for {busy} ms and idle for {idle}");
        }
    });
}

/// One flow is served by one core: it is the other one that is idle.
pub(crate) fn a_core_that_computes_is_seen() {
    with("facfib", &[], |lab, service| {
        let flow = flow((lab.network().service, 8080).into());
        flow.set_read_timeout(Some(Duration::from_secs(60))).expect("it can be set");
        let start = Instant::now();
        let mut reply = vec![0; 65_536];
        while start.elapsed() < Duration::from_secs(1) {
            flow.send(b"8000").expect("it can be sent");
            flow.recv(&mut reply).expect("it is answered");
        }
        let report = Report::of(service);
        let mut busy = [0, 1].map(|core| report.number(&format!("core{core}.busy_ms")));
        busy.sort_unstable();
        assert!(busy[1] > 300 && busy[1] > 4 * busy[0], "{busy:?}");
    });
}

pub(crate) fn each_thread_gives_up_its_rights() {
    with("echo", &[], |_lab, service| {
        let threads = fs::read_dir(format!("/proc/{}/task", service.id())).expect("it runs");
        let status: Vec<String> = threads
            .map(|thread| fs::read_to_string(thread.expect("a thread").path().join("status")))
            .collect::<Result<_, _>>()
            .expect("it can be read");
        assert_eq!(status.len(), 2);
        for status in status {
            for (name, value) in [
                ("CapEff:", "0000000000000000"),
                ("CapBnd:", "0000000000000000"),
                ("NoNewPrivs:", "1"),
                ("Seccomp:", "2"),
            ] {
                let line = status.lines().find_map(|line| line.strip_prefix(name));
                // Who is not root has no right to empty the bounding set.
                let is_kept = name == "CapBnd:" && !is_root();
                assert!(is_kept || line.map(str::trim) == Some(value), "{name} {line:?}");
            }
        }
        drop(service);
    });
}

fn is_root() -> bool {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.split_whitespace().eq(["0", "0", "4294967295"])
}

pub(crate) fn frames_of_each_core_are_recorded() {
    let folder = tempfile::tempdir().expect("there is room");
    let path = folder.path().join("frames.pcap");
    let argument = format!("--pcap={}", path.display());
    with("echo", &[&argument], |lab, service| {
        let to: SocketAddr = (lab.network().service, 8080).into();
        let flows: Vec<_> = (0..64).map(|_| flow(to)).collect();
        assert_eq!(ask_all(&flows, &vec![b"hello".to_vec(); 64], SOON), 64);
        drop(Report::of(service));
    });
    for name in ["frames.pcap", "frames.pcap.1"] {
        let length = fs::metadata(folder.path().join(name)).expect("it was made").len();
        // Of each request and each reply, and no file has all of them.
        assert!((10 * 2 * 60..64 * 2 * 63 + 2000).contains(&length), "{name}: {length} bytes");
    }
}

pub(crate) fn what_cannot_be_is_refused_in_words() {
    let program = program("echo", FEATURES);
    let cases = [
        (true, "--cores=0", "--cores=0: expected a number of cores, 1 to 32, or all"),
        (true, "--memory=200K", "--cores=2: 204800 bytes of memory are enough for 1"),
        (false, "--pin=on", "exists and is not a TAP device with several queues"),
        (true, "--ipv4=10.0.0.2/33", "--ipv4=10.0.0.2/33: "),
    ];
    for (queues, argument, words) in cases {
        lab::in_namespace(Network { queues, ..Network::default() }, |lab| {
            let cores = if argument.starts_with("--cores") { argument } else { "--cores=2" };
            let args = if cores == argument { vec![cores] } else { vec![cores, argument] };
            let Err(error) = Service::start(lab, &program, &args, |_| ()) else {
                panic!("{argument} is accepted");
            };
            let error = format!("{error:#}");
            assert!(error.contains(words), "{error}");
            // Once, and not by each core.
            assert_eq!(error.matches(words).count(), 1, "{error}");
        })
        .unwrap_or_else(|error| panic!("{error:#}"));
    }
    let output = Command::new(&program).args(["--cores=2", "--help"]).output().expect("it starts");
    let help = String::from_utf8(output.stdout).expect("it is text");
    assert!(output.status.success());
    assert_eq!(help.matches("--cores=N|all").count(), 1, "{help}");
}

/// A request that takes seconds does not keep the process.
pub(crate) fn it_ends_while_cores_compute() {
    with("monte-carlo", &[], |lab, service| {
        let to: SocketAddr = (lab.network().service, 8080).into();
        let flows: Vec<_> = (0..16).map(|_| flow(to)).collect();
        for flow in &flows {
            flow.send(b"10000000").expect("it can be sent");
        }
        let start = Instant::now();
        let (status, lines) = service.stop().expect("it ends");
        assert!(status.success(), "{status}: {lines:#?}");
        assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    });
}
