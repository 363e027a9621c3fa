//! What a user of a map relies on; and the map against those of `std`, with random operations.

mod common;
#[path = "map/model.rs"]
mod model;
#[path = "common/panics.rs"]
mod panics;
#[path = "map/unwinding.rs"]
mod unwinding;

use std::hash::{BuildHasher, Hasher};

use common::{rounds, with_pool};
use rt_regions::{Eviction, Limit, PAGE_SIZE, RegionMap, Slabs};
use siphasher::sip::SipHasher13;

/// SipHash-1-3 with this secret.
#[derive(Clone, Copy)]
struct Secret(u64);

impl BuildHasher for Secret {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.0, 7)
    }
}

/// Says the same of all keys.
#[derive(Clone, Copy, Default)]
struct Constant;

impl Hasher for Constant {
    fn finish(&self) -> u64 {
        5
    }

    fn write(&mut self, _: &[u8]) {}
}

impl BuildHasher for Constant {
    type Hasher = Self;

    fn build_hasher(&self) -> Self {
        Self
    }
}

#[test]
fn values_of_one_byte_take_at_most_40_pages() {
    with_pool(64, |pool| {
        let slabs = Slabs::new(pool, "map");
        let mut numbers = RegionMap::new(&slabs, Secret(1));
        let count = rounds(1024, 80) as u32;
        for key in 0..count {
            assert_eq!(numbers.insert(key, key as u8).unwrap(), None);
        }
        assert_eq!(slabs.pages(), rounds(11, 3));
        numbers.clear();
        assert_eq!(slabs.pages(), 0);

        let mut bytes = RegionMap::new(&slabs, Secret(1));
        for key in 0..count {
            bytes.insert_bytes(&key.to_be_bytes(), &[key as u8], Some(key.into())).unwrap();
        }
        assert!(slabs.pages() <= 40, "{} pages", slabs.pages());
        let removed = |key: u32| bytes.remove(&key.to_be_bytes()[..]).map(|value| value[0]);
        assert!((0..count).map(removed).eq((0..count).map(|key| Some(key as u8))));
        assert_eq!(slabs.pages(), 0);
    });
}

#[test]
fn with_no_eviction_an_insertion_fails_and_the_map_stays() {
    with_pool(32, |pool| {
        let slabs = Slabs::new(pool, "map").with_cap(rounds(12, 3) * PAGE_SIZE);
        let mut map = RegionMap::new(&slabs, Secret(2));
        let refused = (0_u64..).find_map(|key| map.insert(key, key * 3).err()).unwrap();
        assert_eq!((refused.region, refused.limit), ("map", Limit::Cap));
        let count = map.len() as u64;
        assert!(count > 50 && (0..count).all(|key| map.get(&key) == Some(&(key * 3))));
        // A value can be replaced, and what goes makes room.
        assert_eq!(map.insert(3, 0), Ok(Some(9)));
        assert!(map.insert(count, 0).is_err());
        for key in 0..count / 2 {
            assert!(map.remove(&key).is_some());
        }
        assert_eq!(map.insert(count, 1), Ok(None));
        assert_eq!(map.len() as u64, count - count / 2 + 1);
    });
}

#[test]
fn the_least_recently_used_entry_goes_first() {
    with_pool(32, |pool| {
        let slabs = Slabs::new(pool, "map").with_cap(3 * PAGE_SIZE);
        let mut map = RegionMap::new(&slabs, Secret(3)).with_eviction(Eviction::LeastRecentlyUsed);
        for key in 0..rounds(5000, 250) as u64 {
            map.insert(key, key).unwrap();
            // Is used, so it stays; looking without using does not make it stay.
            assert_eq!(map.get(&0), Some(&0));
            map.peek(&1);
        }
        assert!(map.get(&0).is_some() && map.peek(&1).is_none());
        assert!(map.len() > 50 && slabs.pages() <= 3);
        assert_eq!(map.get_mut(&0).copied(), Some(0));
        let oldest = map.iter().map(|(key, _)| *key).filter(|key| *key != 0).min();
        assert_eq!(map.pop_least_recent().map(|(key, _)| key), oldest);
    });
}

