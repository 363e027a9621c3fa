//! `HyStart++` (RFC 9406): the first slow start ends when the round-trip time grows, before a queue overflows.

use crate::Seq;

/// By how much the round-trip time has to grow, in microseconds: an eighth, at least and at most this (4.2).
const LEAST_THRESHOLD: u32 = 4000;
const MOST_THRESHOLD: u32 = 16_000;

/// How many samples a round needs.
const SAMPLES: u8 = 8;

/// By how much the window grows slower once the round-trip time has grown, and for how many rounds.
const DIVISOR: u32 = 4;
const ROUNDS: u8 = 5;

#[derive(Clone, Copy, Debug)]
pub(super) struct SlowStart {
    /// SND.NXT when the round began.
    end: Seq,
    /// The least round-trip times of the last round and of this one, in microseconds.
    last: u32,
    current: u32,
    samples: u8,
    /// The least round-trip time when growth became slow ("conservative slow start"), and for how many rounds it has been.
    slow: Option<(u32, u8)>,
}

impl SlowStart {
    pub(super) const fn new(first: Seq) -> Self {
        Self { end: first, last: u32::MAX, current: u32::MAX, samples: 0, slow: None }
    }

    /// By how much the window grows when `bytes` are delivered. Not bounded for one acknowledgment: receivers that join
    /// segments acknowledge many of them at once.
    pub(super) fn grow(&self, bytes: u32) -> u32 {
        match self.slow {
            None => bytes,
            Some(_) => bytes / DIVISOR,
        }
    }

    /// An acknowledgment; `rtt` is a sample in microseconds. Returns whether slow start is over.
    pub(super) fn acked(&mut self, una: Seq, next: Seq, rtt: Option<u32>) -> bool {
        if let Some(rtt) = rtt {
            self.current = self.current.min(rtt);
            self.samples = self.samples.saturating_add(1);
        }
        if self.samples >= SAMPLES {
            let threshold = (self.last / 8).clamp(LEAST_THRESHOLD, MOST_THRESHOLD);
            match self.slow {
                None if self.last != u32::MAX && self.current >= self.last + threshold => {
                    self.slow = Some((self.current, 0));
                }
                // It was no queue.
                Some((least, _)) if self.current < least => self.slow = None,
                _ => {}
            }
        }
        if una.is_before(self.end) {
            return false;
        }
        (self.end, self.last, self.current, self.samples) = (next, self.current, u32::MAX, 0);
        if let Some((_, rounds)) = &mut self.slow {
            *rounds += 1;
            return *rounds >= ROUNDS;
        }
        false
    }
}
