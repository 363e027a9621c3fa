//! CUBIC (RFC 9438): after a loss the window comes back to where that was found quickly, stays there for a while, and then
//! looks for more; all in time rather than in round trips.
//!
//! Windows are in bytes and times in milliseconds, so no fractions are needed.

/// beta, in tenths (4.6).
const BETA: u32 = 7;

/// The longest time that the curve is looked at, in milliseconds.
const LONGEST: u32 = 1 << 17;

#[derive(Clone, Copy, Debug)]
pub(super) struct Cubic {
    /// The window where the plateau is: `W_max`.
    plateau: u32,
    /// The window when the loss was found: `cwnd_prior`.
    prior: u32,
    /// When the epoch began, in milliseconds, if it has begun.
    epoch: Option<u32>,
    /// How long it takes from then to the plateau: K, in milliseconds.
    rise: u32,
    /// What Reno's window would be: `W_est`, and the bytes delivered since it grew.
    reno: u32,
    delivered: u32,
}

impl Cubic {
    pub(super) const fn new() -> Self {
        Self { plateau: 0, prior: 0, epoch: None, rise: 0, reno: 0, delivered: 0 }
    }

    /// The window after `bytes` were delivered at `now`, in milliseconds. `rtt` is the round-trip time.
    pub(super) fn avoid(&mut self, now: u32, rtt: u32, window: u32, bytes: u32, mss: u32) -> u32 {
        let epoch = match self.epoch {
            Some(epoch) => epoch,
            None => {
                self.begin(now, window, mss);
                now
            }
        };
        self.grow_reno(window, bytes, mss);
        let time = now.wrapping_sub(epoch).saturating_add(rtt).min(LONGEST);
        let target = self.curve(time, mss).clamp(window, window.saturating_add(window / 2));
        let step = u64::from(target - window) * u64::from(bytes) / u64::from(window.max(1));
        // 4.3: never slower than Reno.
        window.saturating_add(step.min((target - window).into()) as u32).max(self.reno)
    }

    /// The epoch begins: congestion avoidance after a loss, or after slow start (4.8).
    #[cold]
    fn begin(&mut self, now: u32, window: u32, mss: u32) {
        self.epoch = Some(now);
        (self.reno, self.delivered) = (window, 0);
        self.plateau = self.plateau.max(window);
        // K = cbrt((W_max - cwnd_epoch) / C), in segments and seconds, with C = 0.4.
        let below = u64::from(self.plateau - window);
        self.rise = cube_root(below * 2_500_000_000 / u64::from(mss));
    }

    /// `W_cubic` (4.2): `C * (t - K)^3 + W_max`.
    fn curve(&self, time: u32, mss: u32) -> u32 {
        let distance = u64::from(time.abs_diff(self.rise).min(LONGEST));
        let cube = (distance * distance * distance).saturating_mul(2 * u64::from(mss));
        let bytes = u32::try_from(cube / 5_000_000_000).unwrap_or(u32::MAX);
        match time < self.rise {
            true => self.plateau.saturating_sub(bytes),
            false => self.plateau.saturating_add(bytes),
        }
    }

    /// `W_est` (4.3).
    fn grow_reno(&mut self, window: u32, bytes: u32, mss: u32) {
        self.delivered = self.delivered.saturating_add(bytes);
        let windows = self.delivered / window.max(1);
        if windows > 0 {
            self.delivered -= windows * window;
            // alpha is 3 * (1 - beta) / (1 + beta) until Reno would be back.
            let step = if self.reno < self.prior { mss * 9 / 17 } else { mss };
            self.reno = self.reno.saturating_add(windows.saturating_mul(step));
        }
    }

    /// The threshold after a loss (4.6), with fast convergence (4.7).
    pub(super) fn reduced(&mut self, window: u32, mss: u32) -> u32 {
        self.plateau = match window < self.plateau {
            true => part(window, 10 + BETA, 20),
            false => window,
        };
        self.prior = window;
        self.epoch = None;
        part(window, BETA, 10).max(2 * mss)
    }

