//! Frames that the RFCs speak of, each by its name.

mod arp;
mod fragments;
mod headers;
mod icmp;
mod udp;

use std::time::Instant;

use super::{
    compare::{Findings, Step},
    kernel::with_kernel,
    team::Manner,
};

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
    Case { name: name.into(), steps, alone: false, reassembly_timeout: 30 }
}

impl Case {
    /// This case, and then the time for fragments is over.
    fn then_timeout(mut self) -> Self {
        self.steps.push(Step::ReassemblyTimeout);
        Self { reassembly_timeout: 1, ..self }.alone()
    }

    /// This case, with a kernel of its own.
    fn alone(self) -> Self {
        Self { alone: true, ..self }
    }
}

pub(crate) fn named_frames(manner: Manner) {
    let cases: Vec<_> =
        [arp::cases(), headers::cases(), icmp::cases(), udp::cases(), fragments::cases()]
            .into_iter()
            .flatten()
            .collect();
    let (mut findings, start) = (Findings::of_ipv4(manner), Instant::now());
    let (alone, together): (Vec<_>, Vec<_>) = cases.iter().partition(|case| case.alone);
    with_kernel(|kernel| {
        for case in together {
            findings.converse(&case.name, kernel, &case.steps);
        }
    });
    for case in alone {
        with_kernel(|kernel| {
            kernel.set_reassembly_timeout(case.reassembly_timeout);
            findings.converse(&case.name, kernel, &case.steps);
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
