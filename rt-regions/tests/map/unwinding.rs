//! Keys and values that panic: destructors run once, and the map stays whole.

use std::{
    cell::Cell,
    hash::{Hash, Hasher},
};

use rt_regions::{Eviction, PAGE_SIZE, RegionMap, Slabs};

use super::{
    Secret,
    panics::{burst, bursts},
    with_pool,
};

thread_local! {
    /// Whether comparing keys panics.
    static ARMED: Cell<bool> = const { Cell::new(false) };
}

/// A key whose comparison may panic.
#[derive(Debug)]
struct Key(u32);

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        if ARMED.get() {
            burst();
        }
        self.0 == other.0
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

/// Counts that it was dropped, and panics if it is a bomb.
struct Value<'a> {
    dropped: &'a Cell<u32>,
    bomb: bool,
}

impl Drop for Value<'_> {
    fn drop(&mut self) {
        self.dropped.set(self.dropped.get() + 1);
        if self.bomb && !std::thread::panicking() {
            burst();
        }
    }
}

#[test]
fn a_comparison_that_panics_changes_nothing() {
    with_pool(8, |pool| {
        let slabs = Slabs::new(pool, "map");
        let mut map = RegionMap::new(&slabs, Secret(1));
        (0..50).for_each(|key| assert!(map.insert_until(Key(key), key, key.into()).is_ok()));
        ARMED.set(true);
        bursts(|| map.insert(Key(7), 0));
        bursts(|| map.remove(&Key(8)));
        bursts(|| map.get(&Key(9)).copied());
        ARMED.set(false);
        assert_eq!(map.len(), 50);
        assert!((0..50).all(|key| map.get(&Key(key)) == Some(&key)));
        assert_eq!(map.expire(49), 50);
    });
}

#[test]
fn destructors_run_once_even_if_one_panics() {
    let dropped = Cell::new(0);
    let value = |key: u32| Value { dropped: &dropped, bomb: key == 10 };
    with_pool(8, |pool| {
        let slabs = Slabs::new(pool, "map");
        let mut map = RegionMap::new(&slabs, Secret(2));
        let fill = |map: &mut RegionMap<'_, _, _, _>| {
            (0..50).for_each(|key| assert!(map.insert_until(key, value(key), key.into()).is_ok()));
        };
        fill(&mut map);
        bursts(|| map.clear());
        assert_eq!((dropped.replace(0), map.len(), slabs.pages()), (50, 0, 0));
        fill(&mut map);
        bursts(|| map.expire(30));
        // The rest is as it was.
        assert_eq!((dropped.replace(0), map.len(), map.next_deadline()), (11, 39, Some(11)));
        assert_eq!(map.expire(30), 20);
        bursts(|| map.insert(10, value(10)).map(|_| map.remove(&10).map(drop)));
        assert_eq!((dropped.replace(0), map.len()), (21, 19));
        assert!(map.insert(10, value(10)).is_ok());
        bursts(move || drop(map));
        assert_eq!((dropped.get(), slabs.pages()), (20, 0));
    });
}

#[test]
fn a_destructor_that_panics_while_room_is_made_costs_that_insertion() {
    let dropped = Cell::new(0);
    with_pool(8, |pool| {
        let slabs = Slabs::new(pool, "map").with_cap(2 * PAGE_SIZE);
        let mut map = RegionMap::new(&slabs, Secret(3)).with_eviction(Eviction::LeastRecentlyUsed);
        let bomb = |bomb| Value { dropped: &dropped, bomb };
        assert!(map.insert(0, bomb(true)).is_ok());
        let mut key = 0;
        bursts(|| {
            loop {
                key += 1;
                assert!(map.insert(key, bomb(false)).is_ok());
            }
        });
        // The evicted one and the one that was to go in.
        assert_eq!(dropped.get(), 2);
        assert_eq!(map.len(), key - 1);
        assert!((1..key).all(|key| map.peek(&key).is_some()) && map.peek(&key).is_none());
        assert!(map.insert(key, bomb(false)).is_ok());
    });
}
