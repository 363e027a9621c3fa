//! What is kept: a value that knows nothing of a network. The time is an argument.

use core::hash::BuildHasher;

use layer::Instant;
use rt_regions::{Eviction, Exhausted, RegionMap, SlabBox, Slabs};
use siphasher::sip::SipHasher13;

/// Makes hashes that nobody can predict, so that nobody can choose keys that all fall into one bucket.
struct Secret(u128);

impl BuildHasher for Secret {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.0 as u64, (self.0 >> 64) as u64)
    }
}

type Bytes<'s> = SlabBox<'s, [u8]>;

/// Keys and values, some of them with a moment at which they expire. Their memory is that of the `Slabs`; when there is no
/// room, the entries go that were not used for the longest time.
pub(crate) struct Store<'s> {
    entries: RegionMap<'s, Bytes<'s>, Bytes<'s>, Secret>,
    evicted: u64,
}

impl<'s> Store<'s> {
    /// Nothing yet. `seed` is a secret.
    pub(crate) fn new(slabs: &'s Slabs<'s>, seed: u128) -> Self {
        let secret = Secret(layer::seed_for(*b"kv  ", seed));
        let entries = RegionMap::new(slabs, secret).with_eviction(Eviction::LeastRecentlyUsed);
        Self { entries, evicted: 0 }
    }

    /// How many entries there are, with those that have expired and were not removed yet.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many entries had to go because there was no room.
    pub(crate) fn evicted(&self) -> u64 {
        self.evicted
    }

    /// The value of a key. Counts as use.
    pub(crate) fn get(&self, key: &[u8], now: Instant) -> Option<&[u8]> {
        if self.has_expired(key, now) {
            return None;
        }
        self.entries.get(key).map(|value| &**value)
    }

    /// Gives a key this value, until `deadline` if there is one.
    ///
    /// # Errors
    /// [`Exhausted`]: others have taken the memory below the cap, and evicting entries did not help.
    pub(crate) fn set(
        &mut self,
        key: &[u8],
        value: &[u8],
        deadline: Option<Instant>,
    ) -> Result<(), Exhausted> {
        let (before, is_new) = (self.len(), self.entries.peek(key).is_none());
        let set = self.entries.insert_bytes(key, value, deadline.map(Instant::as_nanos));
        let without = before + usize::from(is_new && set.is_ok());
        self.evicted += (without - self.len()) as u64;
        set
    }

    /// Removes a key; returns whether it was there.
    pub(crate) fn delete(&mut self, key: &[u8], now: Instant) -> bool {
        let has_expired = self.has_expired(key, now);
        self.entries.remove(key).is_some() && !has_expired
    }

    /// Removes entries that have expired, `most` at most, and returns how many they were.
    pub(crate) fn expire(&mut self, now: Instant, most: usize) -> usize {
        let due = core::iter::from_fn(|| self.entries.pop_due(now.as_nanos()));
        due.take(most).count()
    }

    /// Whether the key is there no more, although nobody has removed it yet.
    fn has_expired(&self, key: &[u8], now: Instant) -> bool {
        let is_due = |deadline| deadline <= now.as_nanos();
        // Most of the time nothing is due, and the key need not be looked up for this.
        self.entries.next_deadline().is_some_and(is_due)
            && self.entries.deadline(key).is_some_and(is_due)
    }
}

#[cfg(test)]
mod tests;
