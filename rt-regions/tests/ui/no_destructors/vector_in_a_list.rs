use rt_regions::{List, Pool, Region, RegionVec};

fn main() {
    let mut memory = vec![std::mem::MaybeUninit::uninit(); 64 << 10];
    let pool = Pool::new(&mut memory);
    let region = Region::new(&pool, "r");
    let _ = List::EMPTY.before(RegionVec::<u8>::new(&region), &region).is_ok();
}
