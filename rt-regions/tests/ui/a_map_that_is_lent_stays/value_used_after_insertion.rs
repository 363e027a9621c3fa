use std::hash::RandomState;

use rt_regions::{Pool, RegionMap, Slabs};

fn main() {
    let mut memory = Box::new_uninit_slice(64 << 10);
    let pool = Pool::new(&mut memory);
    let slabs = Slabs::new(&pool, "map");
    let mut map = RegionMap::new(&slabs, RandomState::new());
    assert!(map.insert(1, 1).is_ok());
    let value = map.get(&1);
    assert!(map.insert(2, 2).is_ok());
    assert!(value.is_some());
}
