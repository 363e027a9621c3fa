//! Each argument that `--help` lists is seen in what a service does, or is refused: none is ignored in silence. And what a
//! service says when it serves.

use std::{
    collections::BTreeSet, env, fs, fs::File, net::UdpSocket, process, process::Command, thread,
    time::Duration,
};

use lab::{Lab, Service};
use pcap_file::pcap::PcapReader;
use tests::{Exchange, apps, shortest};

use super::{
    process::{assert_ends, ip},
    support::{PORT, ask_text, connect, in_lab, program, with_service},
};

/// A host that the service reaches through its gateway only: one of its clients, which may ask for its counters as well.
const CLIENT: &str = "192.0.2.9";
/// A host beside it that is none.
const STRANGER: &str = "192.0.2.8";

/// What is seen of a service that has all arguments which it does not refuse.
struct Seen {
    /// The line with which it says that it serves.
    serving: String,
    /// What its port for counters says to a client that is not in its network.
    counters: String,
    /// What `ip` says of its interface.
    link: String,
    /// What Linux says of its process.
    process: String,
    /// The frames that it wrote to a file.
    frames: Vec<Vec<u8>>,
    /// The length of that file in bytes.
    length: u64,
}

/// What becomes of an argument.
enum Fate {
    /// It is refused, in a program that is built as the tests build it.
    Refused,
    /// This is seen of it.
    Seen(fn(&Seen) -> bool),
}

use Fate::{Refused, Seen as See};

/// All arguments, a value for each, and what becomes of it.
const ARGUMENTS: &[(&str, &str, Fate)] = &[
    ("--ipv4", "=10.0.0.2/23", See(|seen| seen.serving.contains(" at 10.0.0.2/23 "))),
    ("--ipv4-gateway", "=10.0.0.1", See(|seen| !seen.counters.is_empty())),
    ("--interface", "=tap0", See(|seen| seen.serving.contains(" on tap0 "))),
    (
        "--mac",
        "=02:00:0a:00:00:77",
        See(|seen| seen.serving.contains(" on tap0 02:00:0a:00:00:77")),
    ),
    ("--probe", "", See(|seen| seen.frames.iter().any(|frame| is_probe(frame)))),
    ("--offloads", "=on", See(|seen| seen.link.contains(" vnet_hdr on"))),
    ("--clients", "=192.0.2.9/32", See(|seen| seen.counters.contains("udp.not_allowed 1\n"))),
    ("--stats-port", "=9100", See(|seen| seen.serving.contains(" counters 9100 "))),
    ("--stats-from", "=192.0.2.9/32", See(|seen| !seen.counters.is_empty())),
    ("--log", "=arp", Refused),
    ("--memory", "=4M", See(|seen| pages(&seen.counters).is_some_and(|pages| pages <= 1024))),
    ("--pcap", "=FILE", See(|seen| !seen.frames.is_empty())),
    ("--pcap-size", "=4K", See(|seen| (3 << 10..=4 << 10).contains(&seen.length))),
    ("--profile", "=/tmp/none", Refused),
    ("--profile-every", "=7", Refused),
    ("--cores", "=2", Refused),
    ("--pin", "=on", Refused),
    ("--sandbox", "=off", See(|seen| seen.process.contains("Seccomp:\t0\n"))),
];

pub(crate) fn none_is_ignored() {
    // Each probes for its address, which takes 4 to 7 seconds.
    thread::scope(|scope| {
        for app in apps() {
            // Built by the first.
            let program = program(app);
            scope.spawn(move || {
                in_lab(|lab| {
                    let help =
                        lab.command(program, ["--help"]).output().expect("it can be started");
                    let names = ARGUMENTS.iter().map(|row| row.0).chain(own(app).iter().copied());
                    assert_eq!(listed(&help.stdout), names.collect());
                    for (name, value, _) in ARGUMENTS.iter().filter(|row| matches!(row.2, Refused))
                    {
                        assert_ends(lab, program, &format!("{name}{value}"), 2, name);
                    }
                    let seen = see(lab, app);
                    for (name, value, fate) in ARGUMENTS {
                        if let See(is_seen) = fate {
                            let Seen { serving, counters, link, .. } = &seen;
                            let said = format!("{serving}\n{link}\n{counters}");
                            assert!(is_seen(&seen), "{app}: {name}{value} is ignored: {said}");
                        }
                    }
                });
            });
        }
    });
}

