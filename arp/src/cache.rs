//! The neighbour cache: a value without input or output. Time is an argument; what is to be sent
//! is what the methods return.
//!
//! The table is cut into sets of 8 places. An address belongs to one set, so finding, adding and
//! replacing look at 8 entries at most, whatever is in the table and whoever filled it. Neighbours with
//! consecutive addresses are in consecutive sets; where such a row begins follows from a secret, so
//! that nobody can choose addresses that all belong to the set of another.
//!
//! When a set is full, a new entry goes, in this order: where somebody is whose time is over; where
//! the oldest is of those that nothing was ever sent to; where the least recently used is of those
//! that are in use (static ones among them, which stay), while these are more than half of the set.
//! So whoever only speaks, and whoever does not answer, displaces nobody from that half. And a
//! neighbour that was asked within the last second keeps its place against others that are to be
//! asked, so that it is not asked again too soon; not against one that asks us.

use core::{fmt, net::Ipv4Addr, ops::Range, time::Duration};

use managed::ManagedSlice;
use netif::{Instant, MacAddr};
use network::{KeyedHash, TableHash};

use crate::{
    Timing,
    entry::{Entry, State},
};

mod outcome;

pub use outcome::{Claim, Due, Full, Merged, Resolution};

/// The number of places in a set.
const WAYS: usize = 8;

/// The least time between two searches of the table for what is due: retries come so much late at
/// most, and a thousand neighbours that are asked do not cost a thousand searches a second.
const GRANULARITY: Duration = Duration::from_millis(100);

/// The least time between two requests for one neighbour (RFC 1122 2.3.2.1).
const REQUEST_INTERVAL: Duration = Duration::from_secs(1);

/// The addresses of the neighbours.
pub struct Cache<'g> {
    entries: ManagedSlice<'g, Entry>,
    /// The number of sets is 2 to the power of this; none if there are no places.
    set_bits: u32,
    /// The number of places in each set.
    ways: usize,
    keyed: TableHash,
    timing: Timing,
    /// How long a neighbour is known without being asked again.
    fresh: Duration,
    /// How long it is believed after that.
    margin: Duration,
    /// When the table is next searched for what is due.
    wake: Option<Instant>,
    /// How far the search is: everything before was seen, and what is next there is `earliest`.
    cursor: usize,
    earliest: Option<Instant>,
}

impl<'g> Cache<'g> {
    /// A cache in `storage`, whose contents are lost. Of its places, 8 times a power of two are used,
    /// or all if there are less than 8. Only who knows `secret` can tell which addresses compete for
    /// the same places.
    pub fn new(storage: impl Into<ManagedSlice<'g, Entry>>, timing: Timing, secret: u128) -> Self {
        let mut entries = storage.into();
        entries.fill(Entry::FREE);
        let ways = entries.len().min(WAYS);
        let sets = entries.len().checked_div(ways).unwrap_or(0);
        let set_bits = sets.checked_ilog2().unwrap_or(0);
        let keyed = TableHash::new(KeyedHash::new(secret));
        let timing = Timing {
            age: timing.age.max(REQUEST_INTERVAL),
            retry: timing.retry.max(REQUEST_INTERVAL),
            ..timing
        };
        let margin = timing.age / 16;
        let fresh = timing.age - margin;
        Self {
            entries,
            set_bits,
            ways,
            keyed,
            timing,
            fresh,
            margin,
            wake: None,
            cursor: 0,
            earliest: None,
        }
    }

    /// The hardware address of a neighbour, if it is at hand and nothing else is to be done.
    #[inline]
    pub fn lookup(&mut self, now: Instant, address: Ipv4Addr) -> Option<MacAddr> {
        let set = self.set(address);
        let entry = self.entries[set].iter_mut().find(|entry| entry.address == address)?;
        match entry.state {
            State::Known { mac, stale } if now < stale => {
                entry.touched = now;
                entry.in_use = true;
                Some(mac)
            }
            State::Static { mac } => Some(mac),
            _ => None,
        }
    }

