use std::mem::MaybeUninit;

use rt_regions::{Page, Pool};

fn page<'m>(memory: &'m mut [MaybeUninit<u8>]) -> Page<'m> {
    let pool = Pool::new(memory);
    pool.page("device").unwrap()
}

fn main() {
    let _ = page;
}
