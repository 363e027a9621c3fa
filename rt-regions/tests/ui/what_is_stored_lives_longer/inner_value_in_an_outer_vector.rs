use rt_regions::{Exhausted, Region, RegionVec};

fn push<'r>(vec: &mut RegionVec<'r, &'r u64>, outer: &'r Region<'_>) -> Result<(), Exhausted> {
    let inner = outer.child("inner");
    vec.push(inner.alloc(7)?)
}

fn main() {
    let _ = push;
}
