//! Collections in regions and in blocks use no heap, even when they run out (feature `allocator-api2`).

#![cfg(feature = "allocator-api2")]

mod common;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    hash::{BuildHasherDefault, DefaultHasher},
};

use allocator_api2::{alloc::Allocator, vec::Vec};
use common::{rounds, with_pool};
use hashbrown::HashMap;
use rt_regions::{Eviction, NoHeap, PAGE_SIZE, Region, RegionMap, Slabs};

thread_local! {
    /// Whether this thread has a heap.
    static HEAP: Cell<bool> = const { Cell::new(true) };
}

struct Switched;

#[global_allocator]
static GLOBAL: Switched = Switched;

// SAFETY: each block is of the system's allocator, and goes back there.
unsafe impl GlobalAlloc for Switched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if HEAP.get() {
            // SAFETY: the caller keeps the rules of this function.
            unsafe { System.alloc(layout) }
        } else {
            // SAFETY: the caller keeps the rules of this function.
            unsafe { NoHeap.alloc(layout) }
        }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: the block is of the system's allocator: the other one has none.
        unsafe { System.dealloc(place, layout) };
    }
}

type Hasher = BuildHasherDefault<DefaultHasher>;

/// Does `work` without a heap: an allocation in it ends the test.
fn without_heap<R>(work: impl FnOnce() -> R) -> R {
    HEAP.set(false);
    let result = work();
    HEAP.set(true);
    result
}

/// How many entries a map and how many elements a vector has that grow until there is no room.
fn fill(allocator: impl Allocator + Copy) -> (usize, usize) {
    let mut map = HashMap::with_hasher_in(Hasher::default(), allocator);
    while map.try_reserve(1).is_ok() {
        map.insert(map.len(), 1);
    }
    let entries = map.len();
    drop(map);
    let mut elements = Vec::new_in(allocator);
    while elements.try_reserve(1).is_ok() {
        elements.push(7_u8);
    }
    (entries, elements.len())
}

#[test]
fn there_is_no_heap_when_there_is_none() {
    let refused = without_heap(|| std::vec::Vec::<u8>::new().try_reserve(1).is_err());
    assert!(refused);
}

#[test]
fn collections_of_others_use_no_heap() {
    with_pool(64, |pool| {
        let cap = rounds(16, 3) * PAGE_SIZE;
        let region = Region::new(pool, "region").with_cap(cap);
        let slabs = Slabs::new(pool, "slabs").with_cap(cap);
        let [in_region, in_slabs] = without_heap(|| [fill(&region), fill(&slabs)]);
        assert!(in_region.0 > 50 && in_slabs.0 > 50 && in_slabs.1 > cap / 4);
    });
}

#[test]
fn a_map_of_ours_uses_no_heap() {
    with_pool(64, |pool| {
        let slabs = Slabs::new(pool, "slabs").with_cap(rounds(16, 6) * PAGE_SIZE);
        let mut map = RegionMap::new(&slabs, Hasher::default());
        let refused = without_heap(|| {
            (0_u32..).find_map(|key| map.insert_bytes(&key.to_be_bytes(), &[7; 30], None).err())
        });
        assert!(refused.is_some() && map.len() > 50);
        let count = map.len() as u32;
        let mut map = map.with_eviction(Eviction::LeastRecentlyUsed);
        without_heap(|| map.insert_bytes(&count.to_be_bytes(), &[7; 3000], Some(1))).unwrap();
        assert_eq!(without_heap(|| map.expire(1)), 1);
    });
}
