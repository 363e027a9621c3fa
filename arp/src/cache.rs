//! The neighbour cache: a value without input or output. Time is an argument; what is to be sent
//! is what the methods return.

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
    belief: Belief,
    /// When the table is next searched for what is due.
    wake: Instant,
    /// How far the search is: everything before was seen, and what is next there is `earliest`.
    cursor: usize,
    earliest: Instant,
    /// How many questions may be repeated in the rest of the search.
    repeats: u8,
}

impl<'g> Cache<'g> {
    /// A cache in `storage`, whose contents are lost. Of its places, 8 times a power of two are used,
    /// or all if there are less than 8. Only who knows `secret` can tell which addresses compete for
    /// the same places.
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

    /// The hardware address of a neighbour, if it is at hand and nothing else is to be done.
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

    /// What to do with a packet for a neighbour that [`lookup`](Self::lookup) did not find.
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
            // It is asked whether it is still there, or at all.
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

    /// Takes note of the address of a packet's sender where there is an entry for it, as RFC 826
    /// has it before it looks at whom the packet is for; except that a neighbour in use is asked first, and who
    /// contradicts it.
    pub fn merge(&mut self, now: Instant, address: Ipv4Addr, mac: MacAddr, claim: Claim) -> Merged {
        let Some(index) = self.find(address) else { return Merged::Unknown };
        let merged = self.entries[index].merge(now, mac, claim, self.belief);
        if let Merged::Contested | Merged::Rivalled(_) = merged {
            self.arm(now + GRANULARITY);
        }
        merged
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
        self.put(now, index, address, State::Learnt);
        let entry = &mut self.entries[index];
        (entry.mac, entry.when) = (mac, now + self.belief.fresh);
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
        let fixed = set.iter().filter(|entry| entry.state == State::Static).count();
        let (index, displaced) = match self.find(address) {
            Some(index) if self.entries[index].state == State::Static => (index, None),
            _ if fixed + 1 >= set.len() => return Err(Full),
            Some(index) => (index, None),
            // At the beginning of time nothing has expired yet, so the oldest goes.
            None => self.place(Instant::ZERO, address, true).ok_or(Full)?,
        };
        self.put(Instant::ZERO, index, address, State::Static);
        self.entries[index].mac = mac;
        Ok(displaced)
    }

    /// Forgets all neighbours but the static ones, and of those `address`.
    pub fn clear(&mut self, address: Ipv4Addr) {
        for entry in self.entries.iter_mut() {
            if entry.state != State::Static || entry.address == address {
                *entry = Entry::FREE;
            }
        }
        (self.wake, self.cursor) = (NEVER, 0);
    }

    /// What is due at `now`, one thing at a time: to be called until there is nothing more.
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
                // Whether the time of the others is over is seen when they are looked at.
                _ => {}
            }
        }
        self.cursor = 0;
        self.wake = self.earliest.max(now + GRANULARITY);
        None
    }

    /// When [`due`](Self::due) is next to be called.
    #[inline]
    pub fn next_deadline(&self) -> Option<Instant> {
        (self.wake < NEVER).then_some(self.wake)
    }

    /// And [`NEVER`], if it is not.
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

    /// Something is due at `next`.
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
