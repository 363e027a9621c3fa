//! One entry of the neighbour cache.

use core::{net::Ipv6Addr, time::Duration};

use layer::Instant;
use netif::MacAddr;

/// A place in the cache, 40 bytes. A caller that lends the cache memory fills it with [`FREE`](Self::FREE).
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// When the neighbour is not believed to be reachable any more, when the next solicitation is due, or when a neighbour that has
    /// not answered may be asked for again.
    pub(super) when: Instant,
    pub(super) address: Ipv6Addr,
    /// When a packet was last sent to the neighbour, or when the entry was made.
    pub(super) touched: Moment,
    pub(super) mac: MacAddr,
    pub(super) state: State,
    /// How many solicitations were sent.
    pub(super) times: u8,
    pub(super) is_router: bool,
    /// Whether the neighbour has ever answered a solicitation.
    pub(super) confirmed: bool,
    /// Whether something was sent to the neighbour.
    pub(super) used: bool,
}

const _: () = assert!(size_of::<Entry>() == 40);

/// The state of a neighbour (RFC 4861 7.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    /// There is no neighbour here.
    Free,
    /// It has not answered. For a moment it is not asked for again.
    Failed,
    /// It is asked for by multicast.
    Incomplete,
    /// It is known, and not believed to be reachable before it has answered.
    Stale,
    /// A packet was sent to it, and it is asked in a while.
    Delay,
    /// It is asked whether it is there.
    Probe,
    /// It has answered a short time ago.
    Reachable,
}

impl Entry {
    /// A place without a neighbour.
    pub const FREE: Self = Self {
        when: Instant::ZERO,
        address: Ipv6Addr::UNSPECIFIED,
        touched: Moment(0),
        mac: MacAddr::UNSPECIFIED,
        state: State::Free,
        times: 0,
        is_router: false,
        confirmed: false,
        used: false,
    };

    /// Whether the link-layer address is known.
    pub(super) fn is_known(&self) -> bool {
        self.state >= State::Stale
    }

    /// Records a link-layer address.
    pub(super) fn set(&mut self, mac: MacAddr, state: State) {
        (self.mac, self.state) = (mac, state);
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

    /// Whether more than `duration` has passed at `now`.
    pub(super) const fn is_before(self, now: Instant, duration: Duration) -> bool {
        let steps = (duration.as_nanos() >> 28) as u32;
        Self::of(now).0.saturating_sub(self.0) > steps
    }
}
