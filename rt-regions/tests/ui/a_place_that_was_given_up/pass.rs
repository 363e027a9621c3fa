use rt_regions::{Exhausted, Pool, Region, RegionBox};

fn boxed<'p>(pool: &'p Pool<'p>) -> Result<RegionBox<'p, u64>, Exhausted> {
    let region = Region::new(pool, "r");
    let copy = *region.alloc(3)?;
    let mut boxed = RegionBox::new(region, copy)?;
    *boxed += 4;
    Ok(boxed)
}

fn main() {
    let mut memory = vec![std::mem::MaybeUninit::uninit(); 64 << 10];
    let pool = Pool::new(&mut memory);
    assert_eq!(*boxed(&pool).unwrap(), 7);
}
