//! A map from keys to values that outlive a packet, below a cap, with eviction.

mod bytes;
mod deadlines;
mod iter;
mod recency;
mod table;

use core::{
    borrow::Borrow,
    fmt,
    hash::{BuildHasher, Hash},
    num::NonZeroU32,
};

pub use self::iter::Iter;
use self::{deadlines::Deadlines, recency::Recency, table::Table};
use crate::{Exhausted, Slabs};

/// What makes room in a [`RegionMap`] when there is none for what is inserted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Eviction {
    /// Nothing: the insertion fails.
    #[default]
    Nothing,
    /// The entry that was not inserted, replaced or read for the longest time goes, and the next one, until there is
    /// room.
    LeastRecentlyUsed,
}

/// A map that keeps its entries in [`Slabs`], whose cap is the map's: for what a service keeps between requests.
///
/// Looking up, inserting and removing are O(1) expected; an entry with a deadline adds O(log n) to the last two. No
/// operation moves the whole table: it grows and shrinks by one bucket at a time. What is removed gives its room back.
///
/// The hasher is the caller's. For keys that strangers choose it needs a secret, or they choose keys that all fall into
/// one bucket: SipHash-1-3 (the crate `siphasher`) with 16 random bytes does. 31 bits of each hash are used.
///
/// Keys and values may be byte strings of any length, see [`insert_bytes`](Self::insert_bytes).
///
/// ```
/// use rt_regions::{Eviction, RegionMap, Slabs};
///
/// /// A secret of random bytes.
/// struct Secret([u8; 16]);
///
/// impl std::hash::BuildHasher for Secret {
///     type Hasher = siphasher::sip::SipHasher13;
///
///     fn build_hasher(&self) -> Self::Hasher {
///         siphasher::sip::SipHasher13::new_with_key(&self.0)
///     }
/// }
///
/// # let mut memory = vec![std::mem::MaybeUninit::uninit(); 64 << 10];
/// # let pool = rt_regions::Pool::new(&mut memory);
/// let slabs = Slabs::new(&pool, "cache").with_cap(32 << 10);
/// let mut cache =
///     RegionMap::new(&slabs, Secret([7; 16])).with_eviction(Eviction::LeastRecentlyUsed);
/// cache.insert_bytes(b"host", b"10.0.0.1", Some(60))?;
/// assert_eq!(cache.get(&b"host"[..]).map(|value| &**value), Some(&b"10.0.0.1"[..]));
/// assert_eq!(cache.expire(60), 1);
/// assert!(cache.is_empty());
/// # Ok::<(), rt_regions::Exhausted>(())
/// ```
pub struct RegionMap<'s, K, V, S> {
    slabs: &'s Slabs<'s>,
    table: Table<'s, K, V>,
    recency: Recency,
    deadlines: Deadlines<'s>,
    hasher: S,
    eviction: Eviction,
}

impl<'s, K, V, S> RegionMap<'s, K, V, S> {
    /// An empty map; takes no memory yet. When there is no room, an insertion fails.
    pub fn new(slabs: &'s Slabs<'_>, hasher: S) -> Self {
        Self {
            slabs,
            table: Table::new(slabs),
            recency: Recency::new(),
            deadlines: Deadlines::new(slabs),
            hasher,
            eviction: Eviction::Nothing,
        }
    }

    /// This map, which makes room as `eviction` says.
    #[must_use]
    pub fn with_eviction(mut self, eviction: Eviction) -> Self {
        self.eviction = eviction;
        self
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All entries, in no order that means something. Does not count as use.
    pub fn iter(&self) -> Iter<'_, K, V> {
        Iter::new(&self.table)
    }

    /// Removes all entries, and gives all memory back. If a destructor panics, the map is empty all the same.
    pub fn clear(&mut self) {
        (self.recency, self.deadlines) = (Recency::new(), Deadlines::new(self.slabs));
        drop(core::mem::replace(&mut self.table, Table::new(self.slabs)));
    }

    /// The earliest deadline of an entry, if one has a deadline: when to call [`expire`](Self::expire) next.
    pub fn next_deadline(&self) -> Option<u64> {
        self.deadlines.first().map(|(deadline, _)| deadline)
    }

    /// Removes the entry with the earliest deadline if that is not later than `now`. So a caller that has no time for
    /// all of them removes some.
    pub fn pop_due(&mut self, now: u64) -> Option<(K, V)> {
        let (deadline, index) = self.deadlines.first()?;
        (deadline <= now).then(|| self.remove_at(index))
    }

    /// Removes the entries whose deadlines are not later than `now`, and says how many they were. The time is a number
    /// in the caller's units.
    pub fn expire(&mut self, now: u64) -> usize {
        core::iter::from_fn(|| self.pop_due(now)).count()
    }

    /// Removes the entry that was not used for the longest time. With [`Eviction::Nothing`] use is not noted, and it is
    /// the one that was inserted first.
    pub fn pop_least_recent(&mut self) -> Option<(K, V)> {
        let oldest = self.recency.oldest()?;
        Some(self.remove_at(oldest))
    }

