//! Places that are found by a hash, and lists of places: both take as long for many as for few.

/// No place.
const NONE: u32 = u32::MAX;

/// A list of places: its ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    first: u32,
    last: u32,
}

impl List {
    pub(super) const EMPTY: Self = Self { first: NONE, last: NONE };

    pub(super) fn first(self) -> Option<usize> {
        (self.first != NONE).then_some(self.first as usize)
    }
}

/// What is before and behind a place in its list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    before: u32,
    behind: u32,
}

impl Link {
    pub(super) const NONE: Self = Self { before: NONE, behind: NONE };
}

/// For each place, where it is in the one list that it belongs to.
#[derive(Debug)]
pub(super) struct Links<'g>(&'g mut [Link]);

impl<'g> Links<'g> {
    /// For as many places as there are `links`, none of which is in a list.
    pub(super) fn new(links: &'g mut [Link]) -> Self {
        Self(links)
    }

    /// Puts a place, which is in no list, at the end of this one.
    pub(super) fn push(&mut self, list: &mut List, place: usize) {
        let before = core::mem::replace(&mut list.last, place as u32);
        self.0[place] = Link { before, behind: NONE };
        match self.0.get_mut(before as usize) {
            Some(link) => link.behind = place as u32,
            None => list.first = place as u32,
        }
    }

    /// Takes a place out of the list, which it is in.
    pub(super) fn remove(&mut self, list: &mut List, place: usize) {
        let Link { before, behind } = self.0[place];
        match self.0.get_mut(before as usize) {
            Some(link) => link.behind = behind,
            None => list.first = behind,
        }
        match self.0.get_mut(behind as usize) {
            Some(link) => link.before = before,
            None => list.last = before,
        }
    }

    /// The places of a list.
    fn iter(&self, list: List) -> impl Iterator<Item = usize> {
        let behind = |&place: &usize| {
            let next = self.0.get(place)?.behind;
            (next != NONE).then_some(next as usize)
        };
        core::iter::successors(list.first(), behind)
    }
}

/// Places, each of which is free or taken under a hash.
#[derive(Debug)]
pub(super) struct Index<'g> {
    /// The taken places with one remainder of the hash; as many lists as a power of two.
    taken: &'g mut [List],
    /// The free place that is taken next; what is behind it is taken after it.
    free: u32,
    links: Links<'g>,
}

impl<'g> Index<'g> {
    /// As many places as there are `links`, all of them free. There are a power of two of the lists, which are empty.
    pub(super) fn new(taken: &'g mut [List], links: &'g mut [Link]) -> Self {
        for (link, behind) in links.iter_mut().zip(1..) {
            link.behind = behind;
        }
        Self { taken, free: 0, links: Links(links) }
    }

    /// The place that is taken under this hash and fits.
    pub(super) fn find(&self, hash: u32, fits: impl FnMut(&usize) -> bool) -> Option<usize> {
        self.links.iter(self.taken[self.list_of(hash)]).find(fits)
    }

    /// Takes a free place under this hash; there is one.
    pub(super) fn take(&mut self, hash: u32) -> usize {
        let (place, list) = (self.free as usize, self.list_of(hash));
        self.free = self.links.0[place].behind;
        self.links.push(&mut self.taken[list], place);
        place
    }

    /// Gives a place back that was taken under this hash. It is the next to be taken: what was used last is in
    /// the caches.
    pub(super) fn give_back(&mut self, hash: u32, place: usize) {
        let list = self.list_of(hash);
        self.links.remove(&mut self.taken[list], place);
        self.links.0[place].behind = core::mem::replace(&mut self.free, place as u32);
    }

    fn list_of(&self, hash: u32) -> usize {
        hash as usize & (self.taken.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use std::{vec, vec::Vec};

    use testkit::Random;

    use super::*;

    #[test]
    fn places_come_and_go_in_any_order() {
        let (mut lists, mut links) = ([List::EMPTY; 8], [Link::NONE; 5]);
        let mut index = Index::new(&mut lists, &mut links);
        let (mut random, mut taken) = (Random::new(1), Vec::new());
        for number in 0..10_000 {
            if taken.len() < 5 && random.once_in(2) {
                let hash = random.below(9) as u32;
                taken.push((index.take(hash), hash));
            } else if !taken.is_empty() {
                let (place, hash) = taken.swap_remove(random.below(taken.len()));
                index.give_back(hash, place);
            }
            for hash in 0..9 {
                for place in 0..5 {
                    let found = index.find(hash, |&other| other == place).is_some();
                    let is_taken = |&(p, h): &(usize, u32)| p == place && h % 8 == hash % 8;
                    assert_eq!(found, taken.iter().any(is_taken), "{number}");
                }
            }
        }
    }

    #[test]
    fn a_list_keeps_its_order() {
        let (mut links, mut list) = ([Link::NONE; 4], List::EMPTY);
        let mut links = Links::new(&mut links);
        [2, 0, 3, 1].into_iter().for_each(|place| links.push(&mut list, place));
        for (gone, left) in [(0, vec![2, 3, 1]), (2, vec![3, 1]), (1, vec![3]), (3, vec![])] {
            links.remove(&mut list, gone);
            assert_eq!(links.iter(list).collect::<Vec<_>>(), left);
            assert_eq!(list.first(), left.first().copied());
        }
    }
}
