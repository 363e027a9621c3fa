//! How much may be in flight: the congestion window.

mod new_reno;

use self::new_reno::NewReno;

/// The most bytes a congestion window has.
const MAX_WINDOW: u32 = 1 << 30;

/// The congestion window and the slow start threshold, in bytes, and the algorithm that moves them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Congestion {
    /// cwnd
    pub(crate) window: u32,
    /// ssthresh
    pub(crate) threshold: u32,
    /// What both were before the last reduction.
    before: (u32, u32),
    algorithm: NewReno,
}

/// The initial window for segments of `mss` bytes (RFC 6928 2).
pub(crate) fn initial_window(mss: u32) -> u32 {
    (10 * mss).min((2 * mss).max(14_600))
}

impl Congestion {
    /// The window of a new connection.
    pub(crate) const fn new() -> Self {
        Self { window: 0, threshold: u32::MAX, before: (0, 0), algorithm: NewReno::new() }
    }

    /// The connection is established; the initial window is one segment if the SYN was lost (RFC 5681 3.1).
    pub(crate) fn established(&mut self, mss: u32, syn_was_lost: bool) {
        self.window = if syn_was_lost { mss } else { initial_window(mss) };
    }

    /// Whether the window grows exponentially.
    pub(crate) fn in_slow_start(&self) -> bool {
        self.window < self.threshold
    }

    /// `bytes` were delivered while the window was what limited the sender, and nothing was lost.
    pub(crate) fn delivered(&mut self, bytes: u32, mss: u32) {
        let mut rest = bytes;
        if self.in_slow_start() {
            // RFC 3465: counts bytes, so that split acknowledgments gain nothing.
            let step = rest.min(self.threshold - self.window);
            self.window += step;
            rest -= step;
        }
        if rest > 0 {
            self.window += self.algorithm.avoid(self.window, rest, mss);
        }
        self.window = self.window.min(MAX_WINDOW);
    }

    /// A loss was found: the threshold falls (RFC 5681 3.1 (4)). `in_flight` is how many bytes were outstanding.
    pub(crate) fn reduce(&mut self, in_flight: u32, mss: u32) {
        self.before = (self.window, self.threshold);
        self.threshold = self.algorithm.reduced(self.window.min(in_flight.max(mss)), mss);
    }

    /// The retransmission timer expired: one segment (RFC 5681 3.1).
    pub(crate) fn collapse(&mut self, mss: u32) {
        self.window = mss;
    }

    /// The last reduction was a mistake: nothing was lost.
    pub(crate) fn undo(&mut self) {
        self.window = self.window.max(self.before.0);
        self.threshold = self.before.1;
    }

    /// Nothing was sent for longer than the retransmission timeout (RFC 5681 4.1).
    pub(crate) fn idle(&mut self, mss: u32) {
        self.window = self.window.min(initial_window(mss));
    }
}
