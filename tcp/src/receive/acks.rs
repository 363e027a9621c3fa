//! When a received segment is acknowledged (RFC 9293 3.8.6.3, RFC 5681 4.2).

use core::time::Duration;

use layer::Instant;

use super::AckNeed;

/// How long an acknowledgment waits at most, for another segment or for data to go with: 40 ms, as Linux waits at
/// least. RFC 9293 (MUST-59) allows 500 ms.
const DELAY: Duration = Duration::from_millis(40);

/// How many segments at the beginning are acknowledged at once, since the peer's slow start counts acknowledgments.
const QUICK_SEGMENTS: u8 = 16;

/// No acknowledgment waits.
const NEVER: Instant = Instant::from_nanos(u64::MAX);

/// The least size of a segment that counts as full, in bytes: what every link carries (RFC 9293 3.7.1).
const LEAST_FULL: u16 = 64;

/// The acknowledgments that are owed.
pub(super) struct Acks {
    /// How many bytes were received that no acknowledgment covers.
    bytes: u32,
    deadline: Instant,
    /// The size of the peer's full-sized segments, as far as they have shown.
    full_size: u16,
    last_size: u16,
    quick: u8,
    at_once: bool,
}

impl Acks {
    pub(super) const fn new() -> Self {
        Self {
            bytes: 0,
            deadline: NEVER,
            // RFC 9293 3.7.1: what a peer sends that knows nothing.
            full_size: 536,
            last_size: 0,
            quick: QUICK_SEGMENTS,
            at_once: false,
        }
    }

    /// Takes note of `len` bytes, which arrived in order in `joined` segments of the peer.
    #[inline]
    pub(super) fn on_bytes(&mut self, now: Instant, len: u32, joined: u16, mss: u32) -> AckNeed {
        let joined = joined.max(1);
        self.learn_size(len.div_ceil(joined.into()).min(mss) as u16);
        self.bytes = self.bytes.saturating_add(len);
        let quick = self.quick > 0;
        self.quick = self.quick.saturating_sub(u8::try_from(joined).unwrap_or(u8::MAX));
        if quick || self.bytes >= 2 * u32::from(self.full_size) {
            return self.at_once();
        }
        self.deadline = self.deadline.min(now + DELAY);
        if self.at_once { AckNeed::Now } else { AckNeed::Delayed }
    }

    /// A larger segment shows what the peer's path carries, and so do two in a row that have the same size.
    #[inline]
    fn learn_size(&mut self, size: u16) {
        if size > self.full_size || size == self.last_size && size >= LEAST_FULL {
            self.full_size = size;
        }
        self.last_size = size;
    }

    /// An acknowledgment must not wait.
    #[inline]
    pub(super) fn at_once(&mut self) -> AckNeed {
        self.at_once = true;
        AckNeed::Now
    }

    /// An acknowledgment was sent.
    #[inline]
    pub(super) fn sent(&mut self) {
        self.bytes = 0;
        self.at_once = false;
        self.deadline = NEVER;
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        (self.deadline != NEVER).then_some(self.deadline)
    }

    pub(super) fn is_at_once(&self) -> bool {
        self.at_once
    }
}
