//! The neighbour cache (RFC 4861 5.1) and Neighbour Unreachability Detection (RFC 4861 7.3): a value without input or output. Time
//! is an argument; the methods return what is to be sent.

use core::{fmt, net::Ipv6Addr, time::Duration};

use layer::Instant;
use managed::ManagedSlice;
use netif::MacAddr;

mod advertised;
mod entry;
mod places;
mod timing;

use places::Sets;
use timing::Timing;

pub(crate) use advertised::{Advertised, Advertisement};
pub use entry::Entry;
pub(crate) use entry::{Moment, State};

use crate::NEVER;

/// How often a neighbour is asked for by multicast (RFC 4861 10: `MAX_MULTICAST_SOLICIT`).
const MAX_MULTICAST_SOLICIT: u8 = 3;
/// How often a neighbour is asked by unicast whether it is still there (`MAX_UNICAST_SOLICIT`).
const MAX_UNICAST_SOLICIT: u8 = 3;
/// How long a stale neighbour is sent to before it is asked (`DELAY_FIRST_PROBE_TIME`).
const DELAY_FIRST_PROBE_TIME: Duration = Duration::from_secs(5);
/// How long a neighbour is sent to until word of what arrives is about the station that it has now. What was sent before has been
/// acknowledged by then, or is lost.
const HINTS_AFTER: Duration = Duration::from_secs(1);

/// The least time between two searches of the table for work that is due. Retries are late by this much at most.
const GRANULARITY: Duration = Duration::from_millis(100);

/// The cache of the neighbours' link-layer addresses.
pub(crate) struct Cache<'g> {
    entries: ManagedSlice<'g, Entry>,
    sets: Sets,
    timing: Timing,
    /// When the table is next searched for work that is due.
    wake: Instant,
    /// The index at which the search goes on. `earliest` is the earliest deadline among the entries before it.
    cursor: usize,
    earliest: Instant,
}

/// What to do with a packet for a neighbour whose address is not at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Resolution {
    /// Send the packet to this station.
    Known(MacAddr),
    /// Keep the packet, and ask for the neighbour. The entry of `displaced` was removed.
    Ask { displaced: Option<Ipv6Addr> },
    /// Keep the packet: the neighbour was asked for.
    Asked,
    /// Drop the packet: the neighbour has just not answered.
    Failed,
    /// Drop the packet: the cache has no place for the neighbour.
    Full,
}

/// The effect of a message whose sender says its link-layer address by the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub(crate) struct Heard {
    /// Packets wait for the neighbour, which is known now.
    pub(crate) answered: bool,
    /// The neighbour was added.
    pub(crate) added: bool,
    /// The neighbour has another link-layer address now.
    pub(crate) changed: bool,
    /// The neighbour that had its place.
    pub(crate) displaced: Option<Ipv6Addr>,
    /// The cache has no place for it.
    pub(crate) full: bool,
}

/// Work that has become due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Due {
    /// Ask for the neighbour again, by multicast.
    Ask(Ipv6Addr),
    /// Ask this station alone whether it is there.
    Probe(Ipv6Addr, MacAddr),
    /// The neighbour does not answer: drop the packets that wait for it.
    Failed(Ipv6Addr),
    /// The neighbour was known, and does not answer any more.
    Lost(Ipv6Addr),
}

impl<'g> Cache<'g> {
    /// A cache in `storage`, whose contents are overwritten. It uses 8 times a power of two of the places, or all if there are
    /// fewer than 8. Without `secret`, nobody can tell which addresses compete for the same places.
    pub(crate) fn new(storage: impl Into<ManagedSlice<'g, Entry>>, secret: u128) -> Self {
        let mut entries = storage.into();
        entries.fill(Entry::FREE);
        Self {
            sets: Sets::new(entries.len(), secret),
            entries,
            timing: Timing::new(secret),
            wake: NEVER,
            cursor: 0,
            earliest: NEVER,
        }
    }

    /// What routers say about times.
    pub(crate) fn timing(&mut self) -> &mut Timing {
        &mut self.timing
    }

    /// The time between two solicitations.
    pub(crate) fn retransmit(&self) -> Duration {
        self.timing.retransmit()
    }

    /// The station of a neighbour, if it is known and nothing else has to be done.
    #[inline]
    pub(crate) fn lookup(&mut self, now: Instant, address: Ipv6Addr) -> Option<MacAddr> {
        let index = self.find(address)?;
        let entry = &mut self.entries[index];
        match entry.state {
            State::Reachable if now < entry.when => {}
            State::Delay | State::Probe => {}
            _ => return None,
        }
        entry.touched = Moment::of(now);
        Some(entry.mac)
    }

    /// Decides what to do with a packet for a neighbour that [`lookup`](Self::lookup) did not find.
    pub(crate) fn resolve(&mut self, now: Instant, address: Ipv6Addr) -> Resolution {
        let Some(index) = self.find(address) else {
            let Some((index, displaced)) = self.place(now, address, false) else {
                return Resolution::Full;
            };
            self.ask(now, index, address);
            return Resolution::Ask { displaced };
        };
        let entry = &mut self.entries[index];
        match entry.state {
            State::Incomplete => return Resolution::Asked,
            State::Failed if now < entry.when => return Resolution::Failed,
            State::Failed | State::Free => {
                self.ask(now, index, address);
                return Resolution::Ask { displaced: None };
            }
            // RFC 4861 7.3.3: the first packet to a stale neighbour is sent, and begins the delay.
            State::Stale | State::Reachable => {
                (entry.state, entry.when) = (State::Delay, now + DELAY_FIRST_PROBE_TIME);
                (entry.times, entry.used) = (0, true);
                let when = entry.when;
                self.arm(when);
            }
            State::Delay | State::Probe => {}
        }
        let entry = &mut self.entries[index];
        entry.touched = Moment::of(now);
        Resolution::Known(entry.mac)
    }