    /// Removes an entry, puts the last one into its place, and gives back what is no longer needed.
    fn remove_at(&mut self, index: usize) -> (K, V) {
        self.recency.unlink(&self.table, index);
        self.deadlines.remove(&self.table, index);
        let last = self.len() - 1;
        if index != last {
            self.recency.rename(&self.table, last, index);
            self.deadlines.rename(&self.table, last, index);
        }
        self.table.swap_remove(index)
    }

    fn touch(&self, index: usize) {
        if self.eviction == Eviction::LeastRecentlyUsed {
            self.recency.unlink(&self.table, index);
            self.recency.link(&self.table, index);
        }
    }

    /// Makes room for a new entry, for a deadline, or for both.
    fn reserve(&mut self, entry: bool, deadline: bool) -> Result<(), Exhausted> {
        if entry {
            self.table.reserve_one()?;
        }
        if deadline { self.deadlines.reserve_one() } else { Ok(()) }
    }

    /// After an allocation failed for `error`: makes room, or gives back what was taken in vain and fails.
    fn make_room(&mut self, error: Exhausted) -> Result<(), Exhausted> {
        self.table.give_unused();
        self.deadlines.give_unused();
        let evicted = match self.eviction {
            Eviction::Nothing => None,
            Eviction::LeastRecentlyUsed => self.pop_least_recent(),
        };
        evicted.map(drop).ok_or(error)
    }
}

impl<K, V, S: BuildHasher> RegionMap<'_, K, V, S> {
    fn hash<Q: Hash + ?Sized>(&self, key: &Q) -> NonZeroU32 {
        NonZeroU32::MIN | (self.hasher.hash_one(key) as u32) << 1
    }

    fn find<Q>(&self, key: &Q) -> Option<usize>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.table.find(self.hash(key), |other| other.borrow() == key)
    }

    /// The value of `key`. Counts as use.
    pub fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let index = self.find(key)?;
        self.touch(index);
        Some(&self.table.entry(index).value)
    }

    /// The value of `key`, to be changed. Counts as use.
    pub fn get_mut<Q>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let index = self.find(key)?;
        self.touch(index);
        Some(&mut self.table.entry_mut(index).value)
    }

    /// The value of `key`. Does not count as use.
    pub fn peek<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        Some(&self.table.entry(self.find(key)?).value)
    }

    /// The deadline of `key`; none: there is no such entry, or it has none.
    pub fn deadline<Q>(&self, key: &Q) -> Option<u64>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.deadlines.of(&self.table, self.find(key)?)
    }

    /// Removes `key` and gives its value.
    pub fn remove<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let index = self.find(key)?;
        Some(self.remove_at(index).1)
    }
}

impl<K: Hash + Eq, V, S: BuildHasher> RegionMap<'_, K, V, S> {
    /// Gives `key` this value and no deadline. Returns the value that it had. Counts as use.
    ///
    /// # Errors
    /// [`Exhausted`]: there is no room, and none that eviction could make. Key and value are dropped. The map is as it
    /// was, but for what was evicted.
    pub fn insert(&mut self, key: K, value: V) -> Result<Option<V>, Exhausted> {
        self.insert_entry(key, value, None)
    }

    /// Gives `key` this value until `deadline`, a time in the caller's units, at which [`expire`](Self::expire) removes
    /// it. Returns the value that it had. Counts as use.
    ///
    /// # Errors
    /// [`Exhausted`]: there is no room, and none that eviction could make. Key and value are dropped. The map is as it
    /// was, but for what was evicted.
    pub fn insert_until(
        &mut self,
        key: K,
        value: V,
        deadline: u64,
    ) -> Result<Option<V>, Exhausted> {
        self.insert_entry(key, value, Some(deadline))
    }

    fn insert_entry(
        &mut self,
        key: K,
        value: V,
        deadline: Option<u64>,
    ) -> Result<Option<V>, Exhausted> {
        let hash = self.hash(&key);
        let found = loop {
            // Anew each time: what is evicted may be this key's, and others take its place.
            let found = self.table.find(hash, |other| *other == key);
            match self.reserve(found.is_none(), deadline.is_some()) {
                Ok(()) => break found,
                Err(error) => self.make_room(error)?,
            }
        };
        let (index, old) = match found {
            Some(index) => {
                let old = core::mem::replace(&mut self.table.entry_mut(index).value, value);
                self.touch(index);
                (index, Some(old))
            }
            None => {
                let index = self.table.push(hash, key, value);
                self.recency.link(&self.table, index);
                (index, None)
            }
        };
        self.deadlines.set(&self.table, index, deadline);
        Ok(old)
    }
}

impl<'m, K, V, S> IntoIterator for &'m RegionMap<'_, K, V, S> {
    type Item = (&'m K, &'m V);
    type IntoIter = Iter<'m, K, V>;

    fn into_iter(self) -> Iter<'m, K, V> {
        self.iter()
    }
}

impl<K: fmt::Debug, V: fmt::Debug, S> fmt::Debug for RegionMap<'_, K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}
