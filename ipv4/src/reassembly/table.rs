//! The datagrams that wait: found by their key, in the order in which they were opened, counted in all and by
//! source. Nothing here takes longer for many than for few, whatever keys a flood chooses: they are hashed with
//! a secret.

use core::net::Ipv4Addr;

use layer::TableHash;
use rt_regions::{Exhausted, Region, RegionVec};

use super::{
    datagram::{Datagram, Key},
    index::{Index, Link, Links, List},
};

#[derive(Debug)]
pub(super) struct Table<'p> {
    hash: TableHash,
    by_key: Index<'p>,
    /// In any order.
    slots: RegionVec<'p, Slot<'p>>,
    /// Where in `slots` that was found or added last: most fragments are of the datagram of the one before.
    recent: usize,
    /// For each place of `by_key` that is taken, where in `slots` its datagram is.
    at: &'p mut [u32],
    /// All datagrams, the oldest first.
    all: Holding,
    ages: Links<'p>,
    by_source: Index<'p>,
    /// One for each place of `by_source`.
    sources: &'p mut [Source],
    /// For each place of `by_key`, where it is among those of its source.
    ages_in_source: Links<'p>,
}

#[derive(Debug)]
struct Slot<'p> {
    datagram: Datagram<'p>,
    /// Its place in `by_key`.
    place: usize,
    /// How many pages of it are counted.
    pages: usize,
    /// The place of its source in `by_source`.
    source: usize,
}

/// A host of which at least one datagram waits, if its place is taken.
#[derive(Clone, Copy, Debug)]
struct Source {
    address: Ipv4Addr,
    holding: Holding,
}

/// Some of the datagrams, the oldest first, and how many pages they have.
#[derive(Clone, Copy, Debug)]
struct Holding {
    datagrams: List,
    pages: usize,
}

impl Holding {
    const NOTHING: Self = Self { datagrams: List::EMPTY, pages: 0 };
}

impl<'p> Table<'p> {
    /// Room for so many datagrams, 1 at least.
    pub(super) fn new(
        datagrams: usize,
        hash: TableHash,
        region: &'p Region<'_>,
    ) -> Result<Self, Exhausted> {
        let links = region.alloc_slice_with(datagrams.saturating_mul(4), |_| Link::NONE)?;
        let (for_keys, for_sources) = links.split_at_mut(2 * datagrams);
        let (by_key, ages) = for_keys.split_at_mut(datagrams);
        let (by_source, ages_in_source) = for_sources.split_at_mut(datagrams);
        let count = datagrams.next_power_of_two();
        let lists = region.alloc_slice_with(2 * count, |_| List::EMPTY)?;
        let (keys, sources) = lists.split_at_mut(count);
        let nobody = Source { address: Ipv4Addr::UNSPECIFIED, holding: Holding::NOTHING };
        Ok(Self {
            hash,
            by_key: Index::new(keys, by_key),
            slots: RegionVec::with_capacity(datagrams, region)?,
            recent: 0,
            at: region.alloc_slice_with(datagrams, |_| 0)?,
            all: Holding::NOTHING,
            ages: Links::new(ages),
            by_source: Index::new(sources, by_source),
            sources: region.alloc_slice_with(datagrams, |_| nobody)?,
            ages_in_source: Links::new(ages_in_source),
        })
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.len() == self.at.len()
    }

    /// The place of the datagram with this key.
    #[inline]
    pub(super) fn find(&mut self, key: &Key) -> Option<usize> {
        match self.slots.get(self.recent) {
            Some(recent) if recent.datagram.key == *key => Some(recent.place),
            _ => self.search(key),
        }
    }

    fn search(&mut self, key: &Key) -> Option<usize> {
        let found = self.by_key.find(self.hash_of(key), |&place| self.get(place).key == *key)?;
        self.recent = self.at[found] as usize;
        Some(found)
    }

