//! Where Linux answers otherwise than we do, and why both may.

mod closing;
mod established;
mod opening;

use super::{
    answer::Answer,
    application::Command,
    compare::{Exchange, Step},
    segment::{ACK, FIN, Opt, PSH, RST, Segment},
};

/// An answer that is another one.
pub(super) struct Departure {
    /// What it is.
    pub(super) name: &'static str,
    /// Which RFC leaves the choice, or where Linux leaves the RFCs.
    pub(super) why: &'static str,
    /// Whether the two hosts are in different states afterwards.
    pub(super) parts: bool,
    /// Whether a difference is this one.
    pub(super) explains: fn(&Exchange<'_>) -> bool,
}

/// What a host answered, as far as the tables need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Nothing,
    /// One acknowledgment without data.
    Ack,
    /// One reset.
    Reset,
    Other,
}

pub(super) fn kind(answers: &[Answer]) -> Kind {
    match answers {
        [] => Kind::Nothing,
        [one] if one.flags & RST != 0 => Kind::Reset,
        [one] if one.flags & !PSH == ACK && one.data.is_empty() => Kind::Ack,
        _ => Kind::Other,
    }
}

/// What we answered, and what Linux did.
pub(super) fn kinds(exchange: &Exchange<'_>) -> (Kind, Kind) {
    (kind(&exchange.ours), kind(&exchange.theirs))
}

/// The segment that was answered, if it is one for which this holds.
pub(super) fn segment_if(exchange: &Exchange<'_>, holds: impl Fn(&Segment) -> bool) -> bool {
    exchange.segment().is_some_and(holds)
}

/// The segments of the peer before the one that was answered.
pub(super) fn earlier<'a>(exchange: &'a Exchange<'_>) -> impl Iterator<Item = &'a Segment> {
    let before = &exchange.steps[..exchange.steps.len() - 1];
    before.iter().filter_map(|step| match step {
        Step::Segment(segment) => Some(segment),
        _ => None,
    })
}

/// What the peer has to send next, as Linux has said.
pub(super) fn next(exchange: &Exchange<'_>) -> u32 {
    exchange.before.iter().rev().find(|answer| answer.flags & ACK != 0).map_or(0, |last| last.ack)
}

/// Whether the peer's FIN was sent before.
pub(super) fn has_ended(exchange: &Exchange<'_>) -> bool {
    earlier(exchange).any(|segment| segment.flags & FIN != 0)
}

/// Whether the application has done this before.
pub(super) fn did(exchange: &Exchange<'_>, command: Command) -> bool {
    exchange.steps.iter().any(|step| matches!(step, Step::Application(done) if *done == command))
}

/// Whether both are alike but for what `change` makes of an answer.
pub(super) fn alike_but(exchange: &Exchange<'_>, change: impl Fn(&mut Answer)) -> bool {
    let changed = |answers: &[Answer]| {
        let mut answers = answers.to_vec();
        answers.iter_mut().for_each(&change);
        answers
    };
    changed(&exchange.ours) == changed(&exchange.theirs) && exchange.our_seen == exchange.their_seen
}

/// Takes the first of these blocks out if it reports a duplicate (RFC 2883 4).
pub(super) fn take_duplicate_out(blocks: &mut Vec<(u32, u32)>, ack: u32) {
    let is_in = |(start, end): (u32, u32), (from, to): (u32, u32)| {
        start.wrapping_sub(from) as i32 >= 0 && to.wrapping_sub(end) as i32 >= 0
    };
    let is_duplicate = match blocks[..] {
        [first, ..] if (ack.wrapping_sub(first.1) as i32) >= 0 => true,
        [first, second, ..] => is_in(first, second),
        _ => false,
    };
    if is_duplicate {
        blocks.remove(0);
    }
}

pub(super) fn timestamp(segment: &Segment) -> Option<u32> {
    segment.options.iter().find_map(|option| match option {
        Opt::Timestamps(value, _) => Some(*value),
        _ => None,
    })
}

/// All of them. The first that explains a difference counts.
pub(super) fn departures() -> impl Iterator<Item = &'static Departure> {
    [opening::DEPARTURES, closing::DEPARTURES, established::DEPARTURES].into_iter().flatten()
}
