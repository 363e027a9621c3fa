//! One neighbour in the cache, and what is known of it.

use core::{net::Ipv4Addr, time::Duration};

use layer::Instant;
use netif::MacAddr;

/// When nothing is due.
pub(crate) const NEVER: Instant = Instant::from_nanos(u64::MAX);

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
    /// How long nothing is sent to a neighbour that was silent, and nothing asked.
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

/// A place in the cache, 32 bytes. It is made [`FREE`](Self::FREE), to lend the cache memory.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// When what is known goes stale, and it is time to ask again; where an answer is waited for, when the next
    /// question is due; where there was none, when the neighbour may be asked again.
    pub(crate) when: Instant,
    pub(crate) address: Ipv4Addr,
    /// When a packet was last sent to the neighbour; before the first one, when the entry was made.
    pub(crate) touched: Moment,
    /// The station that has the address, where one is known.
    pub(crate) mac: MacAddr,
    /// The station that claims the address, or did so last. It is unspecified while a station is checked that
    /// nobody has contradicted.
    pub(crate) rival: MacAddr,
    pub(crate) state: State,
    /// How many questions were asked, or how many passes ago the first.
    pub(crate) times: u8,
}

// Two to a cache line; the table of 1024 is exactly a run of 8 pages.
const _: () = assert!(size_of::<Entry>() == 32);

/// What is known of a neighbour. Packets are sent to those from [`Known`](Self::Known) on.
///
/// A station that asks us is believed ([`Learnt`](Self::Learnt)) until something is sent to it: then it is
/// asked whether it is there ([`Checked`](Self::Checked)). One that is in use is replaced by a rival only
/// after both were asked: first the rival ([`Contested`](Self::Contested)), which a mere liar does not
/// survive, then the station that is known (`Checked`). Meanwhile, packets go where they went before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    /// There is no neighbour here.
    Free,
    /// Asked for in broadcasts.
    Asked,
    /// Did not answer.
    Silent,
    /// Has asked us, and nothing was sent to it.
    Learnt,
    /// Known.
    Known,
    /// Known, and the rival was asked alone whether it has the address.
    Contested,
    /// Known, and asked alone whether it has the address: the rival has answered, or there is none, and the neighbour
    /// is stale or nothing was sent to it before.
    Checked,
    /// Known, and the rival was not believed.
    Upheld,
    /// Said by the configuration: neither ages nor changes.
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

    /// Whether the neighbour was not heard of for too long, where what is stale is believed for `margin`.
    pub(crate) fn is_over(&self, now: Instant, margin: Duration) -> bool {
        (State::Learnt..=State::Upheld).contains(&self.state) && self.when + margin <= now
    }
}

impl Default for Entry {
    fn default() -> Self {
        Self::FREE
    }
}

/// A time to compare with others, in steps of 268 ms; it lasts for 36 years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(u32);

impl Moment {
    pub(crate) const fn of(now: Instant) -> Self {
        Self((now.as_nanos() >> 28) as u32)
    }
}
