//! The neighbour cache: a value without input or output. Time is an argument; the methods return what is to be sent.

use core::{fmt, net::Ipv4Addr, time::Duration};

use layer::{Instant, KeyedHash, TableHash};
use managed::ManagedSlice;
use netif::MacAddr;

use crate::{
    Timing,
    entry::{Entry, Moment, NEVER, State},
};

mod dispute;
mod outcome;
mod places;

use dispute::{Belief, REPEATS};

pub use outcome::{Claim, Due, Full, Merged, Resolution};

/// The least time between two searches of the table for work that is due. Retries are late by this much at most, and a
/// thousand neighbours that are being asked do not cost a thousand searches a second.
const GRANULARITY: Duration = Duration::from_millis(100);

/// The least time between two requests for one neighbour (RFC 1122 2.3.2.1).
const REQUEST_INTERVAL: Duration = Duration::from_secs(1);

/// The cache of the neighbours' addresses.
pub struct Cache<'g> {
    entries: ManagedSlice<'g, Entry>,
    /// The base-2 logarithm of the number of sets, or 0 if the table has no places.
    set_bits: u32,
    /// The number of places in each set.
    ways: usize,
    keyed: TableHash,
    timing: Timing,
    belief: Belief,
    /// When the table is next searched for work that is due.
    wake: Instant,
    /// The index at which the search goes on. `earliest` is the earliest deadline among the entries before it.
    cursor: usize,
    earliest: Instant,
    /// How many requests may be repeated in the rest of the search.
    repeats: u8,
}

impl<'g> Cache<'g> {
    /// A cache in `storage`, whose contents are overwritten. It uses 8 times a power of two of the places, or all if
    /// there are fewer than 8. Without `secret`, nobody can tell which addresses compete for the same places.
    pub fn new(storage: impl Into<ManagedSlice<'g, Entry>>, timing: Timing, secret: u128) -> Self {
        let mut entries = storage.into();
        entries.fill(Entry::FREE);
        let ways = entries.len().min(places::WAYS);
        let sets = entries.len().checked_div(ways).unwrap_or(0);
        let set_bits = sets.checked_ilog2().unwrap_or(0);
        let keyed = TableHash::new(KeyedHash::new(secret));
        let timing = Timing {
            age: timing.age.max(REQUEST_INTERVAL),
            retry: timing.retry.max(REQUEST_INTERVAL),
            ..timing
        };
        let margin = Duration::from_millis(timing.age.as_millis() as u64 / 16);
        let belief = Belief { fresh: timing.age - margin, margin };
        Self {
            entries,
            set_bits,
            ways,
            keyed,
            timing,
            belief,
            wake: NEVER,
            cursor: 0,
            earliest: NEVER,
            repeats: 0,
        }
    }

    /// The hardware address of a neighbour, if it is known and nothing else has to be done.
    #[inline]
    pub fn lookup(&mut self, now: Instant, address: Ipv4Addr) -> Option<MacAddr> {
        let set = self.set(address);
        let entry = self.entries[set].iter_mut().find(|entry| entry.address == address)?;
        match entry.state {
            State::Known if now < entry.when => {
                entry.touched = Moment::of(now);
                Some(entry.mac)
            }
            State::Static => Some(entry.mac),
            _ => None,
        }
    }

    /// Decides what to do with a packet for a neighbour that [`lookup`](Self::lookup) did not find.
    pub fn resolve(&mut self, now: Instant, address: Ipv4Addr) -> Resolution {
        let Some(index) = self.find(address) else {
            return match self.place(now, address, false) {
                Some((index, displaced)) => self.ask(now, index, address, displaced),
                None => Resolution::Full,
            };
        };
        let entry = &mut self.entries[index];
        let mac = entry.mac;
        match entry.state {
            _ if entry.is_over(now, self.belief.margin) => {}
            State::Asked => return Resolution::Asked,
            State::Silent if now < entry.when => return Resolution::Silent,
            State::Free | State::Silent => {}
            // The neighbour is asked whether it is still there, or there at all.
            State::Learnt | State::Known if entry.state == State::Learnt || entry.when <= now => {
                entry.touched = Moment::of(now);
                (entry.state, entry.times) = (State::Checked, 0);
                entry.rival = MacAddr::UNSPECIFIED;
                self.arm(now + GRANULARITY);
                return Resolution::Stale(mac);
            }
            _ => {
                entry.touched = Moment::of(now);
                return Resolution::Known(mac);
            }
        }
        self.ask(now, index, address, None)
    }

