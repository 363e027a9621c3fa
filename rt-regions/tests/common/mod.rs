//! What several of these tests need.

use rt_regions::{PAGE_SIZE, Pool};

/// How often a loop is to run: a few times under Miri, which takes some thousand times as long.
#[allow(dead_code, reason = "not all of these tests have long loops")]
pub(crate) const fn rounds(natively: usize, under_miri: usize) -> usize {
    if cfg!(miri) { under_miri } else { natively }
}

/// Whether all bytes are this one: compared at once, which under Miri is much faster than one by one.
#[allow(dead_code, reason = "not all of these tests look at bytes")]
pub(crate) fn is_full_of(byte: u8, bytes: &[u8]) -> bool {
    *bytes == vec![byte; bytes.len()]
}

/// Runs `test` with a pool of `pages` pages, and checks that they have all come back.
pub(crate) fn with_pool(pages: usize, test: impl FnOnce(&Pool<'_>)) {
    let mut memory = Box::new_uninit_slice((pages + 2) * PAGE_SIZE);
    let pool = Pool::new(&mut memory);
    test(&pool);
    assert_eq!(pool.free_pages(), pool.pages(), "pages were left behind");
    assert!(pool.labels().all(|label| label.live() == 0 && label.pages() == 0));
}
