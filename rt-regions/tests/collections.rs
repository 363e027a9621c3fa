//! Collections of other crates in a region (feature `allocator-api2`).

#![cfg(feature = "allocator-api2")]

mod common;

use std::hash::RandomState;

use common::{rounds, with_pool};
use hashbrown::HashMap;
use rt_regions::{PAGE_SIZE, Region, SlabBox, Slabs};

#[test]
fn a_hash_map_lives_in_a_region() {
    let count = rounds(5000, 60) as u32;
    with_pool(256, |pool| {
        for _ in 0..rounds(10, 2) {
            let region = Region::new(pool, "map");
            let mut map = HashMap::with_hasher_in(RandomState::new(), &region);
            for number in 0..count {
                map.insert(number, u64::from(number) * 3);
            }
            (0..count).step_by(2).for_each(|number| assert!(map.remove(&number).is_some()));
            assert!((0..count).all(|number| map.get(&number).is_some() == (number % 2 == 1)));
            assert!(region.pages() > rounds(30, 0));
        }
    });
}

#[test]
fn a_map_that_finds_no_room_says_so_and_stays() {
    with_pool(64, |pool| {
        let region = Region::new(pool, "map").with_cap(rounds(8, 1) * PAGE_SIZE);
        let mut map = HashMap::with_hasher_in(RandomState::new(), &region);
        let mut inserted = 0u64;
        while map.try_reserve(1).is_ok() {
            map.insert(inserted, inserted);
            inserted += 1;
        }
        assert!(inserted > 50 && (0..inserted).all(|key| map[&key] == key));
    });
}

/// How a service keeps a map of hashbrown's: `try_reserve` before each insertion, and an error is the error of one
/// request. What the map gives back when it grows is of use to others.
#[test]
fn a_hash_map_in_slabs_gives_back_what_it_grew_out_of() {
    fn remember<'s>(
        map: &mut HashMap<u64, SlabBox<'s, [u8]>, RandomState, &'s Slabs<'s>>,
        slabs: &'s Slabs<'s>,
        key: u64,
    ) -> Result<(), &'static str> {
        map.try_reserve(1).map_err(|_| "the table has no room")?;
        let value = slabs.alloc_slice(&key.to_be_bytes()).map_err(|_| "the value has no room")?;
        map.insert(key, value);
        Ok(())
    }

    with_pool(64, |pool| {
        let slabs = Slabs::new(pool, "map").with_cap(rounds(24, 4) * PAGE_SIZE);
        let mut map = HashMap::with_hasher_in(RandomState::new(), &slabs);
        let error = (0..).find_map(|key| remember(&mut map, &slabs, key).err());
        assert!(error.is_some());
        let count = map.len() as u64;
        assert!(count > 50 && (0..count).all(|key| *map[&key] == key.to_be_bytes()));
        // The map is as it was, and what goes makes room for the next request.
        let held = slabs.pages();
        (0..count - 10).for_each(|key| drop(map.remove(&key)));
        assert!(slabs.pages() < held || cfg!(miri));
        assert_eq!(remember(&mut map, &slabs, count), Ok(()));
        drop(map);
        assert_eq!(slabs.pages(), 0);
    });
}
