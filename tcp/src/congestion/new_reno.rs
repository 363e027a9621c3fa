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

    /// The window after `bytes` were delivered (RFC 5681 3.1, RFC 3465 2.1).
    pub(super) fn avoid(&mut self, window: u32, bytes: u32, mss: u32) -> u32 {
        self.delivered = self.delivered.saturating_add(bytes);
        let windows = self.delivered / window.max(1);
        self.delivered -= windows * window;
        window.saturating_add(windows.saturating_mul(mss))
    }

    /// The threshold after a loss with `in_flight` bytes outstanding.
    pub(super) fn reduced(&mut self, in_flight: u32, mss: u32) -> u32 {
        self.delivered = 0;
        (in_flight / 2).max(2 * mss)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_more_for_each_window_and_half_after_a_loss() {
        let mut reno = NewReno::new();
        let mut window = 10_000;
        for _ in 0..9 {
            window = reno.avoid(window, 1000, 1000);
        }
        assert_eq!(window, 10_000);
        window = reno.avoid(window, 1000, 1000);
        assert_eq!(window, 11_000);
        assert_eq!(reno.avoid(window, u32::MAX, 1000), u32::MAX / 11_000 * 1000 + 11_000);
        assert_eq!((reno.reduced(window, 1000), reno.reduced(3000, 1000)), (5500, 2000));
    }
}
