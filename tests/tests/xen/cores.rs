//! Guests with several virtual processors.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use lab::{
    cargo::{self, Build, Platform, Profile},
    xen::{Ask, Domain, Machine, Settings, Vif},
};
use tests::{Exchange, Reply, apps, exchanges, unlimited};

use super::support::{PORT, requests, with_guest};
use crate::report::number;

/// The memory of a guest with two processors, in MiB: with the queue of its network device at the first alone, and with queues for
/// each.
const LITTLE: u32 = 4;
const MEMORY: u32 = 16;
/// How long it may take until both have reported.
const REPORTED_WITHIN: Duration = Duration::from_secs(30);
/// How often the same is asked in a row at most.
const MOST_TIMES: usize = 20;

/// Calls `test` with a service that serves on two processors, and has so much memory.
fn with_two(app: &str, memory: u32, test: impl FnOnce(&Machine, &Domain<'_>)) {
    static IMAGES: OnceLock<BTreeMap<String, PathBuf>> = OnceLock::new();
    let build = Build { features: &["cores"], ..Build::new(Platform::Xen, Profile::Guest) };
    let images = IMAGES
        .get_or_init(|| cargo::build_each(&apps(), &build).expect("they build for several cores"));
    let kernel = fs::read(&images[app]).expect("it can be read");
    let limits = unlimited(app).join(" ");
    let command_line = format!("--ipv4=10.0.0.2/24 --cores=2 {limits}");
    let settings = Settings {
        name: app,
        kernel: &kernel,
        ramdisk: None,
        command_line: &command_line,
        memory,
        vif: Some(Vif::default()),
        restart: true,
        more: "",
    };
    with_guest(&settings, test);
}

/// What both processors report when an operator asks.
fn report(machine: &Machine, domain: &Domain<'_>) -> Vec<String> {
    let from = domain.console().lines().len();
    machine.succeed("xl", &["sysrq", domain.name(), "s"]).expect("xl asks");
    for last in ["region packet ", "core 1: region packet "] {
        domain
            .wait_for_line(from, REPORTED_WITHIN, |line| line.starts_with(last))
            .unwrap_or_else(|error| panic!("{error:#}"));
    }
    domain.console().lines().split_off(from)
}

/// A guest with two processors answers the requests of the table (`tests::exchanges`) as one with one processor does.
pub(crate) fn two_answer_the_table_of_requests() {
    let table = exchanges();
    // Both ways that frames come to a processor for one, which is enough.
    let sizes = |app| if app == "echo" { &[LITTLE, MEMORY][..] } else { &[MEMORY] };
    for (app, memory) in
        apps().into_iter().flat_map(|app| sizes(app).iter().map(move |&size| (app, size)))
    {
        with_two(app, memory, |machine, _| {
            for exchange in table.iter().filter(|exchange| exchange.app == app) {
                let Exchange { port, request, reply, times, .. } = exchange;
                let expected = match reply {
                    Reply::Bytes(bytes) => Some(&**bytes),
                    Reply::Refusal => None,
                };
                for _ in 0..(*times).min(MOST_TIMES) {
                    // A flow of its own each time.
                    let asked = machine.ask(&requests(*port, 1, 1), request, expected);
                    let (asked, came) = asked.expect("dom0 asks");
                    let is_right = asked.equal == 1 && reply.is(&came);
                    assert!(is_right, "{app}, port {port}: {asked:?}");
                }
            }
        });
    }
}

/// The first request of each flow is answered, whichever processor it is for, and both have served some. With a queue for each, no frame
/// goes from one to the other.
pub(crate) fn flows_go_to_both() {
    const FLOWS: u64 = 64;
    for memory in [LITTLE, MEMORY] {
        with_two("echo", memory, |machine, domain| {
            for seed in 0..FLOWS as u8 {
                let request = [seed; 40];
                let asked = machine.ask(&requests(PORT, 1, 1), &request, Some(&request));
                let (asked, _) = asked.expect("dom0 asks");
                assert_eq!((asked.equal, asked.lost), (1, 0), "{asked:?}");
            }
            // Of fragments, which go where their datagram does.
            for length in [1472, 1473, 8000, 60_000] {
                let request = vec![b'x'; length];
                let asked = machine.ask(&requests(PORT, 1, 1), &request, Some(&request));
                assert_eq!(asked.expect("dom0 asks").0.equal, 1, "{length} bytes");
            }
            let lines = domain.console().lines();
            let serving: Vec<_> =
                lines.iter().filter(|line| line.starts_with("serving ")).collect();
            assert!(
                matches!(serving[..], [line] if line.trim().ends_with(" on 2 cores")),
                "{lines:#?}"
            );
            let lines = report(machine, domain);
            let received = number(&lines, "eth0.udp.datagrams_rx");
            assert_eq!(received, FLOWS + 4, "none was sent twice: {lines:#?}");
            let steered = number(&lines, "eth0.steer.steered");
            let served = served(&lines);
            println!("{memory} MiB: {steered} frames steered, turns of each: {served:?}");
            if memory == MEMORY {
                assert_eq!(steered, 0, "{lines:#?}");
            } else {
                assert!(
                    (10..2 * FLOWS).contains(&steered),
                    "{steered} of {FLOWS} flows: {lines:#?}"
                );
            }
            assert_eq!(number(&lines, "eth0.steer.taken"), steered, "{lines:#?}");
            assert!(served.iter().all(|turns| *turns > 10), "{served:?}: {lines:#?}");
            assert_eq!(number(&lines, "eth0.netfront.connections"), 1, "{lines:#?}");
        });
    }
}

/// How often each processor has emptied the region of a packet.
fn served(lines: &[String]) -> [u32; 2] {
    ["region packet ", "core 1: region packet "].map(|region| {
        let line = lines.iter().find(|line| line.starts_with(region));
        let turns = line.and_then(|line| line.split_once(" resets ")?.1.split(' ').next());
        turns.and_then(|turns| turns.parse().ok()).unwrap_or(0)
    })
}

/// The flow of one processor does not wake the other one. With a queue for each, its events interrupt that one alone.
pub(crate) fn an_idle_one_is_not_woken_by_the_traffic_of_the_other() {
    const REQUESTS: u32 = 200;
    for memory in [LITTLE, MEMORY] {
        with_two("echo", memory, |machine, domain| {
            let numbers = || {
                let lines = report(machine, domain);
                ["eth0.steer.steered", "core0.sleeps", "core1.sleeps"]
                    .map(|name| number(&lines, name))
            };
            let mut flows = [0, 0];
            for _ in 0..20 {
                let before = numbers();
                let request = b"who is awake";
                let asked = machine.ask(&requests(PORT, REQUESTS, 1), request, Some(request));
                let (asked, _) = asked.expect("dom0 asks");
                assert_eq!(asked.equal, REQUESTS, "{asked:?}");
                let after = numbers();
                let [steered, first, other] = [0, 1, 2].map(|nth| after[nth] - before[nth]);
                println!("{memory} MiB: {steered} requests steered, {first} and {other} sleeps");
                // They are asked for their reports, and dom0 says something now and then.
                let most = u64::from(REQUESTS) / 4;
                if memory == MEMORY {
                    assert!(first.min(other) < most, "woken {first} and {other} times");
                    flows[usize::from(first < other)] += 1;
                } else {
                    let is_of_first = steered < u64::from(REQUESTS) / 2;
                    assert!(!is_of_first || other < most, "woken {other} times");
                    flows[usize::from(!is_of_first)] += 1;
                }
                if flows.iter().all(|flows| *flows > 1) {
                    return;
                }
            }
            panic!("of 20 flows {flows:?} are of each");
        });
    }
}

/// The network goes and comes while both have queues: both serve again.
pub(crate) fn both_serve_again_when_their_network_has_gone_and_come() {
    with_two("echo", MEMORY, |machine, domain| {
        let serves = |what: &str| {
            for seed in 0..32_u8 {
                let request = [seed; 40];
                let asked = machine.ask(&requests(PORT, 1, 1), &request, Some(&request));
                assert_eq!(asked.expect("dom0 asks").0.equal, 1, "{what}: flow {seed}");
            }
            let lines = report(machine, domain);
            (served(&lines), number(&lines, "eth0.steer.steered"))
        };
        let (before, _) = serves("before");
        domain.detach_network().unwrap_or_else(|error| panic!("{error:#}"));
        thread::sleep(Duration::from_millis(300));
        domain.attach_network(&Vif::default()).unwrap_or_else(|error| panic!("{error:#}"));
        let (start, brief) =
            (Instant::now(), Ask { limit: Duration::from_secs(1), ..requests(PORT, 1, 1) });
        while machine.ask(&brief, b"back", None).expect("dom0 asks").1 != b"back" {
            assert!(start.elapsed() < REPORTED_WITHIN, "its network is not back");
        }
        let (after, steered) = serves("again");
        println!("turns of each: {before:?}, then {after:?}");
        assert!(after.iter().zip(before).all(|(after, before)| *after > before + 3), "{after:?}");
        assert_eq!(steered, 0);
    });
}
