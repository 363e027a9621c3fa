//! The guest that ends in every way that a guest can end in, on the platform of KVM: the table that Xen is held to as well.

use std::{
    path::{Path, PathBuf},
    thread,
};

use guest::{CASES, CORES_CASES, Case, End, MEMORY_ON_KVM, RUNTIME_CASES};
use lab::{
    cargo::{Build, Platform, Profile},
    xen::{plain, with_places},
};

use super::{MACHINES, said};
use crate::built::built;

/// A processor with random numbers, which that of QEMU has not by default.
const STRONG: &[&str] = &["-cpu", "qemu64,+rdrand"];

#[test]
fn it_ends_as_it_should_on_the_bare_machine() {
    let cases: Vec<_> = CASES.iter().chain([&MEMORY_ON_KVM]).collect();
    all_end(&build(&["panic-messages"]), &cases, STRONG);
}

#[test]
fn it_ends_as_it_should_in_its_runtime() {
    let cases: Vec<_> = RUNTIME_CASES.iter().collect();
    all_end(&build(&[]), &cases, STRONG);
    let weak = [
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
    ];
    all_end(&build(&[]), &weak.iter().collect::<Vec<_>>(), &[]);
}

#[test]
fn it_ends_as_it_should_on_another_processor() {
    let cases: Vec<_> = CORES_CASES.iter().collect();
    all_end(&build(&["cores"]), &cases, &[STRONG, &["-smp", "2"]].concat());
}

fn build(features: &[&str]) -> PathBuf {
    built("guest", &Build { features, ..Build::new(Platform::Kvm, Profile::Release) })
}

/// Goes through the cases on each machine, with more arguments for QEMU. The machine ends each time, crash or not: a host
/// of KVM does not see the difference.
fn all_end(program: &Path, cases: &[&Case], more: &[&str]) {
    let on = |machine: &str| {
        let mut decode = with_places(program, plain());
        let machine = [&[machine], more].concat();
        for case in cases {
            let mut lines = Vec::new();
            let text = said(&machine, program, case.command);
            decode(text.as_bytes(), &mut |line| lines.push(line.to_owned()));
            let (seen, command) = (lines.join("\n"), case.command);
            let missing = case.missing(&seen);
            assert_eq!(missing, None, "{machine:?}, {command}: not in its place in:\n{seen}");
        }
    };
    thread::scope(|scope| {
        for machine in MACHINES {
            scope.spawn(move || on(machine));
        }
    });
}
