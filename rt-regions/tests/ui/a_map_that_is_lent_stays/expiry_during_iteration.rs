use std::hash::RandomState;

use rt_regions::{Pool, RegionMap, Slabs};

fn main() {
    let mut memory = Box::new_uninit_slice(64 << 10);
    let pool = Pool::new(&mut memory);
    let slabs = Slabs::new(&pool, "map");
    let mut map = RegionMap::new(&slabs, RandomState::new());
    assert!(map.insert(1, 1).is_ok());
    for (key, _) in &map {
        map.expire(*key);
    }
}