    /// What to do with a packet for a neighbour that [`lookup`](Self::lookup) did not find.
    pub fn resolve(&mut self, now: Instant, address: Ipv4Addr) -> Resolution {
        let Some(index) = self.find(address) else {
            return match self.place(now, address, false) {
                Some((index, displaced)) => self.ask(now, index, address, displaced),
                None => Resolution::Full,
            };
        };
        let next = now + self.timing.retry;
        let entry = &mut self.entries[index];
        match entry.state {
            State::Known { mac, stale } if now < stale + self.margin => {
                entry.touched = now;
                entry.in_use = true;
                if now < stale {
                    return Resolution::Known(mac);
                }
                entry.state = State::Polled { mac, times: 1, next };
                self.arm(next);
                Resolution::Stale(mac)
            }
            State::Polled { mac, .. } => {
                entry.touched = now;
                Resolution::Known(mac)
            }
            State::Static { mac } => Resolution::Known(mac),
            State::Asked { .. } => Resolution::Asked,
            State::Silent { until } if now < until => Resolution::Silent,
            State::Free | State::Known { .. } | State::Silent { .. } => {
                self.ask(now, index, address, None)
            }
        }
    }

    /// Takes note of the address of a packet's sender where there is an entry for it, as RFC 826
    /// has it before it looks at whom the packet is for; except that only the neighbour that was
    /// asked, or one that asks us, is believed.
    pub fn merge(&mut self, now: Instant, address: Ipv4Addr, mac: MacAddr, claim: Claim) -> Merged {
        let Some(index) = self.find(address) else { return Merged::Unknown };
        let known = State::Known { mac, stale: now + self.fresh };
        let next = now + self.timing.retry;
        // Known since before this: a request, if there was one, is a second old.
        let settled = now + self.fresh.saturating_sub(REQUEST_INTERVAL);
        let entry = &mut self.entries[index];
        match (entry.state, claim) {
            (State::Asked { .. }, Claim::AsksUs | Claim::AnswersUs) => {
                entry.in_use = true;
                entry.state = known;
                Merged::Answered
            }
            (State::Known { mac: old, .. } | State::Polled { mac: old, .. }, Claim::AsksUs) => {
                entry.state = known;
                if old == mac { Merged::Confirmed } else { Merged::Changed }
            }
            // The station that was polled. Another one was not asked.
            (State::Polled { mac: old, .. }, Claim::AnswersUs) if old == mac => {
                entry.state = known;
                Merged::Confirmed
            }
            (State::Silent { .. }, Claim::AsksUs) => {
                entry.state = known;
                Merged::Changed
            }
            (State::Known { stale, .. }, _) if stale + self.margin <= now => Merged::Unchanged,
            (State::Known { mac: old, .. }, _) if old != mac && !entry.in_use => {
                *entry = Entry::FREE;
                Merged::Forgotten
            }
            (State::Known { mac: old, stale }, _) if old != mac && stale <= settled => {
                entry.state = State::Polled { mac: old, times: 1, next };
                self.arm(next);
                Merged::Doubted(old)
            }
            _ => Merged::Unchanged,
        }
    }

    /// Adds a neighbour that asked us; says who had the place.
    ///
    /// # Errors
    /// [`Full`].
    pub fn add(
        &mut self,
        now: Instant,
        address: Ipv4Addr,
        mac: MacAddr,
    ) -> Result<Option<Ipv4Addr>, Full> {
        let (index, displaced) = self.place(now, address, true).ok_or(Full)?;
        let state = State::Known { mac, stale: now + self.fresh };
        self.entries[index] = Entry { state, touched: now, address, in_use: false };
        Ok(displaced)
    }

    /// Adds a neighbour that neither ages nor changes, in the place of what is known of it; says
    /// who else had the place.
    ///
    /// # Errors
    /// [`Full`]: the set holds static entries, all but one place, which stays for the others.
    pub fn insert_static(
        &mut self,
        address: Ipv4Addr,
        mac: MacAddr,
    ) -> Result<Option<Ipv4Addr>, Full> {
        let set = &self.entries[self.set(address)];
        let fixed = set.iter().filter(|entry| matches!(entry.state, State::Static { .. })).count();
        let (index, displaced) = match self.find(address) {
            Some(index) if matches!(self.entries[index].state, State::Static { .. }) => {
                (index, None)
            }
            _ if fixed + 1 >= set.len() => return Err(Full),
            Some(index) => (index, None),
            // At the beginning of time nothing has expired yet, so the oldest goes.
            None => self.place(Instant::ZERO, address, true).ok_or(Full)?,
        };
        let state = State::Static { mac };
        self.entries[index] = Entry { state, touched: Instant::ZERO, address, in_use: true };
        Ok(displaced)
    }

