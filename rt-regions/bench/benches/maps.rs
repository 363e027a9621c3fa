//! `RegionMap` and the map of `std` side by side, both with SipHash-1-3, and a block beside `Box`. Prints the table of
//! the README.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    hint::black_box,
    time::Instant,
};

use rt_regions::{Eviction, Pool, RegionMap, Slabs};
use siphasher::sip::SipHasher13;

/// Room for a map of the most entries.
const MEMORY: usize = 4 << 20;

const COUNTS: [u64; 2] = [1000, 10_000];

/// A secret of 16 bytes.
struct Secret([u8; 16]);

impl BuildHasher for Secret {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_key(&self.0)
    }
}

/// The keys, in an order that is none.
fn keys(count: u64) -> impl Iterator<Item = u64> {
    (0..count).map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// Nanoseconds for each of `count` calls.
fn time(count: u64, calls: impl FnOnce()) -> f64 {
    let begin = Instant::now();
    calls();
    begin.elapsed().as_nanos() as f64 / count as f64
}

/// The best times of inserting, getting and removing so many entries, one by one, in as many rounds.
fn best(rounds: u32, mut round: impl FnMut() -> [f64; 3]) -> [f64; 3] {
    (0..rounds).fold([f64::MAX; 3], |best, _| {
        let times = round();
        std::array::from_fn(|i| times[i].min(best[i]))
    })
}

/// A round with a map, by what inserts, gets and removes a key.
fn round<M>(
    count: u64,
    map: &mut M,
    insert: impl Fn(&mut M, u64),
    get: impl Fn(&M, u64) -> bool,
    remove: impl Fn(&mut M, u64) -> bool,
) -> [f64; 3] {
    [
        time(count, || keys(count).for_each(|key| insert(map, key))),
        time(count, || keys(count).for_each(|key| assert!(get(black_box(map), key)))),
        time(count, || keys(count).for_each(|key| assert!(remove(map, key)))),
    ]
}

fn print(name: &str, times: [f64; 3]) {
    println!("| {name} | {} |", times.map(|time| format!("{time:.0}")).join(" | "));
}

fn main() {
    // `cargo test` runs every benchmark once.
    let rounds = if std::env::args().any(|argument| argument == "--bench") { 30 } else { 1 };
    let mut memory = Box::new_uninit_slice(MEMORY);
    memory.fill(std::mem::MaybeUninit::new(0));
    let pool = Pool::new(&mut memory);
    let slabs = Slabs::new(&pool, "map");
    println!("| ns for an entry of 8 + 8 bytes | insert | get | remove |\n|---|---|---|---|");
    for count in COUNTS {
        let std = best(rounds, || {
            let mut map = HashMap::with_hasher(RandomState::new());
            round(
                count,
                &mut map,
                |map, key| assert!(map.insert(key, key).is_none()),
                |map, key| map.get(&key) == Some(&key),
                |map, key| map.remove(&key).is_some(),
            )
        });
        print(&format!("std::collections::HashMap, {count} entries"), std);
        for eviction in [Eviction::Nothing, Eviction::LeastRecentlyUsed] {
            let times = best(rounds, || {
                let mut map = RegionMap::new(&slabs, Secret([7; 16])).with_eviction(eviction);
                round(
                    count,
                    &mut map,
                    |map, key| assert_eq!(map.insert(key, key), Ok(None)),
                    |map, key| map.get(&key) == Some(&key),
                    |map, key| map.remove(&key).is_some(),
                )
            });
            print(&format!("RegionMap, {eviction:?}, {count} entries"), times);
        }
    }
    let mut blocks = [f64::MAX; 2];
    for _ in 0..rounds {
        let count = 100_000;
        let slab = || (0..count).for_each(|i| drop(black_box(slabs.alloc([i; 4]))));
        let boxed = || (0..count).for_each(|i| drop(black_box(Box::new([i; 4]))));
        let _kept = slabs.alloc([0_u64; 4]);
        blocks = [blocks[0].min(time(count, slab)), blocks[1].min(time(count, boxed))];
    }
    println!(
        "\nA block of 32 bytes, taken and given back: {:.1} ns; `Box`: {:.1} ns.",
        blocks[0], blocks[1]
    );
}