    /// Nothing was sent for `time` milliseconds, which do not count (5.8).
    pub(super) fn idle(&mut self, time: u32) {
        self.epoch = self.epoch.map(|epoch| epoch.wrapping_add(time));
    }
}

/// `count` parts of `of` of a window.
fn part(window: u32, count: u32, of: u32) -> u32 {
    (u64::from(window) * u64::from(count) / u64::from(of)) as u32
}

/// The largest number whose cube is at most `value`, bit by bit.
fn cube_root(value: u64) -> u32 {
    let mut root = 0;
    for bit in (0..21).rev() {
        let larger: u64 = root | 1 << bit;
        if larger * larger * larger <= value {
            root = larger;
        }
    }
    root as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const MSS: u32 = 1000;

    #[test]
    fn cube_roots() {
        for value in [0, 1, 7, 8, 26, 27, 999_999_999, 1_000_000_000, u64::MAX / 2] {
            let root = u64::from(cube_root(value));
            assert!(root.pow(3) <= value && (root + 1 > 1 << 21 || (root + 1).pow(3) > value));
        }
    }

    /// The window after `rtts` round trips of 100 ms from a loss at `window` segments on.
    fn after(rtts: u32, window: u32) -> u32 {
        let mut cubic = Cubic::new();
        let mut now = cubic.reduced(window * MSS, MSS);
        for rtt in 0..rtts {
            let mut left = now;
            while left > 0 {
                let bytes = left.min(2 * MSS);
                now = cubic.avoid(rtt * 100, 100, now, bytes, MSS);
                left -= bytes;
            }
        }
        now / MSS
    }

    /// By hand: from 700 of 1,000 segments on, K is cbrt(300 / 0.4) = 9.1 s, and 4 s later there are 0.4 * 4^3 = 25 more.
    #[test]
    fn it_rises_to_a_plateau_and_beyond() {
        assert_eq!(after(0, 1000), 700);
        let steps = [10, 45, 91, 131, 160].map(|rtts| after(rtts, 1000));
        assert!((765..800).contains(&steps[0]), "{steps:?}");
        assert!((955..968).contains(&steps[1]), "{steps:?}");
        assert!((998..=1000).contains(&steps[2]), "{steps:?}");
        assert!((1015..1026).contains(&steps[3]), "{steps:?}");
        assert!((1110..1140).contains(&steps[4]), "{steps:?}");
    }

    /// With few segments and short round trips it is Reno that is faster: 0.53 segments a round trip, then one.
    #[test]
    fn it_is_never_slower_than_reno() {
        let windows = [0, 2, 4, 6, 8, 10, 12].map(|rtts| after(rtts, 10));
        assert!(windows.is_sorted() && windows[0] == 7, "{windows:?}");
        assert!((9..=10).contains(&windows[3]) && windows[6] >= 14, "{windows:?}");
    }

    #[test]
    fn a_second_loss_below_the_plateau_lowers_it() {
        let mut cubic = Cubic::new();
        assert_eq!(cubic.reduced(100_000, MSS), 70_000);
        assert_eq!(cubic.plateau, 100_000);
        assert_eq!(cubic.reduced(80_000, MSS), 56_000);
        assert_eq!(cubic.plateau, 68_000);
        assert_eq!(cubic.reduced(1000, MSS), 2000);
    }

    #[test]
    fn nothing_overflows() {
        let mut cubic = Cubic::new();
        for mss in [1, 8, 1448, 65_535] {
            for window in [1, mss, 1 << 30] {
                assert!(cubic.reduced(window, mss) >= 2 * mss);
                for now in [0, 1000, u32::MAX] {
                    for bytes in [0, 1, u32::MAX] {
                        assert!(cubic.avoid(now, u32::MAX, window, bytes, mss) >= window);
                    }
                }
            }
        }
    }
}
