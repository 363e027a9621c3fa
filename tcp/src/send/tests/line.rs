//! One direction of a network: what happens to packets on their way.

use std::{cmp::Reverse, collections::BinaryHeap, time::Duration, vec::Vec};

use layer::Instant;
use testkit::Random;

/// How many packets of a million a share is of.
const WHOLE: usize = 1_000_000;

/// What happens to packets. Shares are millionths.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Conditions {
    /// How long each is on its way.
    pub(super) delay: Duration,
    /// How many bytes pass in a second, and how many wait; 0: as many as there are.
    pub(super) rate: u64,
    pub(super) queue: u64,
    /// How many are lost, and how many more with each of them.
    pub(super) lost: usize,
    pub(super) burst: u32,
    pub(super) duplicated: usize,
    /// How many are late, and by how much.
    pub(super) held: usize,
    pub(super) held_for: Duration,
    /// How many are overtaken by one to three of those that follow.
    pub(super) overtaken: usize,
}

impl Conditions {
    /// How long `bytes` take.
    fn time(&self, bytes: u64) -> Duration {
        Duration::from_nanos(bytes * 1_000_000_000 / self.rate.max(1))
    }
}

#[derive(Debug)]
struct Underway<T> {
    due: Instant,
    number: u64,
    packet: T,
}

impl<T> PartialEq for Underway<T> {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl<T> Eq for Underway<T> {}

impl<T> PartialOrd for Underway<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Underway<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.number).cmp(&(other.due, other.number))
    }
}

/// Packets on their way.
pub(super) struct Line<T> {
    pub(super) conditions: Conditions,
    random: Random,
    busy_until: Instant,
    losing: u32,
    underway: BinaryHeap<Reverse<Underway<T>>>,
    /// Packets that are overtaken, and by how many more.
    overtaken: Vec<(u32, T)>,
    number: u64,
    pub(super) packets: u64,
    pub(super) dropped: u64,
}

impl<T: Clone> Line<T> {
    pub(super) fn new(conditions: Conditions, seed: u64) -> Self {
        Self {
            conditions,
            random: Random::new(seed),
            busy_until: Instant::ZERO,
            losing: 0,
            underway: BinaryHeap::new(),
            overtaken: Vec::new(),
            number: 0,
            packets: 0,
            dropped: 0,
        }
    }

    /// A packet of `bytes` is sent.
    pub(super) fn push(&mut self, now: Instant, bytes: u64, packet: T) {
        self.packets += 1;
        let chances = [(); 4].map(|()| self.random.below(WHOLE));
        let conditions = self.conditions;
        if self.losing > 0 || chances[0] < conditions.lost {
            self.losing = if self.losing > 0 { self.losing - 1 } else { conditions.burst };
            self.dropped += 1;
            return;
        }
        if chances[3] < conditions.overtaken {
            self.overtaken.push((1 + self.random.below(3) as u32, packet));
            return;
        }
        let hold = match chances[2] < conditions.held {
            true => conditions.held_for,
            false => Duration::ZERO,
        };
        for _ in 0..=u32::from(chances[1] < conditions.duplicated) {
            self.send(now, bytes, hold, packet.clone());
        }
        let mut waiting = std::mem::take(&mut self.overtaken);
        waiting.retain_mut(|(count, late)| {
            *count -= 1;
            if *count == 0 {
                self.send(now, bytes, Duration::ZERO, late.clone());
            }
            *count > 0
        });
        self.overtaken = waiting;
    }

    /// Those that wait to be overtaken do so no longer: nothing followed for a while.
    pub(super) fn release(&mut self, now: Instant) -> bool {
        let waiting = std::mem::take(&mut self.overtaken);
        let any = !waiting.is_empty();
        waiting.into_iter().for_each(|(_, late)| self.send(now, 0, Duration::ZERO, late));
        any
    }

    fn send(&mut self, now: Instant, bytes: u64, hold: Duration, packet: T) {
        let mut sent = now;
        if self.conditions.rate > 0 {
            let last_bit = self.busy_until.max(now) + self.conditions.time(bytes);
            if last_bit - now > self.conditions.time(self.conditions.queue) {
                self.dropped += 1;
                return;
            }
            self.busy_until = last_bit;
            sent = last_bit;
        }
        let due = sent + self.conditions.delay + hold;
        self.underway.push(Reverse(Underway { due, number: self.number, packet }));
        self.number += 1;
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        self.underway.peek().map(|Reverse(next)| next.due)
    }

    /// The next packet that is due.
    pub(super) fn pop(&mut self, now: Instant) -> Option<T> {
        if self.next_due()? > now {
            return None;
        }
        self.underway.pop().map(|Reverse(next)| next.packet)
    }
}
