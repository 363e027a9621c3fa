//! Memory that is `'static` to who is tested, and is given back all the same when the test is over.

/// Calls `work` with `value`, and drops the value then. If `work` panics it is never dropped.
///
/// # Safety
/// When `work` has returned, nobody uses the value.
pub(crate) unsafe fn lend_as_static<T: ?Sized + 'static, R>(
    value: Box<T>,
    work: impl FnOnce(&'static mut T) -> R,
) -> R {
    let place = Box::into_raw(value);
    // SAFETY: the value is there until it is dropped below, and nobody else has it.
    let result = work(unsafe { &mut *place });
    // SAFETY: it came out of a box, and by the contract nobody uses it any more.
    drop(unsafe { Box::from_raw(place) });
    result
}