    /// Forgets all neighbours but the static ones, and of those `address`.
    pub fn clear(&mut self, address: Ipv4Addr) {
        for entry in self.entries.iter_mut() {
            if !matches!(entry.state, State::Static { .. }) || entry.address == address {
                *entry = Entry::FREE;
            }
        }
        (self.wake, self.cursor) = (None, 0);
    }

    /// What is due at `now`, one thing at a time: to be called until there is nothing more.
    pub fn due(&mut self, now: Instant) -> Option<Due> {
        if self.wake.is_none_or(|wake| now < wake) {
            return None;
        }
        if self.cursor == 0 {
            self.earliest = None;
        }
        let Timing { tries, polls, retry, silence, .. } = self.timing;
        while let Some(entry) = self.entries.get_mut(self.cursor) {
            self.cursor += 1;
            let address = entry.address;
            match &mut entry.state {
                State::Asked { next, .. } | State::Polled { next, .. } if now < *next => {
                    self.earliest = Instant::earliest(self.earliest, Some(*next));
                }
                State::Asked { times, next } if *times < tries => {
                    (*times, *next) = (*times + 1, now + retry);
                    self.earliest = Instant::earliest(self.earliest, Some(*next));
                    return Some(Due::Ask(address));
                }
                State::Polled { mac, times, next } if *times < polls => {
                    (*times, *next) = (*times + 1, now + retry);
                    self.earliest = Instant::earliest(self.earliest, Some(*next));
                    return Some(Due::Poll(address, *mac));
                }
                State::Asked { .. } => {
                    entry.state = State::Silent { until: now + silence };
                    return Some(Due::Silent(address));
                }
                State::Polled { .. } => {
                    *entry = Entry::FREE;
                    return Some(Due::Lost(address));
                }
                // Whether the time of the others is over is seen when they are looked at.
                _ => {}
            }
        }
        self.cursor = 0;
        self.wake = self.earliest.map(|earliest| earliest.max(now + GRANULARITY));
        None
    }

    /// When [`due`](Self::due) is next to be called.
    #[inline]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.wake
    }

    /// The places that `address` can be in. The addresses of a row that is as long as there are sets
    /// are in one set each; which of them is in which, the secret decides for each row anew.
    fn set(&self, address: Ipv4Addr) -> Range<usize> {
        let bits = address.to_bits();
        let row = self.keyed.hash(bits >> self.set_bits);
        let first = (bits ^ row) as usize % (1 << self.set_bits) * self.ways;
        first..first + self.ways
    }

    fn find(&self, address: Ipv4Addr) -> Option<usize> {
        let in_place = |entry: &Entry| entry.address == address && entry.state != State::Free;
        self.set(address).find(|&index| in_place(&self.entries[index]))
    }

    /// Where an entry for `address`, which has none, goes, and who is there now; the rule is at the
    /// head of this file. `even_asked`: also where somebody is that was just asked.
    fn place(
        &self,
        now: Instant,
        address: Ipv4Addr,
        even_asked: bool,
    ) -> Option<(usize, Option<Ipv4Addr>)> {
        let set = self.set(address);
        let in_use = self.entries[set.clone()].iter().filter(|entry| entry.in_use).count();
        let crowded = in_use > set.len() / 2;
        let rank = |entry: &Entry| match entry.state {
            State::Free => Some((0, Instant::ZERO)),
            State::Known { stale, .. } if stale + self.margin <= now => Some((0, entry.touched)),
            State::Asked { next, .. } | State::Polled { next, .. } if now < next && !even_asked => {
                None
            }
            State::Static { .. } => None,
            _ if !entry.in_use => Some((1, entry.touched)),
            _ if crowded => Some((2, entry.touched)),
            _ => None,
        };
        let candidate = |index: usize| Some((rank(&self.entries[index])?, index));
        let (_, index) = set.filter_map(candidate).min()?;
        let entry = &self.entries[index];
        Some((index, (entry.state != State::Free).then_some(entry.address)))
    }

    fn ask(
        &mut self,
        now: Instant,
        index: usize,
        address: Ipv4Addr,
        displaced: Option<Ipv4Addr>,
    ) -> Resolution {
        let next = now + self.timing.retry;
        let state = State::Asked { times: 1, next };
        self.entries[index] = Entry { state, touched: now, address, in_use: false };
        self.arm(next);
        Resolution::Ask { displaced }
    }

    /// Something is due at `next`.
    fn arm(&mut self, next: Instant) {
        self.wake = Instant::earliest(self.wake, Some(next));
        self.earliest = Instant::earliest(self.earliest, Some(next));
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
