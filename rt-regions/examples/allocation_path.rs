//! What an allocation compiles to: `cargo xtask test` compares its machine code with the profiler
//! compiled in and left out.

use std::mem::MaybeUninit;

use rt_regions::{PAGE_SIZE, Pool, Region};

#[inline(never)]
fn allocation_path(region: &Region<'_>, object: [u64; 4]) -> bool {
    region.alloc(object).is_ok()
}

fn main() {
    let mut memory = vec![MaybeUninit::uninit(); 64 * PAGE_SIZE];
    let pool = Pool::new(&mut memory);
    let region = Region::new(&pool, "r");
    let objects = (0..).take_while(|&number| allocation_path(&region, [number; 4])).count();
    println!("{objects} objects of 32 bytes in {} pages", region.pages());
}
