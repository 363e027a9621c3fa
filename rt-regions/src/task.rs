//! Tasks: a future in a region of its own.

use core::{
    fmt,
    pin::Pin,
    ptr::NonNull,
    task::{Context, Poll},
};

use crate::{Exhausted, Region, wake::Signals};

/// A future in a region of its own, in which it may also allocate. Dropping the task drops the future, also while it
/// waits, and gives all pages of the region back. So `async` needs no heap.
///
/// The future may borrow what lives for `'g`. Its output is a `T`, which cannot borrow from the region: the region
/// ends as soon as the future is done.
///
/// ```
/// use std::{mem::MaybeUninit, task::Poll};
/// use rt_regions::{Exhausted, Pool, Region, RegionVec, Task};
///
/// let memory = vec![MaybeUninit::uninit(); 64 << 10].leak();
/// let pool: &'static Pool<'static> = Box::leak(Box::new(Pool::new(memory)));
///
/// let region = Region::new(pool, "task").with_cap(8 << 10);
/// let mut task = Task::new(region, async |region| {
///     let mut numbers = RegionVec::new(region);
///     for number in 1..=4 {
///         numbers.push(number)?;
///     }
///     Ok::<u32, Exhausted>(numbers.iter().sum())
/// })?;
/// assert_eq!(task.poll_once().result, Poll::Ready(Ok(10)));
/// assert_eq!(pool.free_pages(), pool.pages());
/// # Ok::<(), Exhausted>(())
/// ```
///
/// # Why the region is `'static`
/// The future is pinned. Other values may hold pointers into it that its destructor removes (a list of waiters, for
/// example), so its memory must not be reused before it is dropped: the [drop guarantee](core::pin#drop-guarantee).
/// A task that is forgotten ([`core::mem::forget`]) never drops its future and keeps its pages for ever. That is
/// enough only if the pool keeps its memory for ever too. A region of any other pool does not compile here.
pub struct Task<'g, T = ()> {
    /// The future and its region, until the future is done.
    live: Option<Live<'g, T>>,
    keeps_wakers: bool,
}

/// The outcome of [`Task::poll_once`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Polled<T> {
    /// The answer of the future.
    pub result: Poll<T>,
    /// Whether the waker was woken during the poll, so that the task is to be polled again.
    pub woken: bool,
}

/// A future and its region. The fields are dropped in this order; the region is dropped also when the destructor
/// of the future panics.
struct Live<'g, T> {
    /// INVARIANT: the future lies in the region of `home`.
    future: Placed<'g, T>,
    home: Home,
}

/// A pinned future that lies in a region.
struct Placed<'g, T>(
    /// INVARIANT: points to a future that only this pointer leads to. The future does not move. Its memory is
    /// used for nothing else until the future is dropped, and never if it is not dropped.
    NonNull<dyn Future<Output = T> + 'g>,
);

/// A region that is stored in its own first page, and so has a fixed address while its task is moved.
struct Home(
    /// INVARIANT: points to a region, in memory of that region. Until this is dropped the region is not mutably
    /// borrowed, so it is neither reset nor dropped.
    NonNull<Region<'static>>,
);

impl Home {
    fn new(region: Region<'static>) -> Result<Self, Exhausted> {
        let place = region.allocate_array::<Region<'static>>(1)?;
        // SAFETY: allocated above, aligned, and lent to nobody.
        unsafe { place.write(region) };
        Ok(Self(place))
    }

    fn region(&self) -> &Region<'static> {
        // SAFETY: by the invariant this points to a region that is not mutably borrowed before `self` is
        // dropped, and `self` is borrowed as long as the reference.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // SAFETY: by the invariant this points to a region. It is moved out only here, and this is dropped once.
        // It is moved because its destructor gives back the page that it is stored in.
        drop(unsafe { self.0.read() });
    }
}

