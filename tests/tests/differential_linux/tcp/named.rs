//! Conversations that the RFCs speak of, each by its name.

mod closing;
mod established;
mod listening;
mod options;
mod syn_received;

use std::time::Instant;

use super::{
    application::Command,
    compare::{Findings, Step},
    departures::departures,
    liberties::LIBERTIES,
    linux::with_linux,
    text::segment,
};
use crate::differential_linux::team::Manner;

/// A conversation that begins with a host that listens.
struct Case {
    name: String,
    steps: Vec<Step>,
}

/// A conversation. A step is a segment of the peer ([`text`](super::text)), or what the application does, or how long nothing
/// happens: `read`, `write 100`, `shutdown`, `close`, `abort`, `wait 500`.
fn case(name: impl Into<String>, steps: &[&str]) -> Case {
    Case { name: name.into(), steps: steps.iter().map(|step| read(step)).collect() }
}

fn read(text: &str) -> Step {
    let number = |word: &str| word.parse().expect("a number");
    match text.split_once(' ') {
        None => Step::Application(match text {
            "read" => Command::Read,
            "shutdown" => Command::Shutdown,
            "close" => Command::Close,
            "abort" => Command::Abort,
            _ => panic!("the step {text}"),
        }),
        Some(("write", count)) => Step::Application(Command::Write(number(count) as usize)),
        Some(("wait", millis)) => Step::Wait(number(millis)),
        Some(_) => Step::Segment(segment(text)),
    }
}

/// The handshake of a peer without options but its MSS, and of one with all.
const PLAIN: [&str; 2] = ["S 0 <mss 1000>", ". 1 ack 1"];
const ALL: [&str; 2] = ["S 0 <mss 1460,sackOK,TS 100 0,wscale 7>", ". 1 ack 1 <TS 101 0>"];
const SACK: [&str; 2] = ["S 0 <mss 1000,sackOK>", ". 1 ack 1"];

/// A conversation after a handshake.
fn after(name: impl Into<String>, handshake: [&str; 2], steps: &[&str]) -> Case {
    case(name, &[&handshake[..], steps].concat())
}

pub(crate) fn named_segments(manner: Manner) {
    let all = [
        listening::cases(),
        options::cases(),
        syn_received::cases(),
        established::cases(),
        closing::cases(),
    ];
    let cases: Vec<_> = all.into_iter().flatten().collect();
    let (mut findings, start) = (Findings::new(manner), Instant::now());
    with_linux(|linux| {
        for case in &cases {
            findings.converse(&case.name, linux, &case.steps);
        }
    });
    println!(
        "{} conversations, {} answers compared, {} of them not empty, {} repeated, in {:.1} s",
        cases.len(),
        findings.compared,
        findings.answered,
        findings.repeated,
        start.elapsed().as_secs_f64()
    );
    findings.assert_alike();
    // A reason for a difference that is gone would hide the next one.
    let entries = LIBERTIES.iter().map(|entry| (entry.name, entry.why));
    let entries = entries.chain(departures().map(|entry| (entry.name, entry.why)));
    let gone: Vec<_> = entries.filter(|(name, _)| !findings.occurred.contains(name)).collect();
    assert!(gone.is_empty(), "entries of the table that no longer occur: {gone:#?}");
}
