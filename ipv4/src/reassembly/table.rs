//! The table of the datagrams that wait. It finds them by their key, keeps them in the order in which they were opened,
//! and counts them in total and by source. Each operation takes the same time for many datagrams as for few, except
//! counting those of one source. A flood cannot change that by its choice of keys, because the hash has a secret.

use core::{mem, net::Ipv4Addr};

use layer::TableHash;
use rt_regions::{Exhausted, Region, RegionVec};

use super::{
    datagram::{Datagram, Key},
    rings::{Link, Node, ROLES, Role},
};

/// The head of the list of all datagrams: place 0 holds no datagram.
const ALL: Node = Node::new(0, Role::InAll);

#[derive(Debug)]
pub(super) struct Table<'p> {
    hash: TableHash,
    slots: RegionVec<'p, Slot<'p>>,
    /// The head of the list of free places.
    free: Node,
    /// The number of lists of each kind, which is a power of two, minus one.
    mask: usize,
    /// How many datagrams there are.
    count: usize,
    /// How many pages the datagrams have.
    pages: usize,
}

/// A place for a datagram and for the heads of two lists, which are unrelated to the datagram.
#[derive(Debug)]
struct Slot<'p> {
    datagram: Option<Datagram<'p>>,
    /// How many pages of the datagram are included in the total.
    pages: usize,
    /// The neighbours in each role. In a free place, the first role links to the next free place.
    links: [Link; ROLES],
}

impl<'p> Table<'p> {
    /// An empty table with room for `datagrams` datagrams, at least 1.
    pub(super) fn new(
        datagrams: usize,
        hash: TableHash,
        region: &'p Region<'_>,
    ) -> Result<Self, Exhausted> {
        let mut slots = RegionVec::with_capacity(datagrams.saturating_add(1), region)?;
        while slots.len() < slots.capacity() {
            let place = slots.len();
            let links = [Link { before: ALL, behind: ALL }; ROLES];
            slots.push(Slot { datagram: None, pages: 0, links })?;
            for (role, link) in slots[place].links.iter_mut().enumerate() {
                let node = Node::at(place, role);
                *link = Link { before: node, behind: node };
            }
            slots[place].links[Role::InKeys as usize].behind = Node::new(place + 1, Role::InKeys);
        }
        let free = Node::new(1, Role::InKeys);
        // The number of lists is a power of two, and more than half of the number of datagrams.
        let mask = usize::MAX >> datagrams.leading_zeros() >> 1;
        Ok(Self { hash, slots, free, mask, count: 0, pages: 0 })
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn is_full(&self) -> bool {
        self.count + 1 == self.slots.len()
    }

    /// How many pages the datagrams have.
    pub(super) fn pages(&self) -> usize {
        self.pages
    }

    /// The place of the datagram with this key.
    #[inline]
    pub(super) fn find(&self, key: &Key) -> Option<usize> {
        let list = self.keys(key);
        let mut node = list;
        loop {
            node = self.link(node).behind;
            if node == list {
                return None;
            }
            if self.get(node.place()).is_some_and(|datagram| datagram.key == *key) {
                return Some(node.place());
            }
        }
    }

    #[inline]
    pub(super) fn get(&self, place: usize) -> Option<&Datagram<'p>> {
        self.slots[place].datagram.as_ref()
    }

