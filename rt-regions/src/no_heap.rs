//! The global allocator of a program that has no heap (feature `allocator-api2`).

use core::{
    alloc::{GlobalAlloc, Layout},
    ptr::null_mut,
};

/// A global allocator that has no memory: for programs without `std` and without a heap, such as guests, that use
/// a collection of another crate in a region or in [`Slabs`](crate::Slabs).
///
/// Such crates are linked with the crate `alloc`, which asks for a global allocator, even where every collection has an
/// allocator of its own. This one is never asked as long as each has. What does ask for it, a `Box` or a collection
/// without an allocator, gets nothing and panics: that is noticed when the program runs, not when it is linked.
///
/// ```no_run,standalone_crate
/// # mod guest {
/// #[global_allocator]
/// static HEAP: rt_regions::NoHeap = rt_regions::NoHeap;
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHeap;

// SAFETY: null is what is returned when there is no memory.
unsafe impl GlobalAlloc for NoHeap {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        null_mut()
    }

    /// Nothing was ever allocated, so nothing is given back.
    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}
