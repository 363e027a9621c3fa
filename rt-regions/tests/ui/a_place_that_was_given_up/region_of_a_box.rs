use rt_regions::{Exhausted, Pool, Region, RegionBox};

fn append(pool: &Pool<'_>) -> Result<u64, Exhausted> {
    let region = Region::new(pool, "r");
    let boxed = RegionBox::new(region, 3)?;
    Ok(*boxed + *region.alloc(4)?)
}

fn main() {
    let _ = append;
}
