//! What is known of names, for as long as it holds, and somewhat longer where the servers do not answer.

use core::{cell::Cell, hash::BuildHasher, time::Duration};

use layer::Instant;
use rt_regions::{Eviction, Exhausted, RegionMap, SlabBox, Slabs};
use siphasher::sip::SipHasher13;

use crate::{
    Addresses, Name, ResolveError,
    query::{Failed, Found},
    wire::RecordType,
};

/// For how long addresses are used that hold no more, if no server answers (RFC 8767 5: 1 to 3 days).
pub const MAX_STALE: Duration = Duration::from_secs(24 * 3600);

/// After an attempt that has failed, for how long such addresses are used without another one (RFC 8767 5: 30 seconds).
pub const STALE_TTL: Duration = Duration::from_secs(30);

/// The least bytes of memory that a cache is of use with: its tables take some pages, and entries of each size another one.
pub const LEAST_BYTES: usize = 64 << 10;

/// How many entries that are no longer needed are removed at once, at most.
const REMOVED_AT_ONCE: usize = 8;

/// What is known of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// The result, which still holds.
    Fresh(Result<Addresses, ResolveError>),
    /// Addresses that hold no more. They are used if no server answers.
    Stale {
        /// The addresses.
        addresses: Addresses,
        /// Whether the servers are to be asked: the last attempt is long ago.
        is_due: bool,
    },
}

#[derive(Debug)]
enum Kept<'s> {
    Addresses(SlabBox<'s, [core::net::IpAddr]>),
    Failed(ResolveError),
}

#[derive(Debug)]
struct Entry<'s> {
    kept: Kept<'s>,
    /// Until when it holds.
    until: Instant,
    /// When the servers are asked again, if it holds no more.
    retry: Cell<Instant>,
}

/// Makes hashes that nobody can predict, so that nobody can choose names that all fall into one bucket.
struct Secret(u128);

impl BuildHasher for Secret {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.0 as u64, (self.0 >> 64) as u64)
    }
}

/// The most bytes of a key: a name and a type.
const MAX_KEY: usize = crate::MAX_NAME + 2;

/// The name in lower case, and the type.
pub(crate) struct Key([u8; MAX_KEY], usize);

impl Key {
    pub(crate) fn new(name: &Name, kind: RecordType) -> Self {
        let lower = name.to_lowercase();
        let (bytes, mut key) = (lower.as_bytes(), [0; MAX_KEY]);
        key[..bytes.len()].copy_from_slice(bytes);
        key[bytes.len()..][..2].copy_from_slice(&kind.0.to_be_bytes());
        Self(key, bytes.len() + 2)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0[..self.1]
    }
}

/// The results of queries, each under the name and the type that was asked for and under no other: what else a response has
/// is not kept. Its memory is that of the `Slabs`, below their cap; when there is no room, what was not used for the longest
/// time goes.
pub struct Cache<'s> {
    slabs: &'s Slabs<'s>,
    entries: RegionMap<'s, SlabBox<'s, [u8]>, Entry<'s>, Secret>,
}

impl<'s> Cache<'s> {
    /// Nothing yet. The cap of `slabs` is [`LEAST_BYTES`] or more. `secret` is known to nobody.
    pub fn new(slabs: &'s Slabs<'s>, secret: u128) -> Self {
        let entries = RegionMap::new(slabs, Secret(secret));
        Self { slabs, entries: entries.with_eviction(Eviction::LeastRecentlyUsed) }
    }

    /// How many entries there are, with those that hold no more and were not removed yet.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is known of the records of `kind` of `name`. Counts as use.
    pub fn get(&self, now: Instant, name: &Name, kind: RecordType) -> Option<Known> {
        let entry = self.entries.get(Key::new(name, kind).as_bytes())?;
        let holds = now < entry.until;
        match &entry.kept {
            Kept::Failed(error) => holds.then_some(Known::Fresh(Err(*error))),
            Kept::Addresses(addresses) => {
                let addresses: Addresses = addresses.iter().copied().collect();
                if holds {
                    return Some(Known::Fresh(Ok(addresses)));
                }
                let is_due = entry.retry.get() <= now;
                (now < entry.until + MAX_STALE).then_some(Known::Stale { addresses, is_due })
            }
        }
    }

    /// Notes the result of a query. It is not kept if it holds for no time. That the servers have failed does not replace
    /// addresses that may be used all the same; then they are not asked again for [`STALE_TTL`].
    ///
    /// # Errors
    /// [`Exhausted`]: others have taken the memory below the cap, and evicting entries did not help. Nothing is kept.
    pub fn insert(
        &mut self,
        now: Instant,
        name: &Name,
        kind: RecordType,
        result: &Result<Found, Failed>,
    ) -> Result<(), Exhausted> {
        for _ in 0..REMOVED_AT_ONCE {
            if self.entries.pop_due(now.as_nanos()).is_none() {
                break;
            }
        }
        let key = Key::new(name, kind);
        match result {
            Ok(found) if found.ttl > Duration::ZERO => {
                let addresses = self.make_room(|slabs| slabs.alloc_slice(&found.addresses))?;
                let until = now + found.ttl;
                self.put(&key, Kept::Addresses(addresses), until, until + MAX_STALE)
            }
            Err(Failed { error, ttl: Some(ttl) }) if *ttl > Duration::ZERO => {
                if error.is_temporary() && self.defer(now, name, kind) {
                    return Ok(());
                }
                self.put(&key, Kept::Failed(*error), now + *ttl, now + *ttl)
            }
            // What was known before is no longer so.
            Ok(_) => {
                self.entries.remove(key.as_bytes());
                Ok(())
            }
            Err(failed) => {
                if !failed.error.is_temporary() {
                    self.entries.remove(key.as_bytes());
                }
                Ok(())
            }
        }
    }

    /// Notes that an attempt to ask the servers has failed or takes long: stale addresses are used without another one for
    /// [`STALE_TTL`]. Returns whether there are any.
    pub fn defer(&mut self, now: Instant, name: &Name, kind: RecordType) -> bool {
        match self.entries.get(Key::new(name, kind).as_bytes()) {
            Some(entry) if matches!(entry.kept, Kept::Addresses(_)) => {
                entry.retry.set(now + STALE_TTL);
                now < entry.until + MAX_STALE
            }
            _ => false,
        }
    }

    fn put(
        &mut self,
        key: &Key,
        kept: Kept<'s>,
        until: Instant,
        end: Instant,
    ) -> Result<(), Exhausted> {
        let entry = Entry { kept, until, retry: Cell::new(Instant::ZERO) };
        let key = self.make_room(|slabs| slabs.alloc_slice(key.as_bytes()))?;
        self.entries.insert_until(key, entry, end.as_nanos()).map(drop)
    }

    /// What `alloc` allocates; entries make room for it.
    fn make_room<T>(
        &mut self,
        alloc: impl Fn(&'s Slabs<'s>) -> Result<T, Exhausted>,
    ) -> Result<T, Exhausted> {
        loop {
            match alloc(self.slabs) {
                Ok(value) => return Ok(value),
                Err(error) => {
                    self.entries.pop_least_recent().ok_or(error)?;
                }
            }
        }
    }
}

impl core::fmt::Debug for Cache<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Cache").field("len", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
