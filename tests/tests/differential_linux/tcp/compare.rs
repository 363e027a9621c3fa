//! Whether two hosts answered alike, and if not, whether that has a reason.

use std::{
    collections::BTreeSet,
    fmt::{self, Write},
    time::Duration,
};

use super::{
    answer::Answer,
    application::{Command, Seen},
    departures::departures,
    liberties::LIBERTIES,
    linux::Linux,
    ours::Ours,
    segment::{Origin, RST, SYN, Segment},
    text,
};
use crate::differential_linux::{compare::assert_none_differs, team::Manner};

/// How often a conversation is repeated that shows a difference, before it counts: real time passes for Linux.
const REPEATS: usize = 3;

/// What happens to both hosts.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// A segment comes.
    Segment(Segment),
    /// The application does something.
    Application(Command),
    /// So many milliseconds pass.
    Wait(u64),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Segment(segment) => write!(f, "{segment}"),
            Self::Application(command) => write!(f, "{command:?}"),
            Self::Wait(millis) => write!(f, "{millis} ms pass"),
        }
    }
}

/// What both answered to a step.
#[derive(Clone, Debug)]
pub(super) struct Exchange<'a> {
    /// What has happened to them, the step that was answered included.
    pub(super) steps: &'a [Step],
    pub(super) ours: Vec<Answer>,
    pub(super) theirs: Vec<Answer>,
    /// What the applications have seen.
    pub(super) our_seen: Vec<Seen>,
    pub(super) their_seen: Vec<Seen>,
    /// All that Linux has sent before.
    pub(super) before: &'a [Answer],
    /// Whether Linux has answered a SYN, and not been answered yet.
    pub(super) half_open: bool,
}

impl Exchange<'_> {
    /// The segment that was answered.
    pub(super) fn segment(&self) -> Option<&Segment> {
        match self.steps.last() {
            Some(Step::Segment(segment)) => Some(segment),
            _ => None,
        }
    }

    fn is_alike(&self) -> bool {
        self.ours == self.theirs && self.our_seen == self.their_seen
    }
}

/// What the comparisons have shown.
#[derive(Debug)]
pub(super) struct Findings {
    /// On how many cores our host runs.
    manner: Manner,
    /// The entries of the tables that have occurred.
    pub(super) occurred: BTreeSet<&'static str>,
    /// The differences without a reason.
    different: Vec<String>,
    port: u16,
    /// How many steps were compared, and how many of them had an answer.
    pub(super) compared: usize,
    pub(super) answered: usize,
    /// How many conversations were repeated.
    pub(super) repeated: usize,
}

impl Findings {
    /// Nothing yet.
    pub(super) fn new(manner: Manner) -> Self {
        let (occurred, different) = (BTreeSet::new(), Vec::new());
        Self { manner, occurred, different, port: 0, compared: 0, answered: 0, repeated: 0 }
    }

    /// Takes both through the steps of a conversation, up to the first difference that leaves them in different states.
    pub(super) fn converse(&mut self, name: &str, linux: &mut Linux<'_>, steps: &[Step]) {
        for repeat in 0.. {
            let Some(difference) = self.try_converse(name, linux, steps) else { return };
            if repeat == REPEATS {
                self.different.push(difference);
                return;
            }
            self.repeated += 1;
        }
    }

    /// Gives the first difference without a reason.
    fn try_converse(
        &mut self,
        name: &str,
        linux: &mut Linux<'_>,
        steps: &[Step],
    ) -> Option<String> {
        self.port =
            self.port.checked_add(1).filter(|port| *port < 60_000).unwrap_or(1_025).max(1_025);
        let (port, mut ours) = (self.port, Ours::new(self.manner));
        linux.begin();
        let mut origins = [Origin::default(); 2];
        let (mut before, mut history, mut half_open) = (Vec::new(), String::new(), false);
        for (number, step) in steps.iter().enumerate() {
            let [our_frames, their_frames] = match step {
                Step::Segment(segment) => [
                    ours.hears(&segment.frame(port, origins[0])),
                    linux.hears(&segment.frame(port, origins[1])),
                ],
                Step::Application(command) => [ours.does(*command), linux.does(*command)],
                Step::Wait(millis) => {
                    let time = Duration::from_millis(*millis);
                    [ours.passes(time), linux.passes(time)]
                }
            };
            let exchange = Exchange {
                steps: &steps[..=number],
                ours: Answer::read(&our_frames, port, &mut origins[0]),
                theirs: Answer::read(&their_frames, port, &mut origins[1]),
                our_seen: ours.seen(),
                their_seen: linux.seen(),
                before: &before,
                half_open,
            };
            write!(history, "\n  {step}\n    Linux:{}", lines(&exchange.theirs)).expect("it fits");
            let theirs = exchange.theirs.clone();
            let is_open = exchange.their_seen.contains(&Seen::Accepted);
            match self.judge(exchange) {
                Ok(true) => {
                    half_open |= theirs.iter().any(|answer| answer.flags & SYN != 0);
                    half_open &= !is_open;
                    before.extend(theirs);
                }
                Ok(false) => break,
                Err(difference) => {
                    return Some(format!("{name}, step {number}:{history}\n{difference}"));
                }
            }
        }
        // What is left half-open would be answered again.
        let syn = before.iter().rev().find(|answer: &&Answer| answer.flags & SYN != 0);
        let reset = syn.map(|syn| Segment { seq: syn.ack, flags: RST, ..text::segment("R 0") });
        linux.end(reset.map(|reset| reset.frame(port, origins[1])).as_deref());
        None
    }

    /// Compares two answers; says whether the two hosts can go on.
    fn judge(&mut self, mut exchange: Exchange<'_>) -> Result<bool, String> {
        self.compared += 1;
        self.answered += usize::from(!exchange.theirs.is_empty());
        let whole = exchange.clone();
        let mut taken = Vec::new();
        for liberty in LIBERTIES {
            let steps = exchange.steps;
            let take = |answers: &mut [Answer]| -> Vec<_> {
                answers.iter_mut().map(|answer| (liberty.take)(steps, answer)).collect()
            };
            let (ours, theirs) = (take(&mut exchange.ours), take(&mut exchange.theirs));
            if ours != theirs {
                taken.push(liberty.name);
            }
        }
        if exchange.is_alike() {
            self.occurred.extend(taken);
            return Ok(true);
        }
        if let Some(departure) = departures().find(|entry| (entry.explains)(&exchange)) {
            self.occurred.insert(departure.name);
            return Ok(!departure.parts);
        }
        Err(format!(
            "  ours:{} {:?}\n  Linux:{} {:?}",
            lines(&whole.ours),
            whole.our_seen,
            lines(&whole.theirs),
            whole.their_seen
        ))
    }

    /// Fails if there was a difference without a reason.
    pub(super) fn assert_alike(&self) {
        assert_none_differs(self.compared, &self.different);
    }
}

fn lines(answers: &[Answer]) -> String {
    if answers.is_empty() {
        return " nothing".into();
    }
    answers.iter().map(|answer| format!("\n      {answer}")).collect()
}
