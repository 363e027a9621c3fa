use rt_regions::{Pool, Region};

struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {}
}

fn main() {
    let mut memory = vec![std::mem::MaybeUninit::uninit(); 64 << 10];
    let pool = Pool::new(&mut memory);
    let _ = Region::new(&pool, "r").alloc(Guard).is_ok();
}
