//! Collections of other crates in a region (feature `allocator-api2`).

#![cfg(feature = "allocator-api2")]

use std::mem::MaybeUninit;

use hashbrown::HashMap;
use rt_regions::{PAGE_SIZE, Pool, Region};

#[test]
fn a_hash_map_lives_in_a_region() {
    let mut memory = vec![MaybeUninit::uninit(); 256 * PAGE_SIZE];
    let pool = Pool::new(&mut memory);
    for _ in 0..10 {
        let region = Region::new(&pool, "map");
        let mut map = HashMap::with_hasher_in(std::hash::RandomState::new(), &region);
        for number in 0..5000u32 {
            map.insert(number, u64::from(number) * 3);
        }
        (0..5000).step_by(2).for_each(|number| assert!(map.remove(&number).is_some()));
        assert!((0..5000).all(|number| map.get(&number).is_some() == (number % 2 == 1)));
        assert!(region.pages() > 30);
    }
    assert_eq!(pool.free_pages(), pool.pages());
}

#[test]
fn a_map_that_finds_no_room_says_so_and_stays() {
    let mut memory = vec![MaybeUninit::uninit(); 64 * PAGE_SIZE];
    let pool = Pool::new(&mut memory);
    let region = Region::new(&pool, "map").with_cap(8 * PAGE_SIZE);
    let mut map = HashMap::with_hasher_in(std::hash::RandomState::new(), &region);
    let mut inserted = 0u64;
    while map.try_reserve(1).is_ok() {
        map.insert(inserted, inserted);
        inserted += 1;
    }
    assert!(inserted > 100 && (0..inserted).all(|key| map[&key] == key));
}
