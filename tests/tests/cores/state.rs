//! What cores have in common: keys that each have one core, ports of one core, and the numbers of all.

use std::{
    net::{SocketAddr, UdpSocket},
    thread,
    time::{Duration, Instant},
};

use lab::{Lab, Service};
use tests::{apps, exchanges, unlimited};

use super::lab::{Report, with};
use crate::{flows::flow, http::page};

const SOON: Duration = Duration::from_secs(10);

/// What comes back.
fn ask(flow: &UdpSocket, request: &[u8]) -> Vec<u8> {
    flow.set_read_timeout(Some(SOON)).expect("it can be set");
    flow.send(request).expect("it can be sent");
    let mut reply = vec![0; 65_536];
    let length = flow.recv(&mut reply).unwrap_or_else(|error| {
        panic!("{error}: {}", String::from_utf8_lossy(&request[..request.len().min(60)]))
    });
    reply.truncate(length);
    reply
}

fn flows(lab: &Lab, port: u16, count: usize) -> Vec<UdpSocket> {
    (0..count).map(|_| flow((lab.network().service, port).into())).collect()
}

/// Each exchange from flows of both cores, one after the other.
pub(crate) fn the_table_of_requests() {
    for app in apps() {
        with(app, unlimited(app), |lab, service| {
            for exchange in exchanges().into_iter().filter(|exchange| exchange.app == app) {
                let flows = flows(lab, exchange.port, 4);
                for (time, flow) in (0..exchange.times.max(4)).zip(flows.iter().cycle()) {
                    let reply = ask(flow, &exchange.request);
                    assert!(
                        exchange.reply.is(&reply),
                        "{app}, time {time}: {:?} is the reply to {:?}",
                        String::from_utf8_lossy(&reply[..reply.len().min(100)]),
                        String::from_utf8_lossy(
                            &exchange.request[..exchange.request.len().min(100)]
                        )
                    );
                }
            }
            drop(service);
        });
    }
}

/// Each key is set, read, deleted and read again, each time at another core.
pub(crate) fn keys_are_the_same_at_each_core() {
    with("kv", &[], |lab, service| {
        let flows = flows(lab, 8080, 16);
        let text = |at: usize, request: String| {
            String::from_utf8(ask(&flows[at % 16], request.as_bytes())).expect("it is text")
        };
        for key in 0..200 {
            assert_eq!(text(key, format!("set k{key} value {key}")), "stored");
            for at in 1..4 {
                assert_eq!(text(key + at, format!("get k{key}")), format!("value value {key}"));
            }
        }
        for key in 0..200 {
            match key % 4 {
                0 => assert_eq!(text(key + 5, format!("del k{key}")), "deleted"),
                1 => assert_eq!(text(key + 5, format!("setex k{key} 1 short")), "stored"),
                2 => assert_eq!(text(key + 5, format!("set k{key} other")), "stored"),
                _ => {
                    assert_eq!(text(key + 5, format!("peek k{key}")), format!("value value {key}"));
                }
            }
        }
        // Until they have expired, and were looked for.
        thread::sleep(Duration::from_millis(2300));
        for (key, at) in (0..200).flat_map(|key| (0..3).map(move |at| (key, at))) {
            let expected = match key % 4 {
                0 | 1 => "not found".to_owned(),
                2 => "value other".to_owned(),
                _ => format!("value value {key}"),
            };
            assert_eq!(text(key + at, format!("get k{key}")), expected, "k{key}");
        }
        // The longest request and the longest reply, and what is refused without asking.
        let key = "k".repeat(250);
        for at in 0..8 {
            let value = at.to_string().repeat(1000);
            assert_eq!(text(at, format!("set {key} {value}")), "stored");
            assert_eq!(text(at + 1, format!("get {key}")), format!("value {value}"));
            assert!(text(at, format!("set k {}", "v".repeat(1001))).contains("are allowed"));
        }
        let report = Report::of(service);
        let number = |name: &str| report.number(&format!("eth0.{name}"));
        // Half of the requests are for keys of the other core, and each core asks the other one.
        let all = 200 * 4 + 200 + 600 + 16;
        let passed = number("kv.passed");
        assert!((all / 3..all * 2 / 3).contains(&passed), "{passed} of {all}");
        assert_eq!((number("messages.asked"), number("messages.answered")), (passed, passed));
        assert_eq!(
            ["unanswered", "no_room", "late"].map(|name| number(&format!("messages.{name}"))),
            [0; 3]
        );
        assert_eq!((number("kv.entries"), number("kv.expired")), (101, 50));
        assert_eq!(number("cores.messages_tx"), number("cores.messages_rx"));
        assert!(number("cores.messages_tx") >= 2 * passed, "a question and its answer");
    });
}

