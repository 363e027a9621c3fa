//! Counts the work of a receiver in tests, which check that no peer can make it more than it should be.

#[cfg(test)]
std::thread_local! {
    static DONE: core::cell::Cell<u64> = const { core::cell::Cell::new(0) };
}

/// So many bytes are written, moved or compared.
#[inline(always)]
pub(super) fn count(bytes: usize) {
    #[cfg(test)]
    DONE.set(DONE.get() + bytes as u64);
    #[cfg(not(test))]
    let _ = bytes;
}

/// What was counted since the last call.
#[cfg(test)]
pub(super) fn take() -> u64 {
    DONE.take()
}
