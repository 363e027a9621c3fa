//! Conversations that nobody thought of: valid ones, of which some segments are changed at random.

use std::time::Instant;

use testkit::Random;

use super::{
    application::Command,
    compare::{Findings, Step},
    linux::with_linux,
    segment::{ACK, FIN, Opt, PSH, RST, SYN, Segment, byte},
    text::segment,
};
use crate::differential_linux::team::Manner;

/// How many conversations, of up to [`STEPS`] steps after the handshake.
const CONVERSATIONS: usize = 4000;
const STEPS: usize = 8;
/// Where all of it begins.
const SEED: u64 = 9293;

pub(crate) fn random_segments(manner: Manner) {
    let number = |name: &str| std::env::var(name).ok().map(|value| value.parse::<u64>().unwrap());
    let seed = number("SEED").unwrap_or(SEED);
    // The memory of several cores is never given back.
    let most = if manner == Manner::Alone { CONVERSATIONS } else { CONVERSATIONS / 4 };
    let conversations = number("RUNS").map_or(most, |runs| runs as usize);
    let (mut findings, start) = (Findings::new(manner), Instant::now());
    with_linux(|linux| {
        let mut random = Random::new(seed);
        for number in 0..conversations {
            let steps = Peer::new(&mut random).conversation();
            findings.converse(&format!("conversation {number} of SEED={seed}"), linux, &steps);
        }
    });
    println!(
        "{} answers compared, {} of them not empty, {} repeated, in {:.1} s",
        findings.compared,
        findings.answered,
        findings.repeated,
        start.elapsed().as_secs_f64()
    );
    findings.assert_alike();
    // Else it would be a test of what is dropped.
    let Findings { compared, answered, .. } = findings;
    assert!(compared > 3 * conversations && answered > compared / 3, "{answered} of {compared}");
}

/// A peer, as it should be.
struct Peer<'a> {
    random: &'a mut Random,
    has_timestamps: bool,
    clock: u32,
    /// The number of the next byte that it sends, and of the next one that it expects.
    next: u32,
    expects: u32,
    has_ended: bool,
    steps: Vec<Step>,
}

impl<'a> Peer<'a> {
    fn new(random: &'a mut Random) -> Self {
        let has_timestamps = random.once_in(2);
        Self {
            random,
            has_timestamps,
            clock: 100,
            next: 0,
            expects: 0,
            has_ended: false,
            steps: Vec::new(),
        }
    }

    fn conversation(mut self) -> Vec<Step> {
        let mut syn = self.segment(SYN, 0);
        syn.ack = None;
        syn.options.insert(0, Opt::Mss([536, 1_000, 1_460][self.random.below(3)]));
        if self.random.once_in(2) {
            syn.options.push(Opt::SackPermitted);
        }
        if self.random.once_in(2) {
            syn.options.push(Opt::Scale(self.random.below(4) as u8));
        }
        self.push(syn, 16);
        (self.next, self.expects) = (1, 1);
        let ack = self.segment(ACK, 0);
        self.push(ack, 8);
        for _ in 0..1 + self.random.below(STEPS) {
            self.step();
        }
        self.steps.push(Step::Application(Command::Read));
        self.steps
    }

    /// A segment with the next number.
    fn segment(&mut self, flags: u8, length: usize) -> Segment {
        self.clock += self.random.below(3) as u32;
        let mut made = segment("- 0");
        made.flags = flags;
        (made.seq, made.ack) = (self.next, Some(self.expects));
        made.data = (0..length as u32).map(|at| byte(0x55, self.next.wrapping_add(at))).collect();
        if self.has_timestamps {
            made.options.push(Opt::Timestamps(self.clock, 0));
        }
        made
    }

    /// Sends a segment, which is changed once in `times`.
    fn push(&mut self, mut segment: Segment, times: usize) {
        if self.random.once_in(times) {
            for _ in 0..1 + self.random.below(2) {
                mutate(&mut segment, self.random);
            }
        }
        self.steps.push(Step::Segment(segment));
    }

