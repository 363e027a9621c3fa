use rt_regions::{Exhausted, Region, RegionVec};

fn push(region: &mut Region<'_>) -> Result<(), Exhausted> {
    let mut vec = RegionVec::new(region);
    region.reset();
    vec.push(7)
}

fn main() {
    let _ = push;
}