impl<'g, T> Placed<'g, T> {
    /// Moves the future that `make` returns into `region`. Its memory is allocated first; if there is none,
    /// `make` is not called.
    ///
    /// # Safety
    /// The region is neither reset nor dropped before the returned value is dropped.
    unsafe fn new<F: Future<Output = T> + 'g>(
        region: &Region<'static>,
        make: impl FnOnce() -> F,
    ) -> Result<Self, Exhausted> {
        let place = region.allocate_array::<F>(1)?;
        let future = make();
        // SAFETY: allocated above, aligned, and lent to nobody.
        unsafe { place.write(future) };
        // The invariant holds: the memory is the future's until the region is reset or dropped, which by the
        // contract happens after the future is dropped, or never. The pages of a `Region<'static>` that is never
        // dropped are never used again, because its pool has them for `'static`.
        Ok(Self(place))
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<T> {
        // SAFETY: by the invariant this points to a future that only `self`, mutably borrowed, leads to.
        let future = unsafe { self.0.as_mut() };
        // SAFETY: by the invariant it does not move, and its memory is not reused before it is dropped.
        unsafe { Pin::new_unchecked(future) }.poll(context)
    }
}

impl<T> Drop for Placed<'_, T> {
    fn drop(&mut self) {
        // SAFETY: by the invariant this points to a future that nothing else leads to; this is dropped once.
        unsafe { self.0.drop_in_place() };
    }
}

impl<'g, T> Task<'g, T> {
    /// Calls `service` with `region`, and moves the future that it returns into that region. The future runs only
    /// when it is polled. The region holds one page as long as the future, what it allocates, and some 140 bytes
    /// for the region itself fit into it.
    ///
    /// Write an async closure in the call itself. If it is bound by `let` first, its parameter needs a type,
    /// `&Region<'static>`; without it the compiler accepts the closure for one lifetime only.
    ///
    /// # Errors
    /// [`Exhausted`]: there is no room for the future. `service` is dropped and was not called, and the pages of
    /// the region are given back.
    pub fn new<S>(region: Region<'static>, service: S) -> Result<Self, Exhausted>
    where
        S: AsyncFnOnce(&Region<'static>) -> T + 'g,
    {
        let home = Home::new(region)?;
        // SAFETY: by its invariant `home` points to a region that is not mutably borrowed before `home` is
        // dropped, so the reference is valid until then. Only `service` and its future get it. They accept a
        // reference of any lifetime, so nothing of it can be kept elsewhere, and both end before `home`:
        // `service` in the call below, the future in the field of `Live` that is dropped first.
        let lent: &'static Region<'static> = unsafe { home.0.as_ref() };
        // SAFETY: only `home` resets or drops the region, and it is dropped after the future, see `Live`.
        let future = unsafe { Placed::new(lent, move || service(lent)) }?;
        Ok(Self { live: Some(Live { future, home }), keeps_wakers: false })
    }

    /// Polls the future with a waker that needs no heap, and says whether it was woken during the poll. If the
    /// future is done, it is dropped and its pages are given back before this returns.
    ///
    /// The waker records wake-ups during this poll. A clone of it can be woken at any time, on any thread, also
    /// when the task is gone; it increments [`kept_wakes`](crate::kept_wakes).
    ///
    /// # Panics
    /// The task is done, or the future panics. A future that has panicked stays in the region until the task is
    /// dropped.
    pub fn poll_once(&mut self) -> Polled<T> {
        let signals = Signals::default();
        let result =
            signals.lend_waker(|waker| Pin::new(&mut *self).poll(&mut Context::from_waker(waker)));
        self.keeps_wakers |= signals.cloned();
        Polled { result, woken: signals.woken() }
    }

    /// Whether the future has cloned a waker of [`poll_once`](Self::poll_once). If so, it may be woken at any
    /// time, and is to be polled when [`kept_wakes`](crate::kept_wakes) has changed.
    pub fn keeps_wakers(&self) -> bool {
        self.keeps_wakers
    }

    /// Whether the future is done. It is dropped then, and polling the task again panics.
    pub fn is_done(&self) -> bool {
        self.live.is_none()
    }

    /// The region of the future, unless the future is done.
    pub fn region(&self) -> Option<&Region<'static>> {
        self.live.as_ref().map(|live| live.home.region())
    }
}

/// Polls the future with the waker of the caller, for a task that another future awaits.
///
/// # Panics
/// The task is done, or the future panics.
impl<T> Future for Task<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let live = self.live.as_mut().expect("a task was polled after it was done");
        let result = live.future.poll(context);
        if result.is_ready() {
            // Taken first, so that the task is done even if the destructor of the future panics.
            drop(self.live.take());
        }
        result
    }
}

impl<T> fmt::Debug for Task<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("region", &self.region()).finish_non_exhaustive()
    }
}
