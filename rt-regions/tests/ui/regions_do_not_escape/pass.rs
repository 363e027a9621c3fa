use rt_regions::{Pool, Region};

fn sum(pool: &Pool<'_>) -> u64 {
    let region = Region::new(pool, "r");
    region.alloc(7).map_or(0, |number| *number)
}

fn main() {
    let mut memory = vec![std::mem::MaybeUninit::uninit(); 64 << 10];
    assert_eq!(sum(&Pool::new(&mut memory)), 7);
}
