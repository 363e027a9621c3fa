//! What several of these tests need.

use std::mem::MaybeUninit;

use rt_regions::{PAGE_SIZE, Pool};

/// Runs `test` with a pool of `pages` pages, and checks that they have all come back.
pub(crate) fn with_pool(pages: usize, test: impl FnOnce(&Pool<'_>)) {
    let mut memory = vec![MaybeUninit::uninit(); (pages + 2) * PAGE_SIZE];
    let pool = Pool::new(&mut memory);
    test(&pool);
    assert_eq!(pool.free_pages(), pool.pages(), "pages were left behind");
    assert!(pool.labels().all(|label| label.live() == 0 && label.pages() == 0));
}
