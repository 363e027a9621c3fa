use rt_regions::{Exhausted, Pool, Region, RegionVec};

fn words(region: &Region<'_>) -> Result<usize, Exhausted> {
    let mut words = RegionVec::new(region);
    words.push(String::from("a vector drops what it owns"))?;
    Ok(words.len())
}

fn main() {
    let mut memory = vec![std::mem::MaybeUninit::uninit(); 64 << 10];
    let pool = Pool::new(&mut memory);
    assert_eq!(words(&Region::new(&pool, "r")), Ok(1));
}