    fn step(&mut self) {
        let length = [1, 10, 100, 500][self.random.below(4)];
        match self.random.below(16) {
            // Data in order, and then some of it again.
            0..=3 if !self.has_ended => {
                let data = self.segment(ACK | PSH, length);
                self.push(data.clone(), 3);
                self.next += length as u32;
                if self.random.once_in(4) {
                    self.push(data, 2);
                }
            }
            // Two segments in the wrong order.
            4 | 5 if !self.has_ended => {
                let first = self.segment(ACK | PSH, length);
                self.next += length as u32;
                let second = self.segment(ACK | PSH, length);
                self.next += length as u32;
                self.push(second, 4);
                self.push(first, 4);
            }
            6 if !self.has_ended => {
                let fin = self.segment(ACK | FIN, 0);
                self.push(fin, 4);
                self.next += 1;
                self.has_ended = true;
            }
            // What the application sends is acknowledged.
            7 | 8 => {
                self.steps.push(Step::Application(Command::Write(length)));
                self.expects += length as u32;
                let ack = self.segment(ACK, 0);
                self.push(ack.clone(), 6);
                // What is lost is sent again after a time, which is not compared.
                self.steps.push(Step::Segment(ack));
            }
            9 => {
                self.steps.push(Step::Application(Command::Shutdown));
                self.expects += 1;
                let ack = self.segment(ACK, 0);
                self.push(ack, 4);
            }
            10 => {
                let reset = self.segment(RST, 0);
                self.push(reset, 2);
            }
            11 => {
                let mut syn = self.segment(SYN, 0);
                syn.ack = None;
                self.push(syn, 2);
            }
            12 | 13 => self.steps.push(Step::Application(Command::Read)),
            _ => {
                let ack = self.segment(ACK, 0);
                self.push(ack, 1);
            }
        }
    }
}

/// How far numbers are moved.
const MOVES: [i32; 14] = [
    -2_000_000_000,
    -100_000,
    -1_000,
    -11,
    -10,
    -2,
    -1,
    1,
    2,
    10,
    11,
    1_000,
    10_000_000,
    2_000_000_000,
];

/// Changes something.
fn mutate(segment: &mut Segment, random: &mut Random) {
    let by = MOVES[random.below(MOVES.len())] as u32;
    match random.below(16) {
        0..=2 => {
            segment.seq = segment.seq.wrapping_add(by);
            let start = segment.seq;
            let count = segment.data.len() as u32;
            segment.data = (0..count).map(|at| byte(0x55, start.wrapping_add(at))).collect();
        }
        3 | 4 => segment.ack = segment.ack.map(|ack| ack.wrapping_add(by)),
        5 | 6 => segment.flags ^= 1 << random.below(6),
        7 => segment.flags = random.bits() as u8,
        8 => {
            let count = random.below(20) as u32;
            let start = segment.seq.wrapping_add(segment.data.len() as u32);
            segment.data.extend((0..count).map(|at| byte(0x55, start.wrapping_add(at))));
        }
        9 => segment.options.retain(|option| !matches!(option, Opt::Timestamps(..))),
        10 => {
            for option in &mut segment.options {
                if let Opt::Timestamps(value, _) = option {
                    *value = value.wrapping_add(by);
                }
            }
        }
        11 => {
            let kind = [0, 1, 2, 3, 4, 5, 8, 30, 253][random.below(9)];
            let length = [0, 1, 2, 3, 4, 10, 40][random.below(7)];
            segment.options.push(Opt::Raw(vec![kind, length, 1, 2]));
        }
        12 => segment.urgent = random.bits() as u16,
        13 => segment.reserved = random.bits() as u8 & 0xf,
        // Too short, or beyond the segment: if it ends elsewhere, some options are data, which have our own numbers.
        14 if segment.data.is_empty() => segment.offset = Some([0, 1, 4, 15][random.below(4)]),
        _ => segment.damage = random.below(2) as u16,
    }
    if segment.flags & ACK == 0 {
        segment.ack = None;
    } else if segment.ack.is_none() {
        segment.ack = Some(random.below(3) as u32);
    }
    // The longest header has 40 bytes of options.
    segment.options.truncate(4);
}