    #[inline]
    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut Datagram<'p>> {
        self.slots[place].datagram.as_mut()
    }

    /// The place of the datagram that was opened first.
    #[inline]
    pub(super) fn oldest(&self) -> Option<usize> {
        let oldest = self.link(ALL).behind;
        (oldest != ALL).then_some(oldest.place())
    }

    /// The place of the datagram of one source that was opened first, and how many pages all datagrams of that source
    /// have.
    #[inline]
    pub(super) fn of_source(&self, source: Ipv4Addr) -> (Option<usize>, usize) {
        let list = self.sources(source);
        let (mut oldest, mut pages, mut node) = (None, 0, list);
        loop {
            node = self.link(node).behind;
            if node == list {
                return (oldest, pages);
            }
            let slot = &self.slots[node.place()];
            if slot.datagram.as_ref().is_some_and(|datagram| datagram.key.source == source) {
                oldest = oldest.or(Some(node.place()));
                pages += slot.pages;
            }
        }
    }

    /// Adds a datagram whose key is new to a table that is not full; returns its place.
    #[inline]
    pub(super) fn add(&mut self, datagram: Datagram<'p>) -> usize {
        let place = self.free.place();
        self.free = self.link(self.free).behind;
        self.push(self.keys(&datagram.key), Node::new(place, Role::InKeys));
        self.push(self.sources(datagram.key.source), Node::new(place, Role::InSources));
        self.push(ALL, Node::new(place, Role::InAll));
        self.slots[place].datagram = Some(datagram);
        self.count += 1;
        self.count_pages(place);
        place
    }

    /// Updates the page count of a datagram.
    #[inline(never)]
    pub(super) fn count_pages(&mut self, place: usize) {
        let slot = &mut self.slots[place];
        let pages = slot.datagram.as_ref().map_or(0, |datagram| datagram.fragments.pages());
        let before = mem::replace(&mut slot.pages, pages);
        self.pages = self.pages - before + pages;
    }

    #[inline(never)]
    pub(super) fn remove(&mut self, place: usize) -> Option<Datagram<'p>> {
        let slot = &mut self.slots[place];
        if slot.datagram.is_some() {
            self.pages -= mem::take(&mut slot.pages);
            self.count -= 1;
            self.unlink(Node::new(place, Role::InSources));
            self.unlink(Node::new(place, Role::InAll));
            let node = Node::new(place, Role::InKeys);
            self.unlink(node);
            self.link_mut(node).behind = mem::replace(&mut self.free, node);
        }
        self.slots[place].datagram.take()
    }

    /// Appends a node, which is in no list, to a list.
    #[inline(never)]
    fn push(&mut self, head: Node, node: Node) {
        let before = mem::replace(&mut self.link_mut(head).before, node);
        self.link_mut(before).behind = node;
        *self.link_mut(node) = Link { before, behind: head };
    }

    /// Removes a node from its list.
    #[inline(never)]
    fn unlink(&mut self, node: Node) {
        let Link { before, behind } = self.link(node);
        self.link_mut(before).behind = behind;
        self.link_mut(behind).before = before;
    }

    #[inline]
    fn link(&self, node: Node) -> Link {
        self.slots[node.place()].links[node.role()]
    }

    #[inline]
    fn link_mut(&mut self, node: Node) -> &mut Link {
        &mut self.slots[node.place()].links[node.role()]
    }

    /// The head of the list that holds the datagrams of this source, the oldest first.
    #[inline(never)]
    fn sources(&self, source: Ipv4Addr) -> Node {
        self.list_of(self.hash.hash(source.to_bits()), Role::Sources)
    }

    /// The head of the list that holds the datagram with this key.
    #[inline(never)]
    fn keys(&self, key: &Key) -> Node {
        self.list_of(self.hash_of(key), Role::Keys)
    }

    #[inline]
    fn list_of(&self, hash: u32, role: Role) -> Node {
        Node::new(hash as usize & self.mask, role)
    }

    /// Hashes the fields in turn, each with the hash of the fields before. A flood chooses many identifications and
    /// sources, so these are hashed at least twice: no distance between them is the same in the table.
    #[inline]
    fn hash_of(&self, key: &Key) -> u32 {
        let number = u32::from(key.protocol.0) << 16 | u32::from(key.identification);
        let with_source = self.hash.hash(number).wrapping_add(key.source.to_bits());
        let with_both = self.hash.hash(with_source).wrapping_add(key.destination.to_bits());
        self.hash.hash(with_both)
    }
}

#[cfg(test)]
mod tests;
