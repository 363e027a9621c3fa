//! What the tests of tasks need: a pool whose memory is `'static`, and something to wait for.

#[path = "lend.rs"]
mod lend;

use std::{future::poll_fn, mem, task::Poll};

use rt_regions::{PAGE_SIZE, Polled, Pool};

pub(crate) use lend::lend_as_static;

/// Runs `test` with a pool of `pages` pages, and checks that they have all come back.
pub(crate) fn with_pool(pages: usize, test: impl FnOnce(&'static Pool<'static>)) {
    let memory = Box::new_uninit_slice((pages + 2) * PAGE_SIZE);
    let use_memory = |memory: &'static mut _| {
        let use_pool = |pool: &'static mut Pool<'static>| {
            let pool = &*pool;
            test(pool);
            assert_eq!(pool.free_pages(), pool.pages(), "pages were left behind");
            assert_eq!(pool.open_regions().count(), 0);
        };
        // SAFETY: no region is open, so nobody uses the pool.
        unsafe { lend_as_static(Box::new(Pool::new(memory)), use_pool) };
    };
    // SAFETY: only the pool uses the memory, and it is gone.
    unsafe { lend_as_static(memory, use_memory) };
}

/// Waits for one poll, and is not woken.
pub(crate) async fn wait() {
    let mut waited = false;
    poll_fn(|_| if mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending })
        .await;
}

/// What a poll of a future comes to that waits, and is not woken.
pub(crate) const WAITING: Polled<()> = Polled { result: Poll::Pending, woken: false };
