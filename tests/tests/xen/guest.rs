//! The guest that ends in every way that a guest can end in.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use guest::{CASES, CORES_CASES, Case, End, MEMORY_ON_XEN, RUNTIME_CASES};
use lab::{
    cargo::{self, Build, Platform, Profile},
    xen::{Domain, Ended, Machine, Settings, plain, with_places},
};

use super::support::machine;

/// How long a guest may take to end.
const ENDED_WITHIN: Duration = Duration::from_secs(30);

/// On the bare machine its words are in Xen's log.
pub(crate) fn ends_as_it_should_on_the_bare_machine() {
    let machine = machine();
    let program = build(&["panic-messages"]);
    for case in CASES.iter().chain([&MEMORY_ON_XEN]) {
        let before = log(&machine).len();
        let domain = create(&machine, &program, case);
        expect_end(&domain, case);
        let log = log(&machine);
        let words =
            log[before..].lines().filter_map(|line| line.split_once("(d")?.1.split_once(") "));
        expect_words(case, &words.map(|(_, words)| words).collect::<Vec<_>>().join("\n"));
    }
}

/// In its runtime they are on its console.
pub(crate) fn ends_as_it_should_in_its_runtime() {
    all_end(RUNTIME_CASES, &[]);
}

/// On the second of two processors, with lines of both on the console.
pub(crate) fn ends_as_it_should_on_another_processor() {
    all_end(CORES_CASES, &["cores"]);
}

fn all_end(cases: &[Case], features: &[&str]) {
    let machine = machine();
    let program = build(features);
    for case in cases {
        let domain = create(&machine, &program, case);
        let last = *case.console.last().expect("every case has words");
        domain
            .wait_for_line(0, ENDED_WITHIN, |line| line.contains(last))
            .unwrap_or_else(|error| panic!("{}: {error:#}", case.command));
        expect_words(case, &domain.console().lines().join("\n"));
        expect_end(&domain, case);
    }
}

/// Interrupted by dom0 (`xl trigger`), more often than it says.
pub(crate) fn says_where_it_is_when_asked() {
    let machine = machine();
    let program = build(&[]);
    let case = Case {
        command: "runtime spin",
        console: &[
            "spinning",
            "exception 2: non-maskable interrupt: somebody asked for it",
            "rip 000",
            "  at tests/guest/src/main.rs:",
            " in spin",
            "stack ",
            "  at tests/guest/src/main.rs:",
            "unharmed",
        ],
        end: End::PowerOff,
    };
    let domain = create(&machine, &program, &case);
    domain.wait_for_line(0, ENDED_WITHIN, |line| line == "spinning").expect("it starts");
    let flood =
        "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do xl trigger guest nmi & done; wait";
    machine.succeed("sh", &["-c", flood]).expect("xl triggers it");
    domain
        .wait_for_line(0, ENDED_WITHIN, |line| line.starts_with("stack "))
        .unwrap_or_else(|error| panic!("{error:#}"));
    machine.succeed("xl", &["shutdown", "guest"]).expect("xl tells it to end");
    domain.wait_for_line(0, ENDED_WITHIN, |line| line == "unharmed").expect("it goes on");
    expect_end(&domain, &case);
    let lines = domain.console().lines();
    expect_words(&case, &lines.join("\n"));
    let told = lines.iter().filter(|line| line.starts_with("exception 2")).count();
    println!("told {told} of 16");
    assert!(told < 12, "{told} of 16 interrupts were told");
}

/// On a processor without random numbers.
pub(crate) fn weak_entropy_can_be_refused() {
    const WEAK: &str = "cpuid=\"host,rdrand=0,rdseed=0\"";
    let machine = machine();
    let program = build(&[]);
    for case in [
        Case {
            command: "runtime --entropy=strong end",
            console: &["guest: --entropy=strong: no RDRAND and no RDSEED on this processor"],
            end: End::Crash,
        },
        Case {
            command: "runtime --entropy=any end",
            console: &["no RDRAND and no RDSEED on this processor: seeds", "the end is near"],
            end: End::PowerOff,
        },
    ] {
        let domain = create_with(&machine, &program, &case, WEAK);
        let last = *case.console.last().expect("every case has words");
        domain
            .wait_for_line(0, ENDED_WITHIN, |line| line.contains(last))
            .unwrap_or_else(|error| panic!("{}: {error:#}", case.command));
        expect_words(&case, &domain.console().lines().join("\n"));
        expect_end(&domain, &case);
    }
}

fn build(features: &[&str]) -> PathBuf {
    let build = Build { features, ..Build::new(Platform::Xen, Profile::Release) };
    let mut programs = cargo::build_each(&["guest"], &build).expect("the guest builds");
    programs.remove("guest").expect("its program is called so")
}

fn create<'m>(machine: &'m Machine, program: &Path, case: &Case) -> Domain<'m> {
    create_with(machine, program, case, "")
}

fn create_with<'m>(machine: &'m Machine, program: &Path, case: &Case, more: &str) -> Domain<'m> {
    let settings = Settings {
        name: "guest",
        kernel: &fs::read(program).expect("the guest can be read"),
        ramdisk: None,
        command_line: case.command,
        memory: 2,
        vif: None,
        restart: false,
        more,
    };
    Domain::create(machine, &settings, with_places(program, plain()), |_| ())
        .unwrap_or_else(|error| panic!("{}: {error:#}", case.command))
}

fn expect_end(domain: &Domain<'_>, case: &Case) {
    let ended = domain
        .wait_until_ended(ENDED_WITHIN)
        .unwrap_or_else(|error| panic!("{}: {error:#}", case.command));
    let expected = match case.end {
        End::PowerOff => Ended::Poweroff,
        End::Crash => Ended::Crash,
    };
    assert_eq!(ended, expected, "{}", case.command);
}

fn expect_words(case: &Case, text: &str) {
    let missing = case.missing(text);
    assert_eq!(missing, None, "{}: it is not in its place in:\n{text}", case.command);
}

/// What Xen and dom0 have written.
fn log(machine: &Machine) -> String {
    let bytes = fs::read(machine.log()).expect("the log can be read");
    // One byte is one character, so that positions are the same the next time.
    bytes.into_iter().map(|byte| if byte.is_ascii() { char::from(byte) } else { '?' }).collect()
}
