//! Wakers without a heap: one that is lent to a future for the length of a poll, and its clones.
//!
//! A [`Waker`] is `'static` and `Send`, so a clone may outlive its task, the task's region, and the pool. Only
//! the waker that is lent has a pointer, to the stack of the poll. A clone has none: it increments one counter
//! of the whole program, which the executor reads.

use core::{
    ptr,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    task::{RawWaker, RawWakerVTable, Waker},
};

/// How often clones were woken.
static KEPT_WAKES: AtomicUsize = AtomicUsize::new(0);

/// How often the wakers that tasks keep beyond a poll were woken since the program started. The counter is one
/// for all tasks and threads, and wraps.
///
/// When it has changed, any task that [keeps wakers](crate::Task::keeps_wakers) may have been woken, so the
/// executor polls all of them. A waker that is woken after its task is gone increments the counter too.
///
/// A thread that reads the new value also sees what the waking thread wrote before.
pub fn kept_wakes() -> usize {
    KEPT_WAKES.load(Ordering::Acquire)
}

/// What a future did with the waker of one poll. The fields are atomic, because the future may lend the waker
/// to other threads during the poll.
#[derive(Default)]
pub(crate) struct Signals {
    woken: AtomicBool,
    cloned: AtomicBool,
}

/// The functions of the waker of a poll, whose data is a pointer to [`Signals`].
static LENT: RawWakerVTable = RawWakerVTable::new(clone_lent, wake_lent, wake_lent, ignore);

/// The functions of a clone, whose data is a null pointer that they do not use.
static KEPT: RawWakerVTable = RawWakerVTable::new(clone_kept, wake_kept, wake_kept, ignore);

impl Signals {
    /// Calls `work` with a waker that records here how it is used.
    pub(crate) fn lend_waker<R>(&self, work: impl for<'w> FnOnce(&'w Waker) -> R) -> R {
        let lent = RawWaker::new(ptr::from_ref(self).cast(), &LENT);
        // SAFETY: the functions of `LENT` need a pointer to `Signals`. `self` is borrowed until `work` has
        // returned. `work` accepts a reference of any lifetime, so it cannot keep this one; and to own a waker
        // it has to clone, which gives a waker with the functions of `KEPT`. All functions may be called on
        // any thread: `Signals` is `Sync`, and those of `KEPT` use only a static atomic. `wake` by value
        // releases nothing, because a waker owns nothing.
        let waker = unsafe { Waker::from_raw(lent) };
        work(&waker)
    }

    /// Whether the waker was woken during the poll.
    pub(crate) fn woken(&self) -> bool {
        self.woken.load(Ordering::Acquire)
    }

    /// Whether the waker was cloned, and so may be woken after the poll.
    pub(crate) fn cloned(&self) -> bool {
        self.cloned.load(Ordering::Acquire)
    }
}

/// # Safety
/// `signals` points to [`Signals`].
unsafe fn clone_lent(signals: *const ()) -> RawWaker {
    // SAFETY: see above.
    unsafe { &*signals.cast::<Signals>() }.cloned.store(true, Ordering::Release);
    RawWaker::new(ptr::null(), &KEPT)
}

/// # Safety
/// `signals` points to [`Signals`].
unsafe fn wake_lent(signals: *const ()) {
    // SAFETY: see above.
    unsafe { &*signals.cast::<Signals>() }.woken.store(true, Ordering::Release);
}

fn clone_kept(_: *const ()) -> RawWaker {
    RawWaker::new(ptr::null(), &KEPT)
}

fn wake_kept(_: *const ()) {
    KEPT_WAKES.fetch_add(1, Ordering::Release);
}

/// Drops a waker, which owns nothing.
fn ignore(_: *const ()) {}
