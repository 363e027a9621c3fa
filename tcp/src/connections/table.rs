//! The connections in memory: places that are numbered, found by the addresses and ports of both sides.

use core::mem::ManuallyDrop;

use rt_regions::{Exhausted, Region, SlabBox, Slabs};

use super::Entry;
use crate::tuple::{Tuple, TupleHash};

/// Names a connection for as long as its stream lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Id(u32);

/// No place: the end of a list.
const NONE: u32 = u32::MAX;

/// A place for a connection.
struct Place {
    /// Without a destructor, so that it can lie in a region. It is emptied when the connection goes.
    entry: ManuallyDrop<Option<SlabBox<'static, Entry>>>,
    /// The hash of its tuple, while it can be found by that.
    hash: u32,
    /// The next free place, or the next one that has something to send.
    next: u32,
    /// Where it is in the heap of deadlines.
    in_heap: u32,
    is_indexed: bool,
    /// Whether it is in the queue of those that have something to send.
    is_queued: bool,
}

/// The connections. All memory but that of the entries is taken at the beginning, so that a search never fails.
pub(crate) struct Table {
    places: &'static mut [Place],
    /// Places by hash: open addressing, at most half full.
    index: &'static mut [u32],
    hash: TupleHash,
    free: u32,
    count: u32,
    /// The queue of those that have something to send.
    first: u32,
    last: u32,
    entries: &'static Slabs<'static>,
}

impl Table {
    /// What each connection takes of the tables at most, in bytes. The index has four places for it at most.
    pub(crate) const BYTES_EACH: usize = size_of::<Place>() + 4 * size_of::<u32>();

    /// Room for `limit` connections.
    pub(crate) fn new(
        limit: usize,
        hash: TupleHash,
        entries: &'static Slabs<'static>,
        memory: &'static Region<'static>,
    ) -> Result<Self, Exhausted> {
        let places = memory.alloc_slice_with(limit, |place| Place {
            entry: ManuallyDrop::new(None),
            hash: 0,
            next: if place + 1 < limit { place as u32 + 1 } else { NONE },
            in_heap: NONE,
            is_indexed: false,
            is_queued: false,
        })?;
        let index = memory.alloc_slice_with((2 * limit).next_power_of_two(), |_| NONE)?;
        Ok(Self { places, index, hash, free: 0, count: 0, first: NONE, last: NONE, entries })
    }

    /// How many connections there are, and how many there may be.
    pub(crate) fn usage(&self) -> [usize; 2] {
        [self.count as usize, self.places.len()]
    }

    /// Puts a connection into a free place; gives it back if there is none. It is found by its tuple from then on, if
    /// it is `indexed`.
    pub(crate) fn insert(&mut self, entry: Entry, indexed: bool) -> Option<Id> {
        let id = self.free;
        let place = self.places.get_mut(id as usize)?;
        let tuple = entry.tuple;
        *place.entry = Some(self.entries.alloc(entry).ok()?);
        self.free = place.next;
        place.next = NONE;
        self.count += 1;
        if indexed {
            self.index(Id(id), &tuple);
        }
        Some(Id(id))
    }

    /// Lets a connection be found by `tuple`.
    pub(crate) fn index(&mut self, id: Id, tuple: &Tuple) {
        let hash = self.hash.hash(tuple);
        let mask = self.index.len() - 1;
        let mut at = hash as usize & mask;
        while self.index[at] != NONE {
            at = (at + 1) & mask;
        }
        self.index[at] = id.0;
        let place = &mut self.places[id.0 as usize];
        (place.hash, place.is_indexed) = (hash, true);
    }

    /// Lets a connection be found no more.
    pub(crate) fn unindex(&mut self, id: Id) {
        let place = &mut self.places[id.0 as usize];
        if !core::mem::take(&mut place.is_indexed) {
            return;
        }
        let mask = self.index.len() - 1;
        let mut hole = place.hash as usize & mask;
        while self.index[hole] != id.0 {
            hole = (hole + 1) & mask;
        }
        // Those behind it that a search would not find any more move up (Knuth 6.4, algorithm R).
        let mut at = hole;
        loop {
            at = (at + 1) & mask;
            let moved = self.index[at];
            if moved == NONE {
                break;
            }
            let home = self.places[moved as usize].hash as usize & mask;
            if at.wrapping_sub(home) & mask >= at.wrapping_sub(hole) & mask {
                self.index[hole] = moved;
                hole = at;
            }
        }
        self.index[hole] = NONE;
    }

    /// The connection with this tuple.
    #[inline]
    pub(crate) fn find(&self, tuple: &Tuple) -> Option<Id> {
        let hash = self.hash.hash(tuple);
        let mask = self.index.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let id = self.index[at];
            let place = self.places.get(id as usize)?;
            if place.hash == hash && place.entry.as_ref().is_some_and(|entry| entry.tuple == *tuple)
            {
                return Some(Id(id));
            }
            at = (at + 1) & mask;
        }
    }

    /// The connection at this place.
    #[inline]
    pub(crate) fn get(&mut self, id: Id) -> Option<&mut Entry> {
        self.places[id.0 as usize].entry.as_deref_mut()
    }

    /// Takes a connection out. It must not be in the queue or the heap.
    pub(crate) fn remove(&mut self, id: Id) {
        self.unindex(id);
        let place = &mut self.places[id.0 as usize];
        if place.entry.take().is_some() {
            place.next = self.free;
            self.free = id.0;
            self.count -= 1;
        }
    }

    /// Puts a connection at the end of the queue of those that have something to send.
    #[inline]
    pub(crate) fn queue(&mut self, id: Id) {
        let place = &mut self.places[id.0 as usize];
        if place.is_queued {
            return;
        }
        (place.is_queued, place.next) = (true, NONE);
        match self.places.get_mut(self.last as usize) {
            Some(last) => last.next = id.0,
            None => self.first = id.0,
        }
        self.last = id.0;
    }

    /// Takes the first one out of the queue.
    #[inline]
    pub(crate) fn dequeue(&mut self) -> Option<Id> {
        let id = self.first;
        let place = self.places.get_mut(id as usize)?;
        place.is_queued = false;
        self.first = core::mem::replace(&mut place.next, NONE);
        if self.first == NONE {
            self.last = NONE;
        }
        Some(Id(id))
    }

    /// Whether one has something to send.
    #[inline]
    pub(crate) fn has_queued(&self) -> bool {
        self.first != NONE
    }

    /// Whether this one is in the queue.
    pub(crate) fn is_queued(&self, id: Id) -> bool {
        self.places[id.0 as usize].is_queued
    }

    /// Where a connection is in the heap of deadlines.
    #[inline]
    pub(crate) fn heap_place(&mut self, id: Id) -> &mut u32 {
        &mut self.places[id.0 as usize].in_heap
    }

    /// The places of all connections, the free ones included.
    pub(crate) fn ids(&self) -> impl Iterator<Item = Id> + use<> {
        (0..self.places.len() as u32).map(Id)
    }

    /// All connections.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.places.iter().filter_map(|place| place.entry.as_deref())
    }
}