/// The arguments that a service has for itself.
fn own(app: &str) -> &'static [&'static str] {
    match app {
        "dns" => &["--rate", "--transfer-to"],
        "kv" => &["--cap", "--upstream"],
        _ => &[],
    }
}

/// The arguments that `--help` lists.
fn listed(help: &[u8]) -> BTreeSet<&str> {
    let lines = str::from_utf8(help).expect("text").lines().skip(1);
    lines.filter_map(|line| line.trim_start().split(['=', ' ']).next()).collect()
}

/// Runs the service with all arguments that it takes, asks it and looks at it.
fn see(lab: &Lab, app: &str) -> Seen {
    let path = env::temp_dir().join(format!("arguments-{}-{app}.pcap", process::id()));
    let file = format!("={}", path.display());
    let taken = ARGUMENTS.iter().filter(|row| matches!(row.2, See(_)));
    let args = taken.map(|(name, value, _)| match *value {
        "=FILE" => format!("{name}{file}"),
        value => format!("{name}{value}"),
    });
    for address in [CLIENT, STRANGER] {
        ip(&format!("address add {address}/32 dev lo"));
    }
    let service = Service::start(lab, program(app), args, |_| ()).expect("it serves");
    let serving =
        service.lines().into_iter().find(|line| lab::is_serving(line)).expect("it said so");
    let ask = |from: &str, port: u16, request: &[u8]| {
        let socket = UdpSocket::bind((from, 0)).expect("an address of lo");
        socket.connect((lab.network().service, port)).expect("there is a route");
        let limit = if from == CLIENT { 10_000 } else { 500 };
        socket.set_read_timeout(Some(Duration::from_millis(limit))).expect("a timeout");
        socket.send(request).expect("it can be sent");
        let mut reply = vec![0; 1 << 16];
        socket.recv(&mut reply).map(|length| String::from_utf8_lossy(&reply[..length]).into_owned())
    };
    let Exchange { port, request, .. } = shortest(app);
    assert!(ask(STRANGER, port, &request).is_err(), "{app}: a stranger was answered");
    // So many that the file of frames ends.
    for _ in 0..60 {
        ask(CLIENT, port, &request).expect("a client is answered");
    }
    let counters = ask(CLIENT, 9100, b"").expect("it has a port for counters");
    let link = Command::new("ip").args(["-d", "link", "show", "dev", "tap0"]).output();
    let link = String::from_utf8(link.expect("there is ip").stdout).expect("text");
    let process = fs::read_to_string(format!("/proc/{}/status", service.id())).expect("it runs");
    let (status, lines) = service.stop().expect("it ends");
    assert!(status.success(), "{app}: {lines:#?}");
    let length = fs::metadata(&path).expect("there is a file").len();
    let mut reader = PcapReader::new(File::open(&path).expect("a file")).expect("pcap");
    let mut frames = Vec::new();
    while let Some(frame) = reader.next_packet() {
        frames.push(frame.expect("the file is whole").data.into_owned());
    }
    fs::remove_file(path).expect("the file is ours");
    Seen { serving, counters, link, process, frames, length }
}

/// Whether the frame is an ARP request for 10.0.0.2 from nobody (RFC 5227 2.1.1).
fn is_probe(frame: &[u8]) -> bool {
    frame.get(12..14) == Some(&[8, 6])
        && frame.get(28..32) == Some(&[0; 4])
        && frame.get(38..42) == Some(&[10, 0, 0, 2])
}

/// The number in `pool pages 1024 free …`.
fn pages(counters: &str) -> Option<u32> {
    let line = counters.lines().find_map(|line| line.strip_prefix("pool pages "))?;
    line.split(' ').next()?.parse().ok()
}

pub(crate) fn serving_says_where() {
    let args = ["--stats-port=9100", "--mac=02:00:0a:00:00:02"];
    with_service("facfib", &args, |lab, service| {
        let place = "udp 8080 8081 8082 counters 9100 at 10.0.0.2/24 on tap0 02:00:0a:00:00:02";
        let lines = service.lines();
        assert!(lines.contains(&format!("serving {place}")), "{lines:#?}");
        assert_eq!(ask_text(&connect(lab, PORT), "5"), "120");
    });
}
