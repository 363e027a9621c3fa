use rt_regions::{Exhausted, Pool, Region};

fn keep<'r>(region: &'r Region<'_>) -> Result<&'r str, Exhausted> {
    Ok(region.alloc_str("text")?)
}

fn main() {
    let mut memory = vec![std::mem::MaybeUninit::uninit(); 64 << 10];
    let pool = Pool::new(&mut memory);
    assert_eq!(keep(&Region::new(&pool, "r")), Ok("text"));
}
