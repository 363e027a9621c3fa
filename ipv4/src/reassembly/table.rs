//! The datagrams that wait: found by their key, in the order in which they were opened, counted in all and by
//! source. Nothing here takes longer for many than for few, but to count those of a source that has many, whatever
//! keys a flood chooses: they are hashed with a secret.

use core::{mem, net::Ipv4Addr};

use layer::TableHash;
use rt_regions::{Exhausted, Region, RegionVec};

use super::{
    datagram::{Datagram, Key},
    rings::{Link, Node, ROLES, Role},
};

/// The head of the list of all datagrams: place 0 has none.
const ALL: Node = Node::new(0, Role::InAll);

#[derive(Debug)]
pub(super) struct Table<'p> {
    hash: TableHash,
    slots: RegionVec<'p, Slot<'p>>,
    /// The place that is taken next; behind it is the one after it.
    free: Node,
    /// One less than there are lists of each kind, as many as a power of two.
    mask: usize,
    /// How many datagrams there are.
    count: usize,
    /// How many pages they have.
    pages: usize,
}

/// A place: for a datagram, and for the heads of two lists, which have nothing to do with it.
#[derive(Debug)]
struct Slot<'p> {
    datagram: Option<Datagram<'p>>,
    /// How many pages of the datagram are counted.
    pages: usize,
    /// The neighbours in each role; of a free place, what is behind it in the first is free too.
    links: [Link; ROLES],
}

impl<'p> Table<'p> {
    /// Room for so many datagrams, 1 at least.
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
        // As many lists as a power of two, and more than half as many as datagrams.
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

    /// Of the datagrams of one source, the place of the one that was opened first, and how many pages all of them
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

    /// Adds a datagram, of which there is none with this key, to a table that is not full, and says where.
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

    /// Counts the pages of a datagram again.
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

    /// Puts a node, which is in no list, at the end of one.
    #[inline(never)]
    fn push(&mut self, head: Node, node: Node) {
        let before = mem::replace(&mut self.link_mut(head).before, node);
        self.link_mut(before).behind = node;
        *self.link_mut(node) = Link { before, behind: head };
    }

    /// Takes a node out of its list.
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

    /// The head of the list that the datagrams of this source are in, the oldest first.
    #[inline(never)]
    fn sources(&self, source: Ipv4Addr) -> Node {
        self.list_of(self.hash.hash(source.to_bits()), Role::Sources)
    }

    /// The head of the list that the datagram with this key is in.
    #[inline(never)]
    fn keys(&self, key: &Key) -> Node {
        self.list_of(self.hash_of(key), Role::Keys)
    }

    #[inline]
    fn list_of(&self, hash: u32, role: Role) -> Node {
        Node::new(hash as usize & self.mask, role)
    }

    /// One after the other, each with the hash of what was before: numbers and sources, of which a flood chooses
    /// many, are hashed twice at least, so that no distance between them is the same in the table.
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