    /// Merges the sender's address of a received packet into its entry, if there is one. RFC 826 does this before it
    /// looks at the target address. Unlike RFC 826, the cache does not replace the station of a neighbour in use before
    /// it has asked the station and its rival.
    pub fn merge(&mut self, now: Instant, address: Ipv4Addr, mac: MacAddr, claim: Claim) -> Merged {
        let Some(index) = self.find(address) else { return Merged::Unknown };
        let merged = self.entries[index].merge(now, mac, claim, self.belief);
        if let Merged::Contested | Merged::Rivalled(_) = merged {
            self.arm(now + GRANULARITY);
        }
        merged
    }

    /// Adds a neighbour that asked us; returns the neighbour that it displaced.
    ///
    /// # Errors
    /// [`Full`]: the set has no place.
    pub fn add(
        &mut self,
        now: Instant,
        address: Ipv4Addr,
        mac: MacAddr,
    ) -> Result<Option<Ipv4Addr>, Full> {
        let (index, displaced) = self.place(now, address, true).ok_or(Full)?;
        self.put(now, index, address, State::Learnt);
        let entry = &mut self.entries[index];
        (entry.mac, entry.when) = (mac, now + self.belief.fresh);
        Ok(displaced)
    }

    /// Adds a neighbour that neither ages nor changes, or replaces its entry. Returns another neighbour that it
    /// displaced.
    ///
    /// # Errors
    /// [`Full`]: all but one place of the set hold static entries. The last place is reserved for other entries.
    pub fn insert_static(
        &mut self,
        address: Ipv4Addr,
        mac: MacAddr,
    ) -> Result<Option<Ipv4Addr>, Full> {
        let set = &self.entries[self.set(address)];
        let fixed = set.iter().filter(|entry| entry.state == State::Static).count();
        let (index, displaced) = match self.find(address) {
            Some(index) if self.entries[index].state == State::Static => (index, None),
            _ if fixed + 1 >= set.len() => return Err(Full),
            Some(index) => (index, None),
            // At time zero no entry has expired yet, so the oldest is displaced.
            None => self.place(Instant::ZERO, address, true).ok_or(Full)?,
        };
        self.put(Instant::ZERO, index, address, State::Static);
        self.entries[index].mac = mac;
        Ok(displaced)
    }

    /// Removes all entries that are not static, and the static entry for `address`.
    pub fn clear(&mut self, address: Ipv4Addr) {
        for entry in self.entries.iter_mut() {
            if entry.state != State::Static || entry.address == address {
                *entry = Entry::FREE;
            }
        }
        (self.wake, self.cursor) = (NEVER, 0);
    }

    /// Returns the next piece of work that is due at `now`. The caller repeats this until it is `None`.
    pub fn due(&mut self, now: Instant) -> Option<Due> {
        if now < self.wake {
            return None;
        }
        if self.cursor == 0 {
            (self.earliest, self.repeats) = (NEVER, REPEATS);
        }
        let Timing { tries, retry, silence, .. } = self.timing;
        while let Some(entry) = self.entries.get_mut(self.cursor) {
            self.cursor += 1;
            let address = entry.address;
            match entry.state {
                State::Asked if now < entry.when => self.earliest = self.earliest.min(entry.when),
                State::Asked if entry.times < tries => {
                    (entry.times, entry.when) = (entry.times + 1, now + retry);
                    self.earliest = self.earliest.min(entry.when);
                    return Some(Due::Ask(address));
                }
                State::Asked => {
                    (entry.state, entry.when) = (State::Silent, now + silence);
                    return Some(Due::Silent(address));
                }
                State::Contested | State::Checked | State::Upheld => {
                    self.earliest = self.earliest.min(now + GRANULARITY);
                    let due = entry.pass(now, self.belief, &mut self.repeats);
                    if due.is_some() {
                        return due;
                    }
                }
                // The expiry of other entries is checked when they are used.
                _ => {}
            }
        }
        self.cursor = 0;
        self.wake = self.earliest.max(now + GRANULARITY);
        None
    }

    /// When to call [`due`](Self::due) next.
    #[inline]
    pub fn next_deadline(&self) -> Option<Instant> {
        (self.wake < NEVER).then_some(self.wake)
    }

    /// When to call [`due`](Self::due) next, or [`NEVER`].
    #[inline]
    pub(crate) fn wake(&self) -> Instant {
        self.wake
    }

    fn ask(
        &mut self,
        now: Instant,
        index: usize,
        address: Ipv4Addr,
        displaced: Option<Ipv4Addr>,
    ) -> Resolution {
        let next = now + self.timing.retry;
        self.put(now, index, address, State::Asked);
        let entry = &mut self.entries[index];
        (entry.times, entry.when) = (1, next);
        self.arm(next);
        Resolution::Ask { displaced }
    }

    fn put(&mut self, now: Instant, index: usize, address: Ipv4Addr, state: State) {
        let touched = Moment::of(now);
        self.entries[index] = Entry { state, address, touched, ..Entry::FREE };
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
