use rt_regions::{Exhausted, Pool, Region};

fn twice(region: &mut Region<'_>) -> Result<u64, Exhausted> {
    let first = *region.alloc(3)?;
    region.reset();
    Ok(first + *region.alloc(4)?)
}

fn main() {
    let mut memory = vec![std::mem::MaybeUninit::uninit(); 64 << 10];
    let pool = Pool::new(&mut memory);
    assert_eq!(twice(&mut Region::new(&pool, "r")), Ok(7));
}
