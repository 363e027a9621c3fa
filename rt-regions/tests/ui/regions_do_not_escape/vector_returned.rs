use rt_regions::{Pool, Region, RegionVec};

fn vector<'p>(pool: &'p Pool<'p>) -> RegionVec<'p, u8> {
    let region = Region::new(pool, "r");
    RegionVec::new(&region)
}

fn main() {
    let _ = vector;
}
