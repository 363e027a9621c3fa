//! Datagrams that were refused because fragments overlapped.

use core::time::Duration;

use layer::Instant;

use super::Key;

/// How many are remembered; one more replaces the oldest.
const REMEMBERED: usize = 16;

/// How long what still comes of a refused datagram may be under way behind what came. No longer, for a
/// sender may use the number again, and anybody can forge an overlap.
const HOLDS: Duration = Duration::from_secs(1);

/// What still comes of a refused datagram is dropped too (RFC 5722 4), until its time is over or another
/// datagram with its number begins.
#[derive(Debug, Default)]
pub(super) struct Refused {
    keys: [Option<(Key, Instant)>; REMEMBERED],
    next: usize,
    /// The time of all of them is over then: most hosts are never sent such a datagram.
    until: Instant,
}

impl Refused {
    /// Notes that fragments of `key` are to be dropped for a while.
    pub(super) fn note(&mut self, now: Instant, key: Key) {
        self.until = now + HOLDS;
        self.keys[self.next] = Some((key, self.until));
        self.next = (self.next + 1) % REMEMBERED;
    }

    /// Whether a fragment of `key` is to be dropped. The first of a datagram, with `offset` 0, is not, and
    /// nothing after it.
    pub(super) fn contains(&mut self, now: Instant, key: Key, offset: usize) -> bool {
        if self.until <= now {
            return false;
        }
        let is_refused = |&(refused, until): &(Key, Instant)| refused == key && now < until;
        let place = self.keys.iter_mut().find(|place| place.as_ref().is_some_and(is_refused));
        match place {
            Some(place) if offset == 0 => {
                *place = None;
                false
            }
            place => place.is_some(),
        }
    }
}
