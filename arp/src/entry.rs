//! One neighbour in the cache, and how long what is known of it lasts.

use core::{net::Ipv4Addr, time::Duration};

use netif::{Instant, MacAddr};

/// How long things last, and how often they are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How long an address is believed (RFC 1122 2.3.2.1). In its last sixteenth, a neighbour that
    /// is sent to is asked again, alone. At least a second.
    pub age: Duration,
    /// How long after a request the next one is sent to the same neighbour: at least one second
    /// (RFC 1122 2.3.2.1), which is also taken when this is less.
    pub retry: Duration,
    /// How many requests are broadcast before a neighbour counts as silent.
    pub tries: u8,
    /// How many requests a known neighbour is sent alone before it is forgotten.
    pub polls: u8,
    /// How long nothing is sent to a neighbour that was silent, and nothing asked.
    pub silence: Duration,
}

/// 20 minutes; 5 requests and 3 polls, a second apart; silent for 5 seconds.
impl Default for Timing {
    fn default() -> Self {
        Self {
            age: Duration::from_secs(20 * 60),
            retry: Duration::from_secs(1),
            tries: 5,
            polls: 3,
            silence: Duration::from_secs(5),
        }
    }
}

/// A place in the cache, 32 bytes. It is made [`FREE`](Self::FREE), to lend the cache memory.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    pub(crate) state: State,
    /// When a packet was last sent to the neighbour; before the first one, when the entry was made.
    pub(crate) touched: Instant,
    pub(crate) address: Ipv4Addr,
    /// Whether a packet was ever sent to the neighbour.
    pub(crate) in_use: bool,
}

// Two to a cache line; the table of 1024 is exactly a run of 8 pages.
const _: () = assert!(size_of::<Entry>() == 32);

/// What is known of a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// There is no neighbour here.
    Free,
    /// Said by the configuration: neither ages nor changes.
    Static { mac: MacAddr },
    /// Asked for in broadcasts, so many times; the next is due at `next`.
    Asked { times: u8, next: Instant },
    /// Known; at `stale` it is time to ask again.
    Known { mac: MacAddr, stale: Instant },
    /// Known, and asked alone whether it still is there, so many times. Always in use.
    Polled { mac: MacAddr, times: u8, next: Instant },
    /// Did not answer; not asked again before `until`.
    Silent { until: Instant },
}

impl Entry {
    /// A place without a neighbour.
    pub const FREE: Self = Self {
        state: State::Free,
        touched: Instant::ZERO,
        address: Ipv4Addr::UNSPECIFIED,
        in_use: false,
    };
}

impl Default for Entry {
    fn default() -> Self {
        Self::FREE
    }
}
