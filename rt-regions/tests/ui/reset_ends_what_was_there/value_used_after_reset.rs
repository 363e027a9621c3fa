use rt_regions::{Exhausted, Region};

fn value(region: &mut Region<'_>) -> Result<u64, Exhausted> {
    let value = region.alloc(7)?;
    region.reset();
    Ok(*value)
}

fn main() {
    let _ = value;
}
