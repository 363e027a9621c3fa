//! Variables that one processor uses.

/// A variable that only one processor uses: the first. What others read of it, it has written before they start, and nobody
/// writes afterwards.
///
/// INVARIANT: what is inside is only used on a guest, by its first processor, but for reading what stays as it is. The handlers of
/// interrupts use none of them. An exception, which comes in between, ends the guest, and only reads what may be half
/// written. The non-maskable interrupt, after which the guest goes on, only reads what was written before it had a handler.
#[derive(Debug)]
pub(crate) struct OneCpu<T>(pub(crate) T);

// SAFETY: by the invariant there is no second thread that could see it change.
unsafe impl<T> Sync for OneCpu<T> {}
