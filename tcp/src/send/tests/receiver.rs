//! A model of the peer: what it has, and what it says of that.

use std::{collections::BTreeMap, time::Duration, vec::Vec};

use layer::Instant;

use super::{SackBlocks, Seq, pattern};

/// How long an acknowledgment waits for a second segment.
const DELAY: Duration = Duration::from_millis(40);

/// An acknowledgment on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reply {
    pub(super) ack: Seq,
    pub(super) window: u32,
    pub(super) sack: SackBlocks,
    /// The time that is echoed.
    pub(super) echo: Instant,
}

/// A segment on its way.
#[derive(Clone, Debug)]
pub(super) struct Packet {
    pub(super) seq: Seq,
    pub(super) data: Vec<u8>,
    pub(super) fin: bool,
    pub(super) sent: Instant,
}

/// The peer. Positions are numbers of the stream, from 0.
#[derive(Debug)]
pub(super) struct Receiver {
    first: Seq,
    pub(super) next: u64,
    pub(super) fin: bool,
    /// Out of order: from, to, and when it was last added to.
    ranges: BTreeMap<u64, (u64, u64)>,
    clock: u64,
    pub(super) has_sack: bool,
    /// How many bytes it buffers, and how many of those are not read yet.
    pub(super) room: u32,
    pub(super) unread: u32,
    /// How many segments are not acknowledged yet, and until when that may be.
    owed: u32,
    pub(super) deadline: Option<Instant>,
    /// The next that are acknowledged at once.
    quick: u32,
    echo: Instant,
    duplicate: Option<(u64, u64)>,
    /// The bytes that came though they were there.
    pub(super) twice: u64,
}

impl Receiver {
    pub(super) fn new(first: Seq, has_sack: bool, room: u32) -> Self {
        Self {
            first,
            next: 0,
            fin: false,
            ranges: BTreeMap::new(),
            clock: 0,
            has_sack,
            room,
            unread: 0,
            owed: 0,
            deadline: None,
            quick: 16,
            echo: Instant::ZERO,
            duplicate: None,
            twice: 0,
        }
    }

    /// A segment; returns whether it is to be acknowledged at once.
    pub(super) fn receive(&mut self, now: Instant, packet: &Packet, timed: bool) -> bool {
        let expected = self.first + self.next as u32;
        let start = self.next.wrapping_add_signed(packet.seq.distance(expected).into());
        let edge = self.next + u64::from(self.window());
        let end = (start + packet.data.len() as u64).min(edge);
        if start.wrapping_add(1 << 40) < (1 << 40) || start > edge {
            return true;
        }
        if timed && start <= self.next {
            self.echo = packet.sent;
        }
        for (at, byte) in (start..end).zip(&packet.data) {
            assert!(pattern(at) == *byte, "another byte at {at}");
        }
        if end <= self.next || end <= start {
            if end > start {
                (self.duplicate, self.twice) = (Some((start, end)), self.twice + (end - start));
            }
            if packet.fin && end == self.next && !self.fin {
                self.fin = true;
            }
            return true;
        }
        let filled_gap = !self.ranges.is_empty();
        self.insert(start.max(self.next), end);
        if packet.fin && self.next == start + packet.data.len() as u64 {
            self.fin = true;
            return true;
        }
        if filled_gap || !self.ranges.is_empty() {
            return true;
        }
        self.owed += 1;
        let at_once = self.owed >= 2 || self.quick > 0;
        self.quick = self.quick.saturating_sub(1);
        self.deadline = self.deadline.or(Some(now + DELAY));
        at_once
    }

    fn insert(&mut self, start: u64, end: u64) {
        self.clock += 1;
        let (mut low, mut high) = (start, end);
        let touching: Vec<u64> = self
            .ranges
            .range(..=end)
            .rev()
            .take_while(|(_, (to, _))| *to >= start)
            .map(|(&from, _)| from)
            .collect();
        for from in touching {
            let (to, _) = self.ranges.remove(&from).expect("it was there");
            if from <= start && to >= end {
                (self.duplicate, self.twice) = (Some((start, end)), self.twice + (end - start));
            }
            (low, high) = (low.min(from), high.max(to));
        }
        if low <= self.next {
            self.unread += (high - self.next) as u32;
            self.next = high;
        } else {
            self.ranges.insert(low, (high, self.clock));
        }
    }

    pub(super) fn window(&self) -> u32 {
        self.room - self.unread.min(self.room)
    }

    fn seq(&self, position: u64) -> Seq {
        self.first + position as u32
    }

    /// The acknowledgment that is due.
    pub(super) fn reply(&mut self) -> Reply {
        (self.owed, self.deadline) = (0, None);
        let mut sack = SackBlocks::NONE;
        if self.has_sack {
            if let Some((start, end)) = self.duplicate {
                sack.push(self.seq(start), self.seq(end));
            }
            let mut latest: Vec<_> =
                self.ranges.iter().map(|(&start, &(end, clock))| (clock, start, end)).collect();
            latest.sort_by(|one, other| other.cmp(one));
            for (_, start, end) in latest.into_iter().take(3) {
                sack.push(self.seq(start), self.seq(end));
            }
            sack.truncate(3);
        }
        self.duplicate = None;
        let ack = self.seq(self.next) + u32::from(self.fin);
        Reply { ack, window: self.window(), sack, echo: self.echo }
    }
}
