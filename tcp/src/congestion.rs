//! How much may be in flight: the congestion window.

mod cubic;
mod new_reno;

use self::{cubic::Cubic, new_reno::NewReno};

/// The most bytes a congestion window has.
const MAX_WINDOW: u32 = 1 << 30;

/// What moves the congestion window.
#[derive(Clone, Copy, Debug)]
enum Algorithm {
    Cubic(Cubic),
    NewReno(NewReno),
}

/// Which algorithm moves the congestion window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CongestionControl {
    /// CUBIC (RFC 9438).
    #[default]
    Cubic,
    /// The one of RFC 5681 alone, whose window grows by a segment in each round trip.
    NewReno,
}

/// The congestion window and the slow start threshold, in bytes, and the algorithm that moves them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Congestion {
    /// cwnd
    pub(crate) window: u32,
    /// ssthresh
    pub(crate) threshold: u32,
    algorithm: Algorithm,
}

/// The initial window for segments of `mss` bytes (RFC 6928 2).
pub(crate) fn initial_window(mss: u32) -> u32 {
    (10 * mss).min((2 * mss).max(14_600))
}

impl Congestion {
    /// The window of a new connection.
    pub(crate) const fn new() -> Self {
        Self { window: 0, threshold: u32::MAX, algorithm: Algorithm::Cubic(Cubic::new()) }
    }

    /// Another algorithm, which knows nothing yet.
    pub(crate) fn set_algorithm(&mut self, control: CongestionControl) {
        self.algorithm = match control {
            CongestionControl::Cubic => Algorithm::Cubic(Cubic::new()),
            CongestionControl::NewReno => Algorithm::NewReno(NewReno::new()),
        };
    }

    /// The connection is established; the initial window is one segment if the SYN was lost (RFC 5681 3.1).
    pub(crate) fn established(&mut self, mss: u32, syn_was_lost: bool) {
        self.window = if syn_was_lost { mss } else { initial_window(mss) };
    }

    /// Whether the window grows exponentially.
    pub(crate) fn in_slow_start(&self) -> bool {
        self.window < self.threshold
    }

    /// `bytes` were delivered while the window was what limited the sender, and nothing was lost. `now` and `rtt` are in
    /// milliseconds.
    pub(crate) fn delivered(&mut self, now: u32, rtt: u32, bytes: u32, mss: u32) {
        let mut rest = bytes;
        if self.in_slow_start() {
            // RFC 3465: counts bytes, so that split acknowledgments gain nothing.
            let step = rest.min(self.threshold - self.window);
            self.window += step;
            rest -= step;
        }
        if rest > 0 {
            self.window = match &mut self.algorithm {
                Algorithm::Cubic(cubic) => cubic.avoid(now, rtt, self.window, rest, mss),
                Algorithm::NewReno(reno) => reno.avoid(self.window, rest, mss),
            };
        }
        self.window = self.window.min(MAX_WINDOW);
    }

    /// A loss was found: the threshold falls (RFC 5681 3.1 (4)). `in_flight` is how many bytes were outstanding.
    pub(crate) fn reduce(&mut self, in_flight: u32, mss: u32) {
        self.threshold = match &mut self.algorithm {
            Algorithm::Cubic(cubic) => cubic.reduced(self.window, mss),
            Algorithm::NewReno(reno) => reno.reduced(self.window.min(in_flight), mss),
        };
    }

    /// The retransmission timer expired: one segment (RFC 5681 3.1).
    pub(crate) fn collapse(&mut self, mss: u32) {
        self.window = mss;
    }

    /// The window has been idle for `time` milliseconds; it falls if that is longer than `timeout` (RFC 5681 4.1).
    pub(crate) fn idle(&mut self, time: u32, timeout: u32, mss: u32) {
        if let Algorithm::Cubic(cubic) = &mut self.algorithm {
            cubic.idle(time);
        }
        if time > timeout {
            // What was reached is remembered (RFC 2861).
            self.threshold = self.threshold.max(self.window / 4 * 3);
            self.window = self.window.min(initial_window(mss));
        }
    }
}