    /// Records the link-layer address that a neighbour says of itself, or a router of another, in a message that does not answer
    /// us (RFC 4861 6.3.4, 7.2.3, 8.3). The neighbour is added if `adds`.
    pub(crate) fn heard(
        &mut self,
        now: Instant,
        address: Ipv6Addr,
        mac: MacAddr,
        adds: bool,
    ) -> Heard {
        let mut heard = Heard::default();
        let index = match self.find(address) {
            Some(index) => index,
            None if !adds => return heard,
            None => match self.place(now, address, true) {
                Some((index, displaced)) => {
                    (heard.added, heard.displaced) = (true, displaced);
                    let touched = Moment::of(now);
                    self.entries[index] = Entry { address, touched, ..Entry::FREE };
                    index
                }
                None => return Heard { full: true, ..heard },
            },
        };
        let entry = &mut self.entries[index];
        heard.answered = entry.state == State::Incomplete;
        let is_known = entry.is_known();
        if !is_known || entry.mac != mac {
            heard.changed = is_known;
            entry.confirmed = false;
            entry.set(mac, State::Stale);
        }
        heard
    }

    /// Records that what is sent to a neighbour arrives, as upper layers know (RFC 4861 7.3.1); returns whether the neighbour is
    /// held to be reachable for that. One to which nothing was sent since its station has changed is not: the word is about the
    /// station before.
    pub(crate) fn confirm(&mut self, now: Instant, address: Ipv6Addr) -> bool {
        let Some(index) = self.find(address) else { return false };
        let reachable = now + self.timing.reachable(now);
        let entry = &mut self.entries[index];
        let is_known = match entry.state {
            State::Reachable => now < entry.when,
            State::Delay => entry.when <= now + (DELAY_FIRST_PROBE_TIME - HINTS_AFTER),
            State::Probe => true,
            State::Free | State::Failed | State::Incomplete | State::Stale => false,
        };
        if is_known {
            (entry.state, entry.when) = (State::Reachable, reachable);
        }
        is_known
    }

    /// Records that a neighbour is a router.
    pub(crate) fn set_router(&mut self, address: Ipv6Addr) {
        if let Some(index) = self.find(address) {
            self.entries[index].is_router = true;
        }
    }

    /// Whether packets to the neighbour may arrive: it is known (RFC 4861 6.3.6).
    pub(crate) fn may_be_reachable(&self, address: Ipv6Addr) -> bool {
        self.find(address).is_some_and(|index| self.entries[index].is_known())
    }

    /// The station of a neighbour, however old the news are.
    pub(crate) fn station(&self, address: Ipv6Addr) -> Option<MacAddr> {
        let entry = &self.entries[self.find(address)?];
        entry.is_known().then_some(entry.mac)
    }

    /// Believes no neighbour any more to be reachable: the link may be another one.
    pub(crate) fn doubt(&mut self) {
        for entry in self.entries.iter_mut().filter(|entry| entry.state == State::Reachable) {
            entry.state = State::Stale;
        }
    }

    /// Returns the next piece of work that is due at `now`. The caller repeats this until it is `None`.
    pub(crate) fn due(&mut self, now: Instant) -> Option<Due> {
        if now < self.wake {
            return None;
        }
        if self.cursor == 0 {
            self.earliest = NEVER;
        }
        let next = now + self.timing.retransmit();
        while let Some(entry) = self.entries.get_mut(self.cursor) {
            self.cursor += 1;
            let (address, mac) = (entry.address, entry.mac);
            let tries = match entry.state {
                State::Incomplete => MAX_MULTICAST_SOLICIT,
                State::Delay | State::Probe => MAX_UNICAST_SOLICIT,
                // The expiry of other entries is checked when they are used.
                _ => continue,
            };
            if now < entry.when {
                self.earliest = self.earliest.min(entry.when);
                continue;
            }
            if entry.times < tries {
                (entry.times, entry.when) = (entry.times + 1, next);
                self.earliest = self.earliest.min(next);
                if entry.state == State::Incomplete {
                    return Some(Due::Ask(address));
                }
                entry.state = State::Probe;
                return Some(Due::Probe(address, mac));
            }
            if entry.state == State::Incomplete {
                (entry.state, entry.when) = (State::Failed, next);
                return Some(Due::Failed(address));
            }
            *entry = Entry::FREE;
            return Some(Due::Lost(address));
        }
        self.cursor = 0;
        self.wake = self.earliest.max(now + GRANULARITY);
        None
    }

    /// When to call [`due`](Self::due) next, or [`NEVER`].
    #[inline]
    pub(crate) fn wake(&self) -> Instant {
        self.wake
    }

    fn ask(&mut self, now: Instant, index: usize, address: Ipv6Addr) {
        let when = now + self.timing.retransmit();
        let touched = Moment::of(now);
        let asked = Entry { state: State::Incomplete, when, address, touched, ..Entry::FREE };
        self.entries[index] = Entry { times: 1, used: true, ..asked };
        self.arm(when);
    }

    /// Makes sure that the table is searched at `next`.
    fn arm(&mut self, next: Instant) {
        self.wake = self.wake.min(next);
        self.earliest = self.earliest.min(next);
    }
}

impl fmt::Debug for Cache<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("places", &self.entries.len())
            .field("wake", &self.wake)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
