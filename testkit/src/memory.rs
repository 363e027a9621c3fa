//! Memory for a test.

use std::mem::MaybeUninit;

use rt_regions::{Pool, Region};

/// Runs `test` with a pool of `pages` pages, and checks afterwards that they have all come back.
///
/// # Panics
/// If a page is still in use.
pub fn with_pool<R>(pages: usize, test: impl FnOnce(&Pool<'_>) -> R) -> R {
    // One page more, for the bookkeeping and for the alignment.
    let mut memory =
        vec![MaybeUninit::uninit(); (pages + 1 + pages / 256 + 1) * rt_regions::PAGE_SIZE];
    let pool = Pool::new(&mut memory);
    assert!(pool.pages() >= pages, "{} pages are too few", pool.pages());
    let result = test(&pool);
    assert_eq!(pool.free_pages(), pool.pages(), "pages were left behind");
    result
}

/// The region of a program, on a pool of `pages` pages. Both live for ever, as those of a program do: what tasks need.
/// The memory is never given back, so a test that calls this often uses small pools.
///
/// # Panics
/// There is no memory.
pub fn program_memory(pages: usize) -> &'static Region<'static> {
    let bytes = (pages + 1 + pages / 256 + 1) * rt_regions::PAGE_SIZE;
    let pool: &'static Pool<'static> =
        Box::leak(Box::new(Pool::new(Box::leak(Box::new_uninit_slice(bytes)))));
    assert!(pool.pages() >= pages, "{} pages are too few", pool.pages());
    Box::leak(Box::new(Region::new(pool, "global")))
}