    #[inline]
    pub(super) fn get(&self, place: usize) -> &Datagram<'p> {
        &self.slots[self.at[place] as usize].datagram
    }

    pub(super) fn get_mut(&mut self, place: usize) -> &mut Datagram<'p> {
        &mut self.slot_mut(place).datagram
    }

    fn slot_mut(&mut self, place: usize) -> &mut Slot<'p> {
        &mut self.slots[self.at[place] as usize]
    }

    /// The place of the datagram that was opened first: of one source, or of all.
    #[inline]
    pub(super) fn oldest(&self, source: Option<Ipv4Addr>) -> Option<usize> {
        self.holding(source)?.datagrams.first()
    }

    /// How many pages the datagrams have: of one source, or of all.
    pub(super) fn pages(&self, source: Option<Ipv4Addr>) -> usize {
        self.holding(source).map_or(0, |holding| holding.pages)
    }

    /// Adds a datagram, of which there is none with this key, to a table that is not full, and says where.
    pub(super) fn add(&mut self, datagram: Datagram<'p>) -> Result<usize, Exhausted> {
        let (address, hash) = (datagram.key.source, self.hash_of(&datagram.key));
        let source = match self.find_source(address) {
            Some(source) => source,
            None => {
                let source = self.by_source.take(self.hash_of_source(address));
                self.sources[source] = Source { address, holding: Holding::NOTHING };
                source
            }
        };
        let place = self.by_key.take(hash);
        self.recent = self.slots.len();
        self.at[place] = self.recent as u32;
        self.slots.push(Slot { datagram, place, pages: 0, source })?;
        self.ages.push(&mut self.all.datagrams, place);
        self.ages_in_source.push(&mut self.sources[source].holding.datagrams, place);
        self.count_pages(place);
        Ok(place)
    }

    /// Counts the pages of a datagram again; says whether there are more of them.
    pub(super) fn count_pages(&mut self, place: usize) -> bool {
        let Slot { datagram, pages, source, .. } = self.slot_mut(place);
        let (more, source) = (datagram.fragments.pages() - *pages, *source);
        *pages += more;
        self.all.pages += more;
        self.sources[source].holding.pages += more;
        more > 0
    }

    pub(super) fn remove(&mut self, place: usize) -> Datagram<'p> {
        let at = self.at[place];
        let Slot { datagram, pages, source, .. } = self.slots.swap_remove(at as usize);
        if let Some(moved) = self.slots.get(at as usize) {
            self.at[moved.place] = at;
        }
        self.ages.remove(&mut self.all.datagrams, place);
        self.all.pages -= pages;
        let holding = &mut self.sources[source].holding;
        self.ages_in_source.remove(&mut holding.datagrams, place);
        holding.pages -= pages;
        if holding.datagrams.first().is_none() {
            self.by_source.give_back(self.hash_of_source(datagram.key.source), source);
        }
        self.by_key.give_back(self.hash_of(&datagram.key), place);
        datagram
    }

    fn holding(&self, source: Option<Ipv4Addr>) -> Option<&Holding> {
        match source {
            None => Some(&self.all),
            Some(address) => Some(&self.sources[self.find_source(address)?].holding),
        }
    }

    fn find_source(&self, address: Ipv4Addr) -> Option<usize> {
        let hash = self.hash_of_source(address);
        self.by_source.find(hash, |&source| self.sources[source].address == address)
    }

    fn hash_of_source(&self, address: Ipv4Addr) -> u32 {
        self.hash.hash(address.to_bits())
    }

    /// One after the other, each with the hash of what was before: numbers and sources, of which a flood chooses
    /// many, are hashed twice at least, so that no distance between them is the same in the table.
    fn hash_of(&self, key: &Key) -> u32 {
        let number = u32::from(key.protocol.0) << 16 | u32::from(key.identification);
        [key.source.to_bits(), key.destination.to_bits()]
            .iter()
            .fold(self.hash.hash(number), |hash, part| self.hash.hash(hash.wrapping_add(*part)))
    }
}

#[cfg(test)]
mod tests;
