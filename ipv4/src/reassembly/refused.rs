//! Datagrams that were refused because fragments overlapped.

use core::{net::Ipv4Addr, time::Duration};

use layer::Instant;
use network::Protocol;

use super::Key;

/// How many refused datagrams are remembered. One more replaces the oldest.
const REMEMBERED: usize = 16;

/// How long the later fragments of a refused datagram are dropped. The time is short, because the sender may use the
/// identification again, and anybody can forge an overlap.
const HOLDS: Duration = Duration::from_secs(1);

/// The key of an unused place, which has always been expired.
const NOBODY: Key = Key {
    source: Ipv4Addr::UNSPECIFIED,
    destination: Ipv4Addr::UNSPECIFIED,
    protocol: Protocol(0),
    identification: 0,
};

/// The datagrams that were refused a short time ago. Their later fragments are dropped too (RFC 5722 4), until the
/// entry expires or a new datagram with the same key begins.
#[derive(Debug)]
pub(super) struct Refused {
    /// The keys of the datagrams, and when each entry expires.
    keys: [(Key, Instant); REMEMBERED],
    next: usize,
    /// When the last entry expires. Most hosts never receive such a datagram.
    until: Instant,
}

impl Refused {
    /// No datagram was refused.
    pub(super) const NONE: Self =
        Self { keys: [(NOBODY, Instant::ZERO); REMEMBERED], next: 0, until: Instant::ZERO };

    /// Records that fragments of `key` are to be dropped for a while.
    pub(super) fn note(&mut self, now: Instant, key: Key) {
        self.until = now + HOLDS;
        self.keys[self.next] = (key, self.until);
        self.next = (self.next + 1) % REMEMBERED;
    }

    /// Whether a fragment of `key` is to be dropped. A first fragment, with `offset` 0, is not dropped, nor is any
    /// after it.
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
