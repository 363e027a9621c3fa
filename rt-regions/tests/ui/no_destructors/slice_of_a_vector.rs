use rt_regions::{Pool, Region, RegionVec};

struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {}
}

fn main() {
    let mut memory = vec![std::mem::MaybeUninit::uninit(); 64 << 10];
    let pool = Pool::new(&mut memory);
    let region = Region::new(&pool, "r");
    let _ = RegionVec::<Guard>::new(&region).into_slice();
}
