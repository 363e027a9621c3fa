//! Collections of other crates in a region (feature `allocator-api2`).

#![cfg(feature = "allocator-api2")]

mod common;

use common::{rounds, with_pool};
use hashbrown::HashMap;
use rt_regions::{PAGE_SIZE, Region};

#[test]
fn a_hash_map_lives_in_a_region() {
    let count = rounds(5000, 60) as u32;
    with_pool(256, |pool| {
        for _ in 0..rounds(10, 2) {
            let region = Region::new(pool, "map");
            let mut map = HashMap::with_hasher_in(std::hash::RandomState::new(), &region);
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
        let mut map = HashMap::with_hasher_in(std::hash::RandomState::new(), &region);
        let mut inserted = 0u64;
        while map.try_reserve(1).is_ok() {
            map.insert(inserted, inserted);
            inserted += 1;
        }
        assert!(inserted > 50 && (0..inserted).all(|key| map[&key] == key));
    });
}
