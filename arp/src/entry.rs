//! One entry of the neighbour cache.

use core::{net::Ipv4Addr, time::Duration};

use layer::Instant;
use netif::MacAddr;

/// The deadline when nothing is due.
pub(crate) const NEVER: Instant = Instant::from_nanos(u64::MAX);

/// The lifetimes and retries of the neighbour cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How long an address is believed (RFC 1122 2.3.2.1). In the last sixteenth of this time, a neighbour that we send
    /// to is asked again, by unicast. At least a second.
    pub age: Duration,
    /// The time between two requests to one neighbour (RFC 1122 2.3.2.1). Less than one second counts as one second.
    pub retry: Duration,
    /// How many requests are broadcast before a neighbour is silent.
    pub tries: u8,
    /// How long neither packets nor requests are sent to a silent neighbour.
    pub silence: Duration,
}

/// 20 minutes; 5 requests, a second apart; silent for 5 seconds.
impl Default for Timing {
    fn default() -> Self {
        Self {
            age: Duration::from_secs(20 * 60),
            retry: Duration::from_secs(1),
            tries: 5,
            silence: Duration::from_secs(5),
        }
    }
}

/// A place in the cache, 32 bytes. A caller that lends the cache memory fills it with [`FREE`](Self::FREE).
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// When the entry goes stale and is to be confirmed. While an answer is awaited, it is when the next request is
    /// due. After no answer, it is when the neighbour may be asked again.
    pub(crate) when: Instant,
    pub(crate) address: Ipv4Addr,
    /// When a packet was last sent to the neighbour. Before the first one, it is when the entry was made.
    pub(crate) touched: Moment,
    /// The station that has the address, if one is known.
    pub(crate) mac: MacAddr,
    /// The rival, which claims the address or last did so. It is unspecified while a station is checked that no rival
    /// has contradicted.
    pub(crate) rival: MacAddr,
    pub(crate) state: State,
    /// How many requests were sent, or how many passes ago the first one was sent.
    pub(crate) times: u8,
}

// Two entries fit a cache line, and a table of 1024 is exactly 8 pages long.
const _: () = assert!(size_of::<Entry>() == 32);

/// The state of a neighbour. Packets are sent to a neighbour in the state [`Known`](Self::Known) or a later one.
///
/// A station that asks us is believed ([`Learnt`](Self::Learnt)) until we send something to it: then we ask whether it
/// is there ([`Checked`](Self::Checked)). A rival replaces a station in use only after we have asked both: first the
/// rival ([`Contested`](Self::Contested)), which a forged claim does not survive, then the known station (`Checked`).
/// Meanwhile, packets go to the known station.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    /// There is no neighbour here.
    Free,
    /// We broadcast requests for it.
    Asked,
    /// It did not answer.
    Silent,
    /// It has asked us, and nothing was sent to it.
    Learnt,
    /// Known.
    Known,
    /// Known, and we asked the rival alone whether it has the address.
    Contested,
    /// Known, and we asked the station alone whether it has the address: the rival has answered, or there is none and
    /// the entry is stale or nothing was sent to the station before.
    Checked,
    /// Known, and the rival was not believed.
    Upheld,
    /// Set by the configuration: it neither ages nor changes.
    Static,
}

impl Entry {
    /// A place without a neighbour.
    pub const FREE: Self = Self {
        when: Instant::ZERO,
        address: Ipv4Addr::UNSPECIFIED,
        touched: Moment(0),
        mac: MacAddr::UNSPECIFIED,
        rival: MacAddr::UNSPECIFIED,
        state: State::Free,
        times: 0,
    };

    /// Whether packets are sent to the neighbour.
    pub(crate) fn in_use(&self) -> bool {
        self.state >= State::Known
    }

    /// Whether the entry has expired. A stale entry is believed for `margin`.
    pub(crate) fn is_over(&self, now: Instant, margin: Duration) -> bool {
        (State::Learnt..=State::Upheld).contains(&self.state) && self.when + margin <= now
    }
}

impl Default for Entry {
    fn default() -> Self {
        Self::FREE
    }
}

/// A coarse time for comparisons, in steps of 268 ms. It wraps after 36 years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(u32);

impl Moment {
    pub(crate) const fn of(now: Instant) -> Self {
        Self((now.as_nanos() >> 28) as u32)
    }
}
