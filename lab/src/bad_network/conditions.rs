//! What a link does to frames, as figures.

use std::{fmt, time::Duration};

/// A share of all frames, in millionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u32);

impl Share {
    /// No frame.
    pub const NONE: Self = Self(0);
    /// Of which shares are told.
    pub(super) const WHOLE: usize = 1_000_000;

    /// So many millionths, at most the whole.
    pub const fn millionths(count: u32) -> Self {
        Self(if count < Self::WHOLE as u32 { count } else { Self::WHOLE as u32 })
    }

    /// So many per cent.
    pub const fn percent(count: u32) -> Self {
        Self::millionths(count.saturating_mul(10_000))
    }

    /// So many in a thousand.
    pub const fn per_mille(count: u32) -> Self {
        Self::millionths(count.saturating_mul(1000))
    }

    /// How many of a million frames it is.
    pub const fn of_a_million(self) -> usize {
        self.0 as usize
    }
}

/// In per cent.
impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", f64::from(self.0) / 1e4)
    }
}

/// How fast a link is, and what waits when more comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many bytes of frames pass in a second.
    pub bytes: u64,
    /// How many bytes wait at most; a frame that would be beyond them is lost.
    pub queue: u64,
}

impl Rate {
    /// So many millions of bits in a second, with a queue of so many bytes.
    pub const fn megabits(count: u64, queue: u64) -> Self {
        Self { bytes: count * 125_000, queue }
    }

    /// How long `bytes` take.
    pub(super) fn time(self, bytes: u64) -> Duration {
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(self.bytes.max(1));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// What happens to the frames of one direction. Frames of other protocols than IPv4 (ARP) are neither lost nor
/// changed nor held, so that what is seen is what the transport makes of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// How long each frame is on its way.
    pub delay: Duration,
    /// How many are lost, by chance.
    pub lost: Share,
    /// How many that follow are lost with each that is lost by chance, unless they come more than 10 ms later.
    pub burst: u16,
    /// How many come twice.
    pub duplicated: Share,
    /// How many have a bit turned over behind the Ethernet header, which a checksum of IPv4 or above shows.
    pub corrupted: Share,
    /// How many come later, so that others overtake them.
    pub held: Share,
    /// By how much.
    pub held_for: Duration,
    /// How fast it is; none: as fast as the machine.
    pub rate: Option<Rate>,
}

impl Conditions {
    /// Frames arrive at once, once, in order and as they were sent.
    pub const PERFECT: Self = Self {
        delay: Duration::ZERO,
        lost: Share::NONE,
        burst: 0,
        duplicated: Share::NONE,
        corrupted: Share::NONE,
        held: Share::NONE,
        held_for: Duration::ZERO,
        rate: None,
    };

    /// A link with this delay at this rate, which loses what its queue has no room for and nothing else.
    pub const fn line(delay: Duration, rate: Rate) -> Self {
        Self { delay, rate: Some(rate), ..Self::PERFECT }
    }
}

/// What a direction did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Frames that were sent into it.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Frames that were lost by chance.
    pub lost: u64,
    /// Frames that the queue had no room for.
    pub overflowed: u64,
    /// Frames that came twice.
    pub duplicated: u64,
    /// Frames with a bit turned over.
    pub corrupted: u64,
    /// Frames that others could overtake.
    pub held: u64,
    /// Frames that came out of it.
    pub delivered: u64,
    /// Frames that the device at its end did not take.
    pub refused: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_told_in_per_cent() {
        assert_eq!(Share::per_mille(1).to_string(), "0.1 %");
        assert_eq!(Share::percent(5), Share::millionths(50_000));
        assert_eq!(Share::percent(500), Share::percent(100));
    }

    #[test]
    fn a_rate_is_a_time_for_each_frame() {
        let rate = Rate::megabits(100, 1);
        assert_eq!(rate.time(12_500), Duration::from_millis(1));
        assert_eq!(Rate { bytes: 0, queue: 0 }.time(1), Duration::from_secs(1));
        assert!(Rate { bytes: 0, queue: 0 }.time(u64::MAX) > Duration::from_secs(1 << 30));
    }
}
