use rt_regions::{Exhausted, Pool, Region, RegionBox};

fn append(pool: &Pool<'_>) -> Result<u64, Exhausted> {
    let region = Region::new(pool, "r");
    let value = region.alloc(4)?;
    let boxed = RegionBox::new(region, 3)?;
    Ok(*boxed + *value)
}

fn main() {
    let _ = append;
}
