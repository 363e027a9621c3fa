//! iperf3, the client, against the service `iperf3`.

use std::{
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use lab::{Lab, tools::Tool};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use super::bed::{ADDRESS, Ended, Said, client, counter, run, succeed, tool, with};
use crate::program::program;

const IPERF3: Tool = tool("iperf3", "iperf3");

/// How many bytes a test carries that is ended by bytes: no multiple of anything.
const BYTES: u64 = 100_000_001;
/// The most bytes that one end may have given away and the other one not yet received when time ends a test, of one
/// stream: the buffers of both.
const ON_THEIR_WAY: u64 = 16 << 20;
/// How long the service may take until it has seen that a client is gone.
const FREE_WITHIN: Duration = Duration::from_secs(5);

/// Calls `test` with the service, with its offloads on, as it has them.
fn with_service(test: impl FnOnce(&Lab) + Send) {
    with(&[IPERF3], &program("iperf3", &[]), &["--offloads=on"], test);
}

/// What the client finds.
struct Found(Value);

impl Found {
    fn by(args: &[&str]) -> Self {
        let said = succeed(client(&IPERF3).args(["--json", "--client", ADDRESS]).args(args));
        let found = Self(serde_json::from_slice(&said.bytes).expect("it is JSON"));
        let rate = found.number("sum_received", "bits_per_second") / 1_000_000;
        println!("{}: {rate} Mbit/s, {} sent again", args.join(" "), found.sent_again("sum_sent"));
        found
    }

    fn number(&self, part: &str, name: &str) -> u64 {
        let number = self.0["end"][part][name].as_f64();
        number.unwrap_or_else(|| panic!("no {name} of {part} in {}", self.0["end"])) as u64
    }

    /// How many bytes were sent and received, as both ends say.
    fn bytes(&self) -> [u64; 2] {
        ["sum_sent", "sum_received"].map(|part| self.number(part, "bytes"))
    }

    /// How many segments were sent again.
    fn sent_again(&self, part: &str) -> u64 {
        self.number(part, "retransmits")
    }

    fn streams(&self) -> &[Value] {
        self.0["end"]["streams"].as_array().expect("there are streams")
    }
}

/// What the client says of an error, which there has to be.
fn refused(args: &[&str]) -> String {
    let Said { status, bytes, err } = run(client(&IPERF3).args(["--client", ADDRESS]).args(args));
    assert_eq!(status, Some(1), "{err}");
    String::from_utf8_lossy(&bytes).into_owned() + &err
}

pub(crate) fn what_is_sent_is_what_was_received() {
    with_service(|_| {
        let bytes = BYTES.to_string();
        for parallel in ["1", "4"] {
            for direction in [&[][..], &["--reverse"]] {
                let args = [&["--parallel", parallel, "--bytes", &bytes][..], direction].concat();
                let found = Found::by(&args);
                let [sent, received] = found.bytes();
                assert_eq!(sent, received, "{args:?}");
                // The service sends not one byte more than was wanted; the client sends whole blocks, some at once.
                let over = if direction.is_empty() { 8 << 20 } else { 0 };
                assert!((BYTES..=BYTES + over).contains(&sent), "{sent}: {args:?}");
                assert_eq!(found.streams().len().to_string(), parallel);
                for stream in found.streams() {
                    let [sent, received] =
                        ["sender", "receiver"].map(|end| stream[end]["bytes"].as_u64());
                    assert_eq!(sent, received, "{args:?}");
                    assert!(sent > Some(0), "{args:?}");
                }
                // Nothing is lost here: some segments are late, on a machine that is busy.
                assert!(found.sent_again("sum_sent") * 1448 * 100 <= sent, "{args:?}");
            }
        }
    });
}

pub(crate) fn time_ends_a_test() {
    with_service(|_| {
        for parallel in [1, 4] {
            let count = parallel.to_string();
            let [sent, received] = Found::by(&["--parallel", &count, "--time", "2"]).bytes();
            assert_eq!(sent, received);
            assert!(sent > BYTES, "{sent}");
            let found = Found::by(&["--parallel", &count, "--time", "2", "--reverse"]);
            let [sent, received] = found.bytes();
            assert!(
                received <= sent && sent <= received + parallel * ON_THEIR_WAY,
                "{sent} {received}"
            );
            assert!(received > BYTES, "{received}");
            let seconds = found.0["end"]["sum_received"]["seconds"].as_f64();
            assert!(seconds.is_some_and(|seconds| (1.9..4.0).contains(&seconds)), "{seconds:?}");
        }
    });
}

pub(crate) fn both_ways_at_once() {
    with_service(|_| {
        let found = Found::by(&["--bidir", "--parallel", "2", "--time", "2"]);
        let [sent, received] = found.bytes();
        assert_eq!(sent, received);
        let part = |part| found.number(part, "bytes");
        let [back, came_back] = ["sum_sent_bidir_reverse", "sum_received_bidir_reverse"].map(part);
        // That it is over, the service hears behind all that is on its way to it.
        assert!(came_back <= back && back * 4 <= came_back * 5, "{back} {came_back}");
        assert!(sent.min(came_back) > BYTES / 10, "{sent} {came_back}");
        found.sent_again("sum_sent_bidir_reverse");
    });
}

pub(crate) fn options_are_heeded_or_refused() {
    with_service(|_| {
        for (args, words) in [
            (&["--udp"][..], "protocol does not exist"),
            (&["--window", "64K"], "not implemented"),
            (&["--omit", "1"], "not implemented"),
            (&["--get-server-output"], "not implemented"),
            (&["--reverse", "--bitrate", "1M"], "not implemented"),
            (&["--bidir", "--parallel", "65"], "number of parallel streams"),
        ] {
            let said = refused(args);
            assert!(said.contains(words), "{args:?}: {said}");
        }
        let bytes = "1000003";
        for args in [
            &["--reverse", "--length", "100"][..],
            &["--reverse", "--set-mss", "500", "--no-delay", "--tos", "0x20"],
            &["--congestion", "cubic", "--zerocopy"],
            &["--reverse", "--repeating-payload", "--title", "a \"{b\\"],
            &["--bitrate", "100M", "--pacing-timer", "500"],
            &["--parallel", "128"],
            &["--reverse", "--parallel", "128"],
        ] {
            let [sent, received] = Found::by(&[args, &["--bytes", bytes]].concat()).bytes();
            assert_eq!(sent, received, "{args:?}");
        }
        let [sent, received] = Found::by(&["--reverse", "--blockcount", "7"]).bytes();
        // The client counts each read as a block, so it may have enough before all has come.
        assert!(0 < received && received <= sent && sent <= 7 * (128 << 10), "{sent} {received}");
    });
}

/// A client that measures until it is ended.
fn busy(args: &[&str]) -> Ended {
    let mut command = client(&IPERF3);
    command.args(["--client", ADDRESS, "--time", "0"]).args(args).stdout(Stdio::null());
    Ended(command.stderr(Stdio::null()).spawn().expect("iperf3 is there"))
}

/// Waits until the service has these connections.
fn wait_for_connections(lab: &Lab, count: u64) {
    let start = Instant::now();
    while counter(lab, "eth0.tcp.accepted") < count {
        assert!(start.elapsed() < FREE_WITHIN, "the client does not connect");
        thread::sleep(Duration::from_millis(20));
    }
}

pub(crate) fn one_test_at_a_time() {
    with_service(|lab| {
        for (args, streams) in [(&["--parallel", "3"][..], 3), (&["--reverse"], 1)] {
            let before = counter(lab, "eth0.tcp.accepted");
            let first = busy(args);
            wait_for_connections(lab, before + 1 + streams);
            let said = refused(&["--time", "1"]);
            assert!(said.contains("the server is busy running a test"), "{said}");
            drop(first);
            // Ended by a signal, it says so to the service, which is free then.
            let start = Instant::now();
            while run(client(&IPERF3).args(["--client", ADDRESS, "--bytes", "1"])).status != Some(0)
            {
                assert!(start.elapsed() < FREE_WITHIN, "the service is not free");
            }
        }
    });
}

/// Ends a client without a word.
fn kill_at_once(Ended(child): &Ended) {
    let id = |child: &Child| Pid::from_raw(i32::try_from(child.id()).expect("it is a number"));
    // `timeout` and what it has started.
    let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id()));
    for child in children.expect("it runs").split_whitespace() {
        kill(Pid::from_raw(child.parse().expect("it is a number")), Signal::SIGKILL)
            .expect("it may");
    }
    let _ = kill(id(child), Signal::SIGKILL);
}

pub(crate) fn a_client_that_is_killed_is_gone() {
    with_service(|lab| {
        for args in [&["--parallel", "3"][..], &["--reverse"]] {
            let before = counter(lab, "eth0.tcp.accepted");
            let first = busy(args);
            wait_for_connections(lab, before + 2);
            kill_at_once(&first);
            let start = Instant::now();
            while run(client(&IPERF3).args(["--client", ADDRESS, "--bytes", "1"])).status != Some(0)
            {
                assert!(start.elapsed() < FREE_WITHIN, "the service is not free");
            }
        }
    });
}