/// All pages that the cores use, by the lines of their reports.
fn pages(service: &mut Service<'_>) -> Vec<u64> {
    let from = service.lines().len();
    service.signal(lab::Signal::SIGUSR1).expect("it is there");
    // Of the second core, and then of the first.
    for begins in ["core 1: pool pages ", "pool pages "] {
        let line = service.wait_for_line(from, SOON, |line| line.starts_with(begins));
        line.unwrap_or_else(|| panic!("no line begins with {begins}"));
    }
    let lines = &service.lines()[from..];
    let used = lines.iter().filter_map(|line| {
        let line = line.strip_prefix("core 1: ").unwrap_or(line).strip_prefix("pool pages ")?;
        let mut words = line.split(' ');
        let all: u64 = words.next()?.parse().ok()?;
        let free: u64 = words.nth(1)?.parse().ok()?;
        Some(all - free)
    });
    used.collect()
}

/// Below its cap, on both cores.
pub(crate) fn memory_is_flat_while_keys_come_and_go() {
    with("kv", &["--cap=256K"], |lab, mut service| {
        let flows = flows(lab, 8080, 16);
        let mut round = |round: usize| {
            for number in 0..3000 {
                let request = format!("set r{round}-{number} {}", "v".repeat(number % 300));
                assert_eq!(ask(&flows[number % 16], request.as_bytes()), b"stored");
            }
        };
        round(0);
        let before = pages(&mut service);
        assert_eq!(before.len(), 2);
        (1..5).for_each(&mut round);
        let after = pages(&mut service);
        // Slabs of other size classes come and go.
        assert!(
            before.iter().zip(&after).all(|(before, after)| *after <= before + 4),
            "{before:?}, {after:?}"
        );
        let report = Report::of(service);
        let (entries, evicted) =
            (report.number("eth0.kv.entries"), report.number("eth0.kv.evicted"));
        assert_eq!(entries + evicted, 15_000);
        // 150 to 500 bytes each.
        assert!((400..2000).contains(&entries), "{entries} entries in 256 KiB");
    });
}

/// A port of one core answers wherever a request arrives.
pub(crate) fn each_port_has_a_core_of_its_own() {
    with("facfib", &["--own-cores=on"], |lab, service| {
        let mut lines = service.lines().into_iter();
        let line = lines.find(|line| line.contains("serving")).expect("it serves");
        assert!(line.contains("udp 8080 8082 udp 8081 on core 1 at "), "{line}");
        for (port, request, reply) in
            [(8080, "5", "120"), (8081, "90", "2880067194370816120"), (8082, "10", "55")]
        {
            for flow in flows(lab, port, 16) {
                assert_eq!(ask(&flow, request.as_bytes()), reply.as_bytes());
            }
        }
        let report = Report::of(service);
        assert_eq!(report.number("eth0.udp.datagrams_rx"), 48);
        // Of 48 flows, half arrive at the wrong core; a flow moves only when it is answered.
        let passed = report.number("eth0.share.passed_tx");
        assert!((8..=40).contains(&passed), "{passed} of 48");
        assert_eq!(
            (report.number("eth0.share.passed_rx"), report.number("eth0.share.no_room")),
            (passed, 0)
        );
    });
}

