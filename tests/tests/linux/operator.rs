//! What an operator sees of a service: its counters, and its frames.

use std::{
    env, fs,
    fs::File,
    os::unix::net::UnixDatagram,
    process::{self, Child, Stdio},
    time::Duration,
};

use lab::{Lab, Signal, cargo};
use nix::{sys::signal::kill, unistd::Pid};
use pcap_file::pcap::PcapReader;

use super::support::{PORT, ask, ask_text, connect, in_lab, program, with_service};

pub(crate) fn counters_are_served() {
    with_service("echo", &["--stats-port=9100"], |lab, _| {
        let (service, counters) = (connect(lab, PORT), connect(lab, 9100));
        for _ in 0..10 {
            ask_text(&service, "hello");
        }
        let all = ask_text(&counters, "");
        for line in [
            // Ten requests, and this one.
            "eth0.udp.datagrams_rx 11",
            "eth0.udp.bad_checksum 0",
            "eth0.arp.conflicts 0",
        ] {
            assert!(all.lines().any(|is| is == line), "{line} is not in:\n{all}");
        }
        for beginning in [
            "eth0.tap.",
            "eth0.ethernet.",
            "eth0.ipv4.",
            "eth0.icmp.",
            "pool pages ",
            "region packet ",
        ] {
            assert!(all.lines().any(|is| is.starts_with(beginning)), "no {beginning} in:\n{all}");
        }
        assert_eq!(ask_text(&counters, "eth0.udp.datagrams_rx\n"), "eth0.udp.datagrams_rx 12\n");
    });
}

pub(crate) fn frames_are_written_to_a_file() {
    let path = env::temp_dir().join(format!("frames-{}.pcap", process::id()));
    let argument = format!("--pcap={}", path.display());
    with_service("echo", &[&argument], |lab, _| {
        ask_text(&connect(lab, PORT), "written down");
    });
    let mut reader = PcapReader::new(File::open(&path).expect("there is a file")).expect("pcap");
    let mut datagrams = Vec::new();
    while let Some(frame) = reader.next_packet() {
        let frame = frame.expect("the file is whole");
        // Ethernet, IPv4 and UDP headers before the payload; the checksum of IPv4 needs no look.
        if frame.data.get(42..54) == Some(b"written down") {
            datagrams.push((frame.timestamp, frame.data[34..38].to_vec()));
        }
    }
    fs::remove_file(path).expect("the file is ours");
    let [request, reply] = &datagrams[..] else { panic!("not two datagrams: {datagrams:?}") };
    assert!(request.0 <= reply.0, "the reply is older than its request");
    assert_eq!(request.1[2..], PORT.to_be_bytes());
    assert_eq!(reply.1[..2], PORT.to_be_bytes());
}

/// `letregion-stats` with these arguments: its status, and what it prints.
fn stats(lab: &Lab, args: &[&str]) -> (Option<i32>, String, String) {
    let program = cargo::tool("letregion-stats").expect("it builds");
    let service = format!("{}:9100", lab.network().service);
    let output = lab.client(program).arg(service).args(args).output().expect("it can be started");
    let text = |bytes| String::from_utf8(bytes).expect("it is text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

pub(crate) fn the_counters_are_there_for_prometheus() {
    with_service("echo", &["--stats-port=9100"], |lab, _| {
        let service = connect(lab, PORT);
        for _ in 0..10 {
            ask_text(&service, "hello");
        }
        let lines = stats(lab, &["eth0.udp.datagrams_tx"]);
        assert_eq!(lines, (Some(0), "eth0.udp.datagrams_tx 10\n".into(), String::new()));
        let (status, text, said) = stats(lab, &["--format=prometheus"]);
        assert_eq!((status, &*said), (Some(0), ""));
        for line in [
            // Ten requests, and two questions.
            r#"letregion_datagrams_rx_total{interface="eth0",layer="udp"} 12"#,
            r#"letregion_region_refused_total{region="packet"} 0"#,
            "# TYPE letregion_pool_pages gauge",
            // All of a real service's lines are known.
            "letregion_unreadable_lines 0",
            "letregion_up 1",
        ] {
            assert!(text.lines().any(|is| is == line), "{line} is not in:\n{text}");
        }
        assert_eq!(stats(lab, &["--check"]), (Some(0), String::new(), String::new()));
    });
    // With nobody who answers.
    in_lab(|lab| {
        let (status, _, said) = stats(lab, &["--check", "--timeout=0.5"]);
        assert_eq!(status, Some(1));
        assert!(said.starts_with("letregion-stats: 10.0.0.2:9100: "), "{said}");
    });
}

/// A service in its sandbox below a service manager.
pub(crate) fn a_service_manager_is_told() {
    let program = program("echo");
    let path = env::temp_dir().join(format!("manager-{}", process::id()));
    let manager = UnixDatagram::bind(&path).expect("the path is free");
    manager.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout can be set");
    let message = || {
        let mut message = [0; 1024];
        let length = manager.recv(&mut message).expect("there is a message");
        String::from_utf8_lossy(&message[..length]).into_owned()
    };
    in_lab(|lab| {
        let mut command = lab.command(program, [""; 0]);
        command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "200000");
        // That is the process of the tests, if they run below a manager.
        command.env_remove("WATCHDOG_PID").stdin(Stdio::null()).stderr(Stdio::null());
        let mut service = Running(command.spawn().expect("it starts"));
        let ready = message();
        let beginning = "READY=1\nSTATUS=serving udp 8080 at 10.0.0.2/24 on tap0 ";
        assert!(ready.starts_with(beginning), "{ready}");
        lab.network().wait_until_up().expect("it comes up");
        for _ in 0..3 {
            assert_eq!(message(), "WATCHDOG=1");
            assert_eq!(ask(&connect(lab, PORT), "hello"), b"hello");
        }
        kill(Pid::from_raw(service.0.id() as i32), Signal::SIGTERM).expect("it runs");
        let last = std::iter::repeat_with(message).find(|message| message != "WATCHDOG=1");
        assert_eq!(last.as_deref(), Some("STOPPING=1"));
        assert_eq!(service.0.wait().expect("it ends").code(), Some(0));
    });
    fs::remove_file(path).expect("the path is ours");
}

/// Killed when it is forgotten.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Nothing to do if it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
