//! Congestion avoidance as RFC 5681 has it.

/// One segment more for each window that is delivered, half of it after a loss.
#[derive(Clone, Copy, Debug)]
pub(super) struct NewReno {
    /// The bytes that were delivered and not counted yet.
    delivered: u32,
}

impl NewReno {
    pub(super) const fn new() -> Self {
        Self { delivered: 0 }
    }

    /// How many bytes `window` grows by when `bytes` are delivered (RFC 5681 3.1, RFC 3465 2.1).
    pub(super) fn avoid(&mut self, window: u32, bytes: u32, mss: u32) -> u32 {
        self.delivered = self.delivered.saturating_add(bytes);
        let windows = self.delivered / window.max(1);
        self.delivered -= windows * window;
        windows.saturating_mul(mss)
    }

    /// The threshold after a loss with `in_flight` bytes outstanding.
    pub(super) fn reduced(&mut self, in_flight: u32, mss: u32) -> u32 {
        self.delivered = 0;
        (in_flight / 2).max(2 * mss)
    }
}
