//! Frames that the RFCs of IPv6 speak of, each by its name.

mod fragments;
mod headers;
mod listeners;
mod messages;
mod neighbours;
mod routers;

use std::time::{Duration, Instant};

use lab::soak::frames::{
    UDP,
    ipv6::{Ipv6, udp},
};

use super::{
    compare::{Step, converse, rules},
    frames::{PEER, US, to_us},
    linux::with_linux,
};
use crate::differential_linux::{
    compare::Findings,
    frames::{CLOSED, PORT},
    team::Manner,
};

/// The port that requests come from.
const CLIENT: u16 = 5000;

/// A conversation that begins with both hosts as they were started.
pub(super) struct Case {
    name: String,
    steps: Vec<Step>,
    /// Whether it leaves something in Linux that cannot be taken out again.
    alone: bool,
    /// How long Linux waits for fragments, in seconds.
    reassembly_timeout: u8,
}

/// A conversation of frames alone.
fn case(name: impl Into<String>, frames: impl IntoIterator<Item = Vec<u8>>) -> Case {
    let steps = frames.into_iter().map(Step::Frame).collect();
    Case { name: name.into(), steps, alone: false, reassembly_timeout: 60 }
}

impl Case {
    /// This case, and then the time for fragments is over: 60 s, and for Linux one and what its timer takes.
    fn then_timeout(mut self) -> Self {
        self.steps.push(Step::Time(Duration::from_secs(61), Duration::from_millis(1300)));
        Self { reassembly_timeout: 1, ..self }.alone()
    }

    /// This case, with a kernel of its own.
    fn alone(self) -> Self {
        Self { alone: true, ..self }
    }
}

/// A datagram from the peer, as it should be.
fn datagram(port: u16, payload: &[u8]) -> Vec<u8> {
    udp((PEER, CLIENT), (US, port), payload)
}

/// A frame with these bytes as what follows the first header.
fn carries(next: u8, payload: &[u8]) -> Vec<u8> {
    to_us(&Ipv6::new(PEER, US, next).packet(payload))
}

/// A request of the peer, which is answered.
fn request() -> Vec<u8> {
    carries(UDP, &datagram(PORT, b"hello"))
}

/// A datagram that nobody listens for.
fn to_nobody() -> Vec<u8> {
    datagram(CLOSED, b"hello")
}

pub(crate) fn named_frames(manner: Manner) {
    let cases: Vec<_> = [
        messages::cases(),
        headers::cases(),
        fragments::cases(),
        neighbours::cases(),
        routers::cases(),
        listeners::cases(),
    ]
    .into_iter()
    .flatten()
    .collect();
    let (mut findings, start) = (Findings::new(rules(), manner), Instant::now());
    let (alone, together): (Vec<_>, Vec<_>) = cases.iter().partition(|case| case.alone);
    with_linux(|linux| {
        for case in together {
            findings.patiently(|findings| converse(findings, &case.name, linux, &case.steps));
        }
    });
    for case in alone {
        findings.patiently(|findings| {
            with_linux(|linux| {
                linux.set_reassembly_timeout(case.reassembly_timeout);
                converse(findings, &case.name, linux, &case.steps);
            });
        });
    }
    println!(
        "{} conversations, {} answers compared, {} of them not empty, in {:.1} s",
        cases.len(),
        findings.compared,
        findings.answered,
        start.elapsed().as_secs_f64()
    );
    findings.assert_alike();
    findings.assert_all_occurred();
}