#[test]
fn what_is_larger_than_the_cap_evicts_nothing() {
    with_pool(32, |pool| {
        let slabs = Slabs::new(pool, "map").with_cap(6 * PAGE_SIZE);
        let mut map = RegionMap::new(&slabs, Secret(3)).with_eviction(Eviction::LeastRecentlyUsed);
        (0..40_u8).for_each(|key| map.insert_bytes(&[key], &[key; 9], None).unwrap());
        let refused = map.insert_bytes(b"key", &[0; 7 * PAGE_SIZE], None).unwrap_err();
        assert_eq!((refused.limit, map.len()), (Limit::Cap, 40));
        map.insert_bytes(b"key", &[1; 2 * PAGE_SIZE], None).unwrap();
        assert_eq!(map.get(&b"key"[..]).map(|value| value.len()), Some(2 * PAGE_SIZE));
    });
}

#[test]
fn entries_expire_in_the_order_of_their_deadlines() {
    with_pool(64, |pool| {
        let slabs = Slabs::new(pool, "map");
        let mut map = RegionMap::new(&slabs, Secret(4));
        let count = rounds(2000, 60) as u64;
        // 7 and the count have no factor in common: each deadline once.
        for key in 0..count {
            map.insert_until(key, (), key * 7 % count).unwrap();
        }
        assert_eq!(map.next_deadline(), Some(0));
        assert_eq!(map.deadline(&1), Some(7));
        // A later deadline, an earlier one, none.
        map.insert_until(0, (), count + 5).unwrap();
        map.insert(1, ()).unwrap();
        assert_eq!((map.next_deadline(), map.deadline(&1)), (Some(1), None));
        assert_eq!(map.expire(10), 9);
        for due in 11..count {
            let (key, ()) = map.pop_due(count - 1).unwrap();
            assert_eq!(key * 7 % count, due);
        }
        assert_eq!((map.pop_due(count + 4), map.next_deadline()), (None, Some(count + 5)));
        assert_eq!((map.expire(u64::MAX), map.len()), (1, 1));
    });
}

#[test]
fn a_hasher_that_says_the_same_of_all_keys_makes_it_slow_not_wrong() {
    with_pool(16, |pool| {
        let slabs = Slabs::new(pool, "map");
        let mut map = RegionMap::new(&slabs, Constant);
        (0..60_u8).for_each(|key| assert_eq!(map.insert(key, key), Ok(None)));
        assert!((0..60).step_by(2).all(|key| map.remove(&key) == Some(key)));
        assert!((0..60).all(|key| map.get(&key).is_some() == (key % 2 == 1)));
        assert_eq!(map.iter().len(), 30);
    });
}

/// Every allocation of an insertion is refused once: the map says so and stays whole, or has evicted.
#[cfg(feature = "faults")]
#[test]
fn any_refusal_costs_one_insertion() {
    for eviction in [Eviction::Nothing, Eviction::LeastRecentlyUsed] {
        with_pool(128, |pool| {
            let slabs = Slabs::new(pool, "map");
            let mut map = RegionMap::new(&slabs, Secret(5)).with_eviction(eviction);
            let mut refused = 0;
            for key in 0..rounds(3000, 80) as u32 {
                let (text, before) = (key.to_be_bytes(), map.len());
                let value = &[key as u8; 300][..key as usize % 300];
                pool.refuse(1 + key as usize % 3);
                match map.insert_bytes(&text, value, Some(key.into())) {
                    Ok(()) => {
                        let found = map.get(&text[..]).map(|value| value.len());
                        assert_eq!(found, Some(value.len()));
                    }
                    Err(error) => {
                        refused += 1;
                        assert_eq!((error.limit, map.peek(&text[..])), (Limit::Pool, None));
                        // With something to evict, one refusal is not the end.
                        assert!(before == 0 || eviction == Eviction::Nothing);
                        assert_eq!(map.len(), before);
                    }
                }
                pool.refuse(0);
            }
            let found = map.iter().filter(|(key, value)| map.peek(&key[..]) == Some(*value));
            assert_eq!(found.count(), map.len());
            assert!(refused > 0, "{eviction:?}");
        });
    }
}
