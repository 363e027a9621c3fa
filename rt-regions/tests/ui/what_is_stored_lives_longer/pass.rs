use rt_regions::{Exhausted, List, Pool, Region};

fn first<'r>(outer: &'r Region<'_>, inner: &'r Region<'_>) -> Result<u64, Exhausted> {
    let list = List::EMPTY.before(outer.alloc(7)?, inner)?;
    Ok(list.iter().map(|number| **number).sum())
}

fn main() {
    let mut memory = vec![std::mem::MaybeUninit::uninit(); 64 << 10];
    let pool = Pool::new(&mut memory);
    let outer = Region::new(&pool, "outer");
    assert_eq!(first(&outer, &outer.child("inner")), Ok(7));
}
