//! Datagrams that were refused because fragments overlapped.

use core::{net::Ipv4Addr, time::Duration};

use layer::Instant;
use network::Protocol;

use super::Key;

/// How many are remembered; one more replaces the oldest.
const REMEMBERED: usize = 16;

/// How long what still comes of a refused datagram may be under way behind what came. No longer, for a
/// sender may use the number again, and anybody can forge an overlap.
const HOLDS: Duration = Duration::from_secs(1);

/// The key of no datagram, whose time was over before any came.
const NOBODY: Key = Key {
    source: Ipv4Addr::UNSPECIFIED,
    destination: Ipv4Addr::UNSPECIFIED,
    protocol: Protocol(0),
    identification: 0,
};

/// What still comes of a refused datagram is dropped too (RFC 5722 4), until its time is over or another
/// datagram with its number begins.
#[derive(Debug)]
pub(super) struct Refused {
    /// The datagrams, and when the time of each is over.
    keys: [(Key, Instant); REMEMBERED],
    next: usize,
    /// The time of all of them is over then: most hosts are never sent such a datagram.
    until: Instant,
}

impl Refused {
    /// None was refused.
    pub(super) const NONE: Self =
        Self { keys: [(NOBODY, Instant::ZERO); REMEMBERED], next: 0, until: Instant::ZERO };

    /// Notes that fragments of `key` are to be dropped for a while.
    pub(super) fn note(&mut self, now: Instant, key: Key) {
        self.until = now + HOLDS;
        self.keys[self.next] = (key, self.until);
        self.next = (self.next + 1) % REMEMBERED;
    }

    /// Whether a fragment of `key` is to be dropped. The first of a datagram, with `offset` 0, is not, and
    /// nothing after it.
    pub(super) fn contains(&mut self, now: Instant, key: Key, offset: usize) -> bool {
        if self.until <= now {
            return false;
        }
        let place = self.keys.iter_mut().find(|(refused, until)| *refused == key && now < *until);
        match place {
            Some((_, until)) if offset == 0 => {
                *until = Instant::ZERO;
                false
            }
            place => place.is_some(),
        }
    }
}
