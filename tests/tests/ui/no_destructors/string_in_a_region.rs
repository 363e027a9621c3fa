use rt_regions::{Pool, Region};

fn main() {
    let mut memory = vec![std::mem::MaybeUninit::uninit(); 64 << 10];
    let pool = Pool::new(&mut memory);
    let _ = Region::new(&pool, "r").alloc(String::from("text")).is_ok();
}
