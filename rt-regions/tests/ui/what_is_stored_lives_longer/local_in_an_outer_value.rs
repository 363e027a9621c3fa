use rt_regions::{Exhausted, Region};

fn store<'r>(region: &'r Region<'_>) -> Result<&'r mut &'r u64, Exhausted> {
    let place: &'r mut &'r u64 = region.alloc(&7)?;
    let local = 8;
    *place = &local;
    Ok(place)
}

fn main() {
    let _ = store;
}
