use rt_regions::{Exhausted, Region, RegionVec};

fn push<'r>(region: &'r Region<'_>) -> Result<&'r mut [u8], Exhausted> {
    let mut vec = RegionVec::new(region);
    let slice = vec.into_slice();
    vec.push(7)?;
    Ok(slice)
}

fn main() {
    let _ = push;
}
