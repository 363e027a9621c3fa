//! What happens in a conversation: all of it follows from a seed.

use std::time::Duration;

use testkit::{Quality, Random};

/// What kind of conversations these are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Anything, with a loss of 0 to 5 %.
    Any,
    /// Anything, with a loss of 20 %.
    Lossy,
    /// Both stop reading for seconds, with little room.
    Stopping,
    /// One side resets the connection at some byte.
    Reset,
}

/// What one side of a conversation does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Which direction it sends in.
    pub(crate) side: u8,
    pub(crate) seed: u64,
    /// How many bytes it sends, and how many it expects.
    pub(crate) sends: usize,
    pub(crate) expects: usize,
    /// The most bytes that it sends or takes at once.
    pub(crate) chunk: usize,
    /// How many milliseconds it sleeps at most, now and then; 0: never.
    pub(crate) pause: usize,
    /// Whether small segments leave at once (RFC 9293 3.7.4).
    pub(crate) nodelay: bool,
    /// Whether it sends only when all of the other side has come: that half is closed for long.
    pub(crate) answers: bool,
    /// Resets the connection when so many bytes were sent or received.
    pub(crate) resets_after: Option<usize>,
    /// Whether the connection may end by a reset.
    pub(crate) may_be_reset: bool,
}

/// What smoltcp is told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PeerSettings {
    /// The lengths of its buffers, for what it receives and sends, in bytes.
    pub(crate) buffers: [usize; 2],
    pub(crate) has_sack: bool,
    pub(crate) has_timestamps: bool,
    /// 0: none, 1: Reno, 2: CUBIC.
    pub(crate) congestion_control: usize,
    /// How long it waits with acknowledgments, in milliseconds; 0: not at all.
    pub(crate) ack_delay: usize,
}

/// A conversation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plans {
    pub(crate) quality: Quality,
    /// Whether we connect.
    pub(crate) we_connect: bool,
    pub(crate) ours: Plan,
    pub(crate) peer: Plan,
    pub(crate) settings: PeerSettings,
}

impl Plans {
    pub(crate) fn new(kind: Kind, random: &mut Random) -> Self {
        let quality = quality(kind, random);
        let we_connect = random.once_in(2);
        let most: &[usize] = match kind {
            Kind::Any => &[0, 1, 1_000, 30_000, 200_000, 600_000],
            Kind::Lossy => &[0, 1_000, 30_000, 60_000],
            Kind::Stopping => &[20_000, 60_000],
            Kind::Reset => &[5_000, 30_000, 100_000],
        };
        let mut lengths = [0, 1].map(|_| most[random.below(most.len())]);
        let small = kind == Kind::Stopping;
        let room = |random: &mut Random| {
            // Segments of a few bytes each take long.
            let sizes: &[usize] = &[100, 536, 1_460, 3_000, 8_000, 20_000, 65_535, 300_000];
            sizes[random.below(if small { 5 } else { sizes.len() })]
        };
        let settings = PeerSettings {
            buffers: [room(random), room(random)],
            has_sack: random.once_in(2),
            has_timestamps: random.once_in(2),
            congestion_control: random.below(3),
            ack_delay: [0, 10, 40, 200][random.below(4)],
        };
        for (length, room) in lengths.iter_mut().zip(settings.buffers) {
            *length = (*length).min(100 * room);
        }
        let answers = random.once_in(6).then(|| random.below(2));
        let reset_by = (kind == Kind::Reset).then(|| random.below(2));
        let plan = |side: usize, random: &mut Random| {
            let (sends, expects) = (lengths[side], lengths[1 - side]);
            let largest = 1 + sends.max(expects) / 10;
            Plan {
                side: side as u8,
                seed: random.bits(),
                sends,
                expects,
                chunk: [1, 100, 5_000, 60_000][random.below(4)].max(largest / 200).min(largest),
                pause: match kind {
                    Kind::Stopping => 4_000,
                    _ => [0, 0, 100, 400][random.below(4)],
                },
                nodelay: random.once_in(2),
                answers: answers == Some(side),
                resets_after: (reset_by == Some(side)).then(|| random.below(1 + sends + expects)),
                may_be_reset: reset_by.is_some(),
            }
        };
        let (ours, peer) = (plan(0, random), plan(1, random));
        Self { quality, we_connect, ours, peer, settings }
    }
}

fn quality(kind: Kind, random: &mut Random) -> Quality {
    let mut share = |most: f64| {
        if random.once_in(2) { 0.0 } else { most * random.below(1000) as f64 / 1000.0 }
    };
    let (loss, duplication, reordering, corruption) =
        (share(0.05), share(0.1), share(0.2), share(0.02));
    Quality {
        delay: Duration::from_micros(100 + random.below(100_000) as u64),
        rate: if random.once_in(3) { 200_000 + random.below(5_000_000) as u64 } else { 0 },
        queue: 6_000 + random.below(100_000) as u64,
        loss: if kind == Kind::Lossy { 0.2 } else { loss },
        duplication,
        reordering,
        hold_up: Duration::from_micros(random.below(60_000) as u64),
        corruption,
    }
}

/// The byte at a place of a stream: `side` tells the directions apart.
pub(crate) fn byte(side: u8, at: usize) -> u8 {
    (at as u8).wrapping_mul(31).wrapping_add((at >> 8) as u8).wrapping_add(side.wrapping_mul(101))
}
