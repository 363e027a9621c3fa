//! Random operations on a map and on those of `std`: all that can be seen of both is the same.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;

use rt_regions::{Eviction, PAGE_SIZE, RegionMap, SlabBox, Slabs};

use super::{Constant, Secret, rounds, with_pool};

type Map<'s, S> = RegionMap<'s, SlabBox<'s, [u8]>, SlabBox<'s, [u8]>, S>;

/// What the model knows of a key.
struct Expected {
    value: Vec<u8>,
    deadline: Option<u64>,
    used: u64,
}

struct Model<'s, S> {
    map: Map<'s, S>,
    expected: HashMap<Vec<u8>, Expected>,
    /// The keys by the last time of use.
    used: BTreeMap<u64, Vec<u8>>,
    eviction: Eviction,
    steps: u64,
    random: u32,
    refused: u32,
    evicted: u32,
    expired: u32,
}

impl<S: BuildHasher> Model<'_, S> {
    fn below(&mut self, bound: usize) -> usize {
        self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.random >> 8) as usize % bound
    }

    fn key(&mut self, keys: usize) -> Vec<u8> {
        let number = self.below(keys);
        format!("{number:0width$}", width = number % 40).into_bytes()
    }

    fn note_use(&mut self, key: &[u8]) {
        if let Some(expected) = self.expected.get_mut(key) {
            self.used.remove(&expected.used);
            expected.used = self.steps;
            self.used.insert(self.steps, key.to_vec());
        }
    }

    fn forget(&mut self, key: &[u8]) -> Option<Expected> {
        let expected = self.expected.remove(key)?;
        self.used.remove(&expected.used);
        Some(expected)
    }

    fn insert(&mut self, keys: usize) {
        let key = self.key(keys);
        let longest = [3, 40, 700, 5000][self.below(4)];
        let value = vec![self.steps as u8; self.below(longest)];
        let deadline = (self.below(3) == 0).then(|| self.steps + self.below(200) as u64);
        let result = self.map.insert_bytes(&key, &value, deadline);
        // Evicted were those that were not used for the longest time, and no others. This key may have been
        // one of them, and is there again.
        let others = self.used.values().filter(|other| **other != key || result.is_err());
        let evicted = others.take_while(|other| self.map.peek(&other[..]).is_none());
        let evicted: Vec<_> = evicted.cloned().collect();
        assert!(evicted.is_empty() || self.eviction == Eviction::LeastRecentlyUsed);
        evicted.iter().for_each(|other| drop(self.forget(other)));
        self.evicted += evicted.len() as u32;
        match result {
            Ok(()) => {
                let before = self.forget(&key).map(|expected| expected.used);
                let is_use = self.eviction == Eviction::LeastRecentlyUsed;
                let used = before.filter(|_| !is_use).unwrap_or(self.steps);
                self.used.insert(used, key.clone());
                self.expected.insert(key, Expected { value, deadline, used });
            }
            Err(_) => self.refused += 1,
        }
    }

    fn step(&mut self, keys: usize) {
        self.steps += 1;
        match self.below(8) {
            0..=2 => self.insert(keys),
            3 => {
                let key = self.key(keys);
                let removed = self.map.remove(&key[..]).map(|value| value.to_vec());
                assert_eq!(removed, self.forget(&key).map(|expected| expected.value));
            }
            4..=5 => {
                let key = self.key(keys);
                let found = self.map.get(&key[..]).map(|value| value.to_vec());
                assert_eq!(found.as_ref(), self.expected.get(&key).map(|expected| &expected.value));
                if self.eviction == Eviction::LeastRecentlyUsed {
                    self.note_use(&key);
                }
            }
            6 => {
                let steps = self.steps;
                let due = |expected: &Expected| expected.deadline.is_some_and(|at| at <= steps);
                let keys = self.expected.iter().filter(|(_, expected)| due(expected));
                let keys: Vec<_> = keys.map(|(key, _)| key.clone()).collect();
                assert_eq!(self.map.expire(steps), keys.len());
                keys.iter().for_each(|key| drop(self.forget(key)));
                self.expired += keys.len() as u32;
            }
            _ => {
                let deadlines = self.expected.values().filter_map(|expected| expected.deadline);
                assert_eq!(self.map.next_deadline(), deadlines.min());
            }
        }
        assert_eq!(self.map.len(), self.expected.len());
    }

    /// Compares all entries.
    fn check(&self) {
        let mut entries = 0;
        for (key, value) in &self.map {
            let expected = &self.expected[&key[..]];
            assert_eq!(expected.value, value[..]);
            assert_eq!(expected.deadline, self.map.deadline(&key[..]));
            entries += 1;
        }
        assert_eq!(entries, self.expected.len());
    }
}

/// Runs the model; how often an insertion was refused, an entry evicted, an entry expired.
fn run<S: BuildHasher>(hasher: S, eviction: Eviction, keys: usize, pages: usize) -> [u32; 3] {
    let mut counts = [0; 3];
    with_pool(pages + 8, |pool| {
        let slabs = Slabs::new(pool, "map").with_cap(pages * PAGE_SIZE);
        let map = RegionMap::new(&slabs, hasher).with_eviction(eviction);
        let mut model = Model {
            map,
            expected: HashMap::new(),
            used: BTreeMap::new(),
            eviction,
            steps: 0,
            random: keys as u32,
            refused: 0,
            evicted: 0,
            expired: 0,
        };
        for step in 0..rounds(40_000, 100) {
            model.step(keys);
            if step % 64 == 0 {
                model.check();
            }
        }
        model.check();
        counts = [model.refused, model.evicted, model.expired];
        // In the order of use, and in the end nothing is held.
        while let Some((key, _)) = model.map.pop_least_recent() {
            let (_, oldest) = model.used.pop_first().unwrap();
            assert_eq!(oldest, key[..]);
        }
        assert!(model.used.is_empty());
        assert_eq!(slabs.pages(), 0);
    });
    counts
}

#[test]
fn a_map_with_room_is_as_that_of_std() {
    let [refused, evicted, expired] = run(Secret(6), Eviction::Nothing, 3000, rounds(2000, 200));
    assert_eq!((refused, evicted), (0, 0));
    assert!(expired > 0);
}

#[test]
fn a_map_that_refuses_is_as_that_of_std() {
    let [refused, evicted, _] = run(Secret(7), Eviction::Nothing, 500, rounds(40, 5));
    assert!(refused > 0 && evicted == 0);
}

#[test]
fn a_map_that_evicts_is_as_that_of_std() {
    let [refused, evicted, _] = run(Secret(8), Eviction::LeastRecentlyUsed, 500, rounds(40, 9));
    assert!(refused == 0 && evicted > 0, "{refused} refused, {evicted} evicted");
}

#[test]
fn a_map_with_one_bucket_in_use_is_as_that_of_std() {
    let [_, evicted, _] = run(Constant, Eviction::LeastRecentlyUsed, 60, rounds(20, 9));
    assert!(evicted > 0);
}
