//! Datagrams that were refused because fragments overlapped.

use netif::Instant;

use super::Key;

/// How many are remembered; one more replaces the oldest.
const REMEMBERED: usize = 16;

/// What still comes of a refused datagram is dropped too (RFC 5722 4), until its time is over.
#[derive(Debug, Default)]
pub(super) struct Refused {
    keys: [Option<(Key, Instant)>; REMEMBERED],
    next: usize,
    /// The time of all of them is over then: most hosts are never sent such a datagram.
    until: Instant,
}

impl Refused {
    /// Notes that fragments of `key` are to be dropped before `until`.
    pub(super) fn note(&mut self, key: Key, until: Instant) {
        self.until = self.until.max(until);
        self.keys[self.next] = Some((key, until));
        self.next = (self.next + 1) % REMEMBERED;
    }

    pub(super) fn contains(&self, now: Instant, key: Key) -> bool {
        now < self.until
            && self.keys.iter().flatten().any(|&(refused, until)| refused == key && now < until)
    }
}
