//! How much may be in flight: the congestion window.

mod cubic;
mod new_reno;
mod slow_start;

use self::{cubic::Cubic, new_reno::NewReno, slow_start::SlowStart};
use crate::Seq;

/// The most bytes a congestion window has.
const MAX_WINDOW: u32 = 1 << 30;

/// What moves the congestion window.
#[derive(Clone, Copy, Debug)]
enum Algorithm {
    /// The first slow start, and what comes after it.
    SlowStart(SlowStart, CongestionControl),
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

/// What an acknowledgment says that makes the window grow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Growth {
    /// How many bytes were delivered.
    pub(crate) bytes: u32,
    pub(crate) mss: u32,
    /// The time and the smoothed round-trip time in milliseconds.
    pub(crate) now: u32,
    pub(crate) rtt: u32,
    /// A sample of the round-trip time in microseconds.
    pub(crate) sample: Option<u32>,
    /// SND.UNA and SND.NXT
    pub(crate) una: Seq,
    pub(crate) next: Seq,
}

impl Congestion {
    /// The window of a new connection.
    pub(crate) const fn new(first: Seq) -> Self {
        let algorithm = Algorithm::SlowStart(SlowStart::new(first), CongestionControl::Cubic);
        Self { window: 0, threshold: u32::MAX, algorithm }
    }

    /// Another algorithm, before anything is sent.
    pub(crate) fn set_algorithm(&mut self, control: CongestionControl) {
        if let Algorithm::SlowStart(_, then) = &mut self.algorithm {
            *then = control;
        }
    }

    /// The connection is established; the initial window is one segment if the SYN was lost (RFC 5681 3.1).
    pub(crate) fn established(&mut self, mss: u32, syn_was_lost: bool) {
        self.window = if syn_was_lost { mss } else { initial_window(mss) };
    }

    /// Whether the window grows exponentially.
    pub(crate) fn in_slow_start(&self) -> bool {
        self.window < self.threshold
    }

    /// Data was delivered while the window was what limited the sender, and nothing was lost.
    pub(crate) fn delivered(&mut self, growth: &Growth) {
        let mut rest = growth.bytes;
        if self.in_slow_start() {
            let mut step = rest.min(self.threshold - self.window);
            rest -= step;
            if let Algorithm::SlowStart(start, _) = &mut self.algorithm {
                let over = start.acked(growth.una, growth.next, growth.sample);
                step = start.grow(step);
                if over {
                    (self.threshold, rest) = (self.window + step, 0);
                }
            }
            // RFC 3465: counts bytes, so that split acknowledgments gain nothing.
            self.window += step;
        }
        if rest > 0 {
            let Growth { now, rtt, mss, .. } = *growth;
            let window = self.window;
            self.window = match self.avoidance() {
                Algorithm::Cubic(cubic) => cubic.avoid(now, rtt, window, rest, mss),
                Algorithm::NewReno(reno) => reno.avoid(window, rest, mss),
                Algorithm::SlowStart(..) => window,
            };
        }
        self.window = self.window.min(MAX_WINDOW);
    }

    /// The algorithm after the first slow start.
    fn avoidance(&mut self) -> &mut Algorithm {
        if let Algorithm::SlowStart(_, then) = self.algorithm {
            self.algorithm = match then {
                CongestionControl::Cubic => Algorithm::Cubic(Cubic::new()),
                CongestionControl::NewReno => Algorithm::NewReno(NewReno::new()),
            };
        }
        &mut self.algorithm
    }

    /// A loss was found: the threshold falls (RFC 5681 3.1 (4)). `in_flight` is how many bytes were outstanding.
    pub(crate) fn reduce(&mut self, in_flight: u32, mss: u32) {
        let window = self.window;
        self.threshold = match self.avoidance() {
            Algorithm::Cubic(cubic) => cubic.reduced(window, mss),
            Algorithm::NewReno(reno) => reno.reduced(window.min(in_flight), mss),
            Algorithm::SlowStart(..) => self.threshold,
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
