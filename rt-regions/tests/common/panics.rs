//! Panics as planned, and values that tell that they were dropped.

#![allow(dead_code, reason = "not all of these tests need all of it")]

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    rc::Rc,
    thread::panicking,
};

/// Counts that it was dropped.
pub(crate) struct Dud(pub(crate) Rc<Cell<u32>>);

impl Drop for Dud {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

/// Panics when it is dropped, unless there is a panic already.
pub(crate) struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !panicking() {
            burst();
        }
    }
}

/// Panics, without a message that somebody might look into.
pub(crate) fn burst() -> ! {
    resume_unwind(Box::new("planned"))
}

/// Calls `work`, which panics as planned.
pub(crate) fn bursts<R>(work: impl FnOnce() -> R) {
    let payload = catch_unwind(AssertUnwindSafe(work)).map(drop).unwrap_err();
    assert_eq!(payload.downcast_ref(), Some(&"planned"), "another panic");
}
