//! The guest that ends in every way that a guest can end in.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use guest::{CASES, Case, End, RUNTIME_CASES};
use lab::{
    cargo,
    xen::{Domain, Ended, Machine, Settings, plain, with_places},
};

use super::support::machine;

/// How long a guest may take to end.
const ENDED_WITHIN: Duration = Duration::from_secs(30);

/// On the bare machine its words are in Xen's log.
pub(crate) fn ends_as_it_should_on_the_bare_machine() {
    let machine = machine();
    let program = build(&["xen", "panic-messages"]);
    for case in CASES {
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
    let machine = machine();
    let program = build(&["xen"]);
    for case in RUNTIME_CASES {
        let domain = create(&machine, &program, case);
        let last = *case.console.last().expect("every case has words");
        domain
            .wait_for_line(0, ENDED_WITHIN, |line| line.contains(last))
            .unwrap_or_else(|error| panic!("{}: {error:#}", case.command));
        expect_words(case, &domain.console().lines().join("\n"));
        expect_end(&domain, case);
    }
}

fn build(features: &[&str]) -> PathBuf {
    let mut programs = cargo::build(&["guest"], features).expect("the guest builds");
    programs.remove("guest").expect("its program is called so")
}

fn create<'m>(machine: &'m Machine, program: &Path, case: &Case) -> Domain<'m> {
    let settings = Settings {
        name: "guest",
        kernel: &fs::read(program).expect("the guest can be read"),
        ramdisk: None,
        command_line: case.command,
        memory: 2,
        vif: None,
        restart: false,
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
    let mut rest = text;
    for words in case.console {
        let at = rest
            .find(words)
            .unwrap_or_else(|| panic!("{}: no {words:?} in its place in:\n{text}", case.command));
        rest = &rest[at + words.len()..];
    }
}

/// What Xen and dom0 have written.
fn log(machine: &Machine) -> String {
    let bytes = fs::read(machine.log()).expect("the log can be read");
    // One byte is one character, so that positions are the same the next time.
    bytes.into_iter().map(|byte| if byte.is_ascii() { char::from(byte) } else { '?' }).collect()
}
