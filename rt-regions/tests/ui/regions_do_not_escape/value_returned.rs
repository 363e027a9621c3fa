use rt_regions::{Exhausted, Pool, Region};

fn value<'p>(pool: &'p Pool<'p>) -> Result<&'p mut u64, Exhausted> {
    let region = Region::new(pool, "r");
    region.alloc(7)
}

fn main() {
    let _ = value;
}
