//! Variables of a guest with one processor.

/// A variable that only one processor uses.
///
/// INVARIANT: what is inside is only used on a guest, which has one virtual processor. The handlers of
/// interrupts use none of them. An exception, which comes in between, ends the guest, and only reads what may be half
/// written. The non-maskable interrupt, after which the guest goes on, only reads what was written before it had a handler.
#[derive(Debug)]
pub(crate) struct OneCpu<T>(pub(crate) T);

// SAFETY: by the invariant there is no second thread that could share it.
unsafe impl<T> Sync for OneCpu<T> {}
