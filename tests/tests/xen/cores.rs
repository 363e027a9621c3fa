//! Guests with several virtual processors.

use std::{collections::BTreeMap, fs, path::PathBuf, sync::OnceLock, time::Duration};

use lab::{
    cargo::{self, Build, Platform, Profile},
    xen::{Domain, Machine, Settings, Vif},
};
use tests::{Exchange, Reply, apps, exchanges, unlimited};

use super::support::{PORT, requests, with_guest};
use crate::report::number;

/// The memory of a guest with two processors, in MiB.
const MEMORY: u32 = 4;
/// How long it may take until both have reported.
const REPORTED_WITHIN: Duration = Duration::from_secs(30);
/// How often the same is asked in a row at most.
const MOST_TIMES: usize = 20;

/// Calls `test` with a service that serves on two processors.
fn with_two(app: &str, test: impl FnOnce(&Machine, &Domain<'_>)) {
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
        memory: MEMORY,
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
    for app in apps() {
        with_two(app, |machine, _| {
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

/// The first request of each flow is answered, whichever processor it is for, and both have served some.
pub(crate) fn flows_go_to_both() {
    const FLOWS: u64 = 64;
    with_two("echo", |machine, domain| {
        for seed in 0..FLOWS as u8 {
            let request = [seed; 40];
            let asked = machine.ask(&requests(PORT, 1, 1), &request, Some(&request));
            let (asked, _) = asked.expect("dom0 asks");
            assert_eq!((asked.equal, asked.lost), (1, 0), "{asked:?}");
        }
        let lines = domain.console().lines();
        let serving: Vec<_> = lines.iter().filter(|line| line.starts_with("serving ")).collect();
        assert!(
            matches!(serving[..], [line] if line.trim().ends_with(" on 2 cores")),
            "{lines:#?}"
        );
        let lines = report(machine, domain);
        let received = number(&lines, "eth0.udp.datagrams_rx");
        assert_eq!(received, FLOWS, "none was sent twice: {lines:#?}");
        let steered = number(&lines, "eth0.steer.steered");
        assert!((10..FLOWS).contains(&steered), "{steered} of {FLOWS} flows: {lines:#?}");
        assert_eq!(number(&lines, "eth0.steer.taken"), steered, "{lines:#?}");
    });
}

/// A flow of the first processor does not wake the other one, which polls its bell alone.
pub(crate) fn an_idle_one_is_not_woken_by_the_traffic_of_the_other() {
    const REQUESTS: u32 = 200;
    with_two("echo", |machine, domain| {
        let numbers = || {
            let lines = report(machine, domain);
            ["eth0.steer.steered", "core1.sleeps"].map(|name| number(&lines, name))
        };
        let flows_of_first = (0..20).filter(|_| {
            let before = numbers();
            let request = b"who is awake";
            let asked = machine.ask(&requests(PORT, REQUESTS, 1), request, Some(request));
            let (asked, _) = asked.expect("dom0 asks");
            assert_eq!(asked.equal, REQUESTS, "{asked:?}");
            let after = numbers();
            let [steered, sleeps] = [0, 1].map(|nth| after[nth] - before[nth]);
            let is_of_first = steered < u64::from(REQUESTS) / 2;
            println!("{steered} requests steered, {sleeps} sleeps of the other");
            // It is asked for its report, and dom0 says something now and then.
            let is_quiet = sleeps < u64::from(REQUESTS) / 4;
            assert!(!is_of_first || is_quiet, "woken {sleeps} times");
            is_of_first
        });
        assert!(flows_of_first.take(2).count() == 2, "no flows of the first");
    });
}
