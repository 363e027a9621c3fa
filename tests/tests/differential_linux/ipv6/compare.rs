//! A conversation with both hosts.

use std::time::Duration;

use super::{
    answer::{normal, text},
    departures::departures,
    frames::Packet,
    liberties::LIBERTIES,
    linux::Linux,
    tower::with_tower,
};
use crate::differential_linux::{
    compare::{Exchange, Findings, Rules},
    frames::IP,
};

/// How the answers of IPv6 are compared.
pub(super) fn rules() -> Rules {
    Rules { normal, liberties: LIBERTIES, departures: departures(), text }
}

/// What happens to both hosts.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// A frame comes.
    Frame(Vec<u8>),
    /// So much time passes for us, and so much for Linux, which was told to be faster.
    Time(Duration, Duration),
    /// A frame comes, and whatever is answered within these times is one answer.
    Slow(Vec<u8>, Duration, Duration),
}

/// Gives a fragment another number, so that it does not meet those of the conversations before.
fn renumber(frame: &mut [u8], number: u16) {
    if let Some(at) = Packet::of(frame).and_then(|packet| packet.fragment()) {
        frame[IP + at + 4..IP + at + 6].copy_from_slice(&number.to_be_bytes());
    }
}

/// Takes both through the steps of a conversation, up to the first difference that leaves them in different states.
pub(super) fn converse(findings: &mut Findings, name: &str, linux: &mut Linux<'_>, steps: &[Step]) {
    let number = findings.number();
    let mut learnt = false;
    with_tower(findings.manner, |tower, _| {
        let mut heard = Vec::new();
        for (step_number, step) in steps.iter().enumerate() {
            let (ours, theirs) = match step {
                Step::Frame(frame) => {
                    let mut frame = frame.clone();
                    renumber(&mut frame, number);
                    let answers = (tower.hears(&frame), linux.hears(&frame));
                    heard.push(frame);
                    answers
                }
                Step::Time(ours, theirs) => (tower.passes(*ours), linux.passes(*theirs)),
                Step::Slow(frame, our_time, their_time) => {
                    heard.push(frame.clone());
                    let (mut ours, mut theirs) = (tower.hears(frame), linux.hears(frame));
                    ours.extend(tower.passes(*our_time));
                    theirs.extend(linux.passes(*their_time));
                    (ours, theirs)
                }
            };
            learnt |= heard.last().into_iter().chain(&theirs).any(|frame| is_discovery(frame));
            let timeout = matches!(step, Step::Time(..));
            let exchange = Exchange { heard: &heard, timeout, ours, theirs };
            if !findings.judge(&format!("{name}, step {step_number}"), exchange) {
                break;
            }
        }
    });
    if learnt {
        linux.forget_neighbours();
    }
}

/// Whether a neighbour may be known because of this frame.
fn is_discovery(frame: &[u8]) -> bool {
    let kind = Packet::of(frame).and_then(|packet| packet.message());
    kind.is_some_and(|kind| (133..=137).contains(&kind))
}
