//! The list of the packets that wait, in the order in which they were opened.
//!
//! A search and a removal go through the list once, so they cost no more for one choice of keys than for another.

use core::net::Ipv6Addr;

use rt_regions::{ChunkQueue, Exhausted, Region, RegionVec};

use super::datagram::{Datagram, Key, Known};

#[derive(Debug)]
pub(super) struct Waiting<'p> {
    list: RegionVec<'p, Datagram<'p>>,
    /// How many pages the packets have.
    pages: usize,
}

impl<'p> Waiting<'p> {
    /// An empty list with room for `datagrams` packets, at least 1.
    pub(super) fn new(datagrams: usize, region: &'p Region<'_>) -> Result<Self, Exhausted> {
        Ok(Self { list: RegionVec::with_capacity(datagrams, region)?, pages: 0 })
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.list.len() == self.list.capacity()
    }

    /// How many pages the packets have.
    pub(super) fn pages(&self) -> usize {
        self.pages
    }

    /// The packet that was opened first.
    #[inline]
    pub(super) fn oldest(&self) -> Option<&Datagram<'p>> {
        self.list.first()
    }

    /// The place of the packet with this key.
    #[inline]
    pub(super) fn find(&self, key: &Key) -> Option<usize> {
        self.list.iter().position(|datagram| datagram.key == *key)
    }

    /// The fragments of a packet, or `None` if it was refused.
    #[inline]
    pub(super) fn fragments(&mut self, place: usize) -> Option<&mut ChunkQueue<'p, Known>> {
        self.list.get_mut(place)?.fragments.as_mut()
    }

    /// The place of the packet of one source that was opened first, among those that have pages, and how many pages all packets of
    /// that source have.
    pub(super) fn of_source(&self, source: Ipv6Addr) -> (Option<usize>, usize) {
        let (mut oldest, mut pages) = (None, 0);
        for (place, datagram) in self.list.iter().enumerate() {
            if datagram.pages > 0 && datagram.key.source == source {
                oldest = oldest.or(Some(place));
                pages += datagram.pages;
            }
        }
        (oldest, pages)
    }

    /// The place of the packet that was opened first, among those that have pages.
    pub(super) fn oldest_with_pages(&self) -> Option<usize> {
        self.list.iter().position(|datagram| datagram.pages > 0)
    }

    /// Adds a packet whose key is new to a list that is not full; returns its place.
    pub(super) fn add(&mut self, datagram: Datagram<'p>) -> Result<usize, Exhausted> {
        self.list.push(datagram)?;
        let place = self.list.len() - 1;
        self.count_pages(place);
        Ok(place)
    }

    /// Updates the page count of a packet.
    pub(super) fn count_pages(&mut self, place: usize) {
        if let Some(datagram) = self.list.get_mut(place) {
            self.pages -= datagram.pages;
            datagram.pages = datagram.fragments.as_ref().map_or(0, ChunkQueue::pages);
            self.pages += datagram.pages;
        }
    }

    /// Gives the memory of a packet back, and keeps its place.
    pub(super) fn refuse(&mut self, place: usize) {
        if let Some(datagram) = self.list.get_mut(place) {
            datagram.fragments = None;
        }
        self.count_pages(place);
    }

    /// Takes out a packet.
    #[inline(never)]
    pub(super) fn remove(&mut self, place: usize) -> Option<Datagram<'p>> {
        let from = self.list.get_mut(place..).filter(|from| !from.is_empty())?;
        from.rotate_left(1);
        let datagram = self.list.pop()?;
        self.pages -= datagram.pages;
        Some(datagram)
    }
}