/// The number of a line of the counters that `flow` is answered.
fn counter(flow: &UdpSocket, name: &str) -> u64 {
    let reply = ask(flow, name.as_bytes());
    let text = String::from_utf8(reply).expect("it is text");
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{name}: {text:?}"))
}

/// Whichever core is asked for the counters, they are those of all.
pub(crate) fn the_counters_are_those_of_all_cores() {
    with("echo", &["--stats-port=9100"], |lab, service| {
        let to: SocketAddr = (lab.network().service, 8080).into();
        for number in 0..100_u8 {
            assert_eq!(ask(&flow(to), &[number]), [number]);
        }
        // What the other core counted is a second old at most.
        thread::sleep(Duration::from_millis(1100));
        let asking = flows(lab, 9100, 16);
        for (asked, flow) in (0..).zip(&asking) {
            let seen = counter(flow, "eth0.udp.datagrams_rx");
            // Questions for the counters count too, those of this second not for all cores.
            assert!((100..=101 + asked).contains(&seen), "{seen} after {asked} questions");
        }
        drop(service);
    });
}

/// One flow is served by one core, which computes; the other one answers for the counters too.
pub(crate) fn a_hot_core_is_seen_by_all() {
    with("facfib", &["--stats-port=9100"], |lab, service| {
        let hot = flow((lab.network().service, 8080).into());
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(2) {
            ask(&hot, b"8000");
        }
        let asking = flows(lab, 9100, 8);
        for flow in &asking {
            let mut busy = [0, 1].map(|core| counter(flow, &format!("core{core}.busy_ms")));
            let idle = [0, 1].map(|core| counter(flow, &format!("core{core}.idle_ms")));
            busy.sort_unstable();
            assert!(busy[1] > 500 && busy[1] > 4 * busy[0], "busy {busy:?}, idle {idle:?}");
            assert!(idle.iter().max() > Some(&1500), "busy {busy:?}, idle {idle:?}");
        }
        drop(service);
    });
}

/// Whichever core answers for the page, the numbers are those of all.
pub(crate) fn the_page_is_that_of_all_cores() {
    const CONNECTIONS: u64 = 40;
    with("web", &["--page-port=9090"], |lab, service| {
        for _ in 0..CONNECTIONS {
            page((lab.network().service, 8080).into(), "/");
        }
        // What the other core counted is a second old at most.
        thread::sleep(Duration::from_millis(1100));
        let board = (lab.network().service, 9090).into();
        for asked in 0..16 {
            let metrics = page(board, "/metrics");
            let number = |name: &str| {
                let line =
                    metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
                let number = line.and_then(|number| number.parse::<f64>().ok());
                number.unwrap_or_else(|| panic!("{name}: {metrics}"))
            };
            let accepted =
                number("letregion_accepted_total{interface=\"eth0\",layer=\"tcp\"}") as u64;
            assert!(
                (CONNECTIONS..=CONNECTIONS + 1 + 2 * asked).contains(&accepted),
                "{accepted} connections after {asked} questions"
            );
            for core in 0..2 {
                let seconds = ["busy", "idle"].map(|what| {
                    number(&format!("letregion_core_{what}_seconds_total{{core=\"{core}\"}}"))
                });
                assert!(seconds[0] > 0.0 && seconds[1] > 0.5, "core {core}: {seconds:?}");
            }
            let state = page(board, "/state.json");
            let (_, cores) = state.split_once("\"cores\":[[").unwrap_or_else(|| panic!("{state}"));
            let (cores, _) = cores.split_once("]]").expect("a list of lists");
            assert_eq!(cores.split("],[").count(), 2, "{cores}");
        }
        drop(service);
    });
}
