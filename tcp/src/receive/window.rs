//! The window that is offered to the peer, and how it grows with what the application reads.

use core::time::Duration;

use layer::Instant;

use crate::Seq;

/// How many bytes the window has at first, if the limit allows.
const FIRST_WINDOW: u32 = 64 << 10;

/// The segments of a peer's initial window (RFC 6928): what it sends beside what follows from earlier acknowledgments.
const INITIAL_SEGMENTS: u32 = 10;

/// The window of a connection.
pub(super) struct Window {
    /// The number after the last one that was ever offered.
    edge: Seq,
    /// How many bytes may be unread.
    size: u32,
    /// How large `size` may become.
    limit: u32,
    mss: u32,
    /// How many bits the window is shifted in a header.
    shift: u8,
    /// The peer's round-trip time in microseconds, smoothed; 0: not known.
    rtt: u32,
    /// What was read in the best round trip.
    best: u32,
    /// Where the reader was at `marked_at`.
    mark: Seq,
    marked_at: Instant,
}

impl Window {
    pub(super) fn new(next: Seq, limit: u32) -> Self {
        Self {
            edge: next,
            size: FIRST_WINDOW.min(limit),
            limit,
            mss: 536,
            shift: 0,
            rtt: 0,
            best: 0,
            mark: next,
            marked_at: Instant::ZERO,
        }
    }

    #[inline]
    pub(super) fn edge(&self) -> Seq {
        self.edge
    }

    #[inline]
    pub(super) fn mss(&self) -> u32 {
        self.mss
    }

    pub(super) fn set_mss(&mut self, mss: u32) {
        self.mss = mss.clamp(1, 65_535);
    }

    pub(super) fn shift(&self) -> u8 {
        self.shift
    }

    pub(super) fn set_shift(&mut self, shift: u8) {
        self.shift = shift.min(14);
    }

    /// The least number of bytes by which the right edge moves (RFC 9293 3.8.6.2.2).
    #[inline]
    fn step(&self) -> u32 {
        (self.size / 2).min(self.mss).max(1)
    }

    /// What is left at `next` of what was offered.
    #[inline]
    fn promised(&self, next: Seq) -> u32 {
        self.edge.distance(next).max(0) as u32
    }

    /// The window at `next`, while `unread` bytes before it wait for the application.
    pub(super) fn offer(&self, next: Seq, unread: u32) -> u32 {
        let free = self.size.saturating_sub(unread);
        let promised = self.promised(next);
        let window = if free >= promised.saturating_add(self.step()) { free } else { promised };
        let unit = 1 << self.shift;
        let rounded = window & !(unit - 1);
        // Rounded up where the right edge would move back otherwise, but by less than a unit beyond the limit, however
        // often this is done.
        let rounded = if rounded < promised && rounded + unit < free.saturating_add(unit) {
            rounded + unit
        } else {
            rounded
        };
        rounded.min(0xffff << self.shift)
    }

    #[inline]
    pub(super) fn advertised(&mut self, next: Seq, window: u32) {
        self.edge = self.edge.max(next + window);
    }

    /// Whether the peer should hear that the window has opened: it has half of the window at most, would have twice as
    /// much, and the right edge would move by enough (RFC 1122 4.2.3.3).
    pub(super) fn wants_update(&self, next: Seq, unread: u32) -> bool {
        let promised = self.promised(next);
        // With half of the window, the peer sends on (RFC 9293 3.8.6.2.1), and hears of the rest then.
        if promised > self.size / 2 {
            return false;
        }
        let offer = self.offer(next, unread);
        offer >= promised.saturating_mul(2) && offer >= promised.saturating_add(self.step())
    }

    /// Whether the window may still grow.
    #[inline]
    pub(super) fn is_growing(&self) -> bool {
        self.size < self.limit
    }

    pub(super) fn on_rtt(&mut self, rtt: Duration) {
        let sample = u32::try_from(rtt.as_micros()).unwrap_or(u32::MAX).max(1);
        self.rtt = match self.rtt {
            0 => sample,
            rtt => (rtt - rtt / 8).saturating_add(sample / 8).max(1),
        };
    }

    /// Once in each round trip: the window gets room for twice of what was read in it, and for more if that grew, so
    /// that it stays ahead of a sender that doubles its rate. Without a measurement, a round trip is taken to be over
    /// when all of a window was read: it is by then, though a slow sender takes longer.
    #[inline]
    pub(super) fn tune(&mut self, now: Instant, reader: Seq) {
        if !self.is_growing() {
            return;
        }
        let read = reader - self.mark;
        let is_over = match self.rtt {
            0 => read >= self.size,
            rtt => now.since(self.marked_at) >= Duration::from_micros(rtt.into()),
        };
        if is_over {
            self.measure(read);
            (self.mark, self.marked_at) = (reader, now);
        }
    }

    fn measure(&mut self, read: u32) {
        let best = self.best.max(INITIAL_SEGMENTS * self.mss);
        if read <= best {
            return;
        }
        let (read, best) = (u64::from(read), u64::from(best));
        let twice = 2 * read + 16 * u64::from(self.mss);
        // How much more it was than before, which is doubled too.
        let wanted = twice + 2 * twice * (read - best) / best;
        self.best = read as u32;
        self.size = self.size.max(u32::try_from(wanted).unwrap_or(u32::MAX).min(self.limit));
    }
}
