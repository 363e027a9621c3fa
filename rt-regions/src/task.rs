//! Tasks: a future with a region of its own.

use core::{
    alloc::Layout,
    fmt,
    pin::Pin,
    ptr::NonNull,
    task::{Context, Poll},
};

use crate::{Exhausted, Region, Slabs, dropping::Defer, wake::Signals};

/// A future with a region of its own, in which it may allocate. The future lies in that region too
/// ([`new`](Self::new)), or in a block of [`Slabs`] ([`new_in`](Self::new_in)). Dropping the task drops the future, also
/// while it waits, and gives back all that it has. So `async` needs no heap.
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
/// A task that is forgotten ([`core::mem::forget`]) never drops its future and keeps its memory for ever. That is
/// enough only if the pool keeps its memory for ever too. A region of any other pool does not compile here.
pub struct Task<'g, T = ()> {
    /// The future and its home, until the future is done.
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

/// A future and its home. The fields are dropped in this order; the home is dropped also when the destructor of the
/// future panics.
struct Live<'g, T> {
    /// INVARIANT: the future lies in the [`Body`] that `home` leads to.
    future: Placed<'g, T>,
    home: Owner,
}

/// What a task has in memory, in one piece.
#[repr(C)]
struct Body<F> {
    home: Home,
    future: F,
}

/// The region of a task, and where it lies. It does not move while the task does.
struct Home {
    region: Region<'static>,
    /// The block that the [`Body`] lies in, as its slabs know it. Otherwise it lies in the region itself.
    block: Option<(&'static Slabs<'static>, Layout)>,
}

/// A pinned future that lies in the memory of a task.
struct Placed<'g, T>(
    /// INVARIANT: points to a future that only this pointer leads to. The future does not move. Its memory is
    /// used for nothing else until the future is dropped, and never if it is not dropped.
    NonNull<dyn Future<Output = T> + 'g>,
);

/// What gives back all that a task has.
struct Owner(
    /// INVARIANT: points to the home of a [`Body`] whose memory is this task's alone: that of the block that the home
    /// names, or else of its region. Until this is dropped the region is not mutably borrowed, so it is neither
    /// reset nor dropped, and the block is not given back.
    NonNull<Home>,
);

impl Owner {
    fn region(&self) -> &Region<'static> {
        // SAFETY: by the invariant this points to a home whose region is not mutably borrowed before `self` is
        // dropped, and `self` is borrowed as long as the reference.
        &unsafe { self.0.as_ref() }.region
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // SAFETY: by the invariant this points to a home. It is moved out only here, and this is dropped once. It is
        // moved because what follows gives back the memory that it lies in.
        let Home { region, block } = unsafe { self.0.read() };
        let place = self.0.cast();
        // Even if a destructor panics that the region runs.
        let _given = Defer(|| {
            if let Some((slabs, layout)) = block {
                // SAFETY: by the invariant the body lies in a block of `slabs` with this layout, at whose beginning is
                // the home. The future was dropped before, and the home was moved out.
                unsafe { slabs.deallocate(place, layout) };
            }
        });
        drop(region);
    }
}

impl<'g, T> Live<'g, T> {
    /// Moves `region`, and the future that `make` returns, into a block of `slabs`, or without them into the region. The
    /// memory is allocated first; if there is none, `make` is not called.
    ///
    /// # Safety
    /// Only the future keeps the reference that `make` gets.
    unsafe fn new<F: Future<Output = T> + 'g>(
        region: Region<'static>,
        slabs: Option<&'static Slabs<'static>>,
        make: impl FnOnce(&'static Region<'static>) -> F,
    ) -> Result<Self, Exhausted> {
        let layout = Layout::new::<Body<F>>();
        let memory = match slabs {
            Some(slabs) => slabs.allocate(layout)?,
            None => region.allocate(layout)?,
        };
        let body = memory.cast::<Body<F>>();
        let home = body.cast::<Home>();
        // SAFETY: a `Body` begins with its home, and its memory was allocated above, for this task alone.
        unsafe { home.write(Home { region, block: slabs.map(|slabs| (slabs, layout)) }) };
        let home = Owner(home);
        // SAFETY: by its invariant `home` points to a home whose region is not mutably borrowed before `home` is
        // dropped, so the reference is valid until then. By the contract only the future keeps it, in the field of
        // `Live` that is dropped before `home`. If `make` panics, all that it had ends before `home`.
        let lent = &unsafe { home.0.as_ref() }.region;
        let future = make(lent);
        // SAFETY: the place is inside the memory that was allocated above.
        let place = unsafe { &raw mut (*body.as_ptr()).future };
        // SAFETY: it is aligned, and lent to nobody.
        unsafe { place.write(future) };
        // SAFETY: a pointer into memory that was allocated is not null.
        let place = unsafe { NonNull::new_unchecked(place) };
        // The invariant of `Placed` holds: the memory is the future's until `home` is dropped, which happens after the
        // future is dropped, or never. A block that is never given back, and the pages of a `Region<'static>` that is
        // never dropped, are never used again, because their pool has them for `'static`.
        Ok(Self { future: Placed(place), home })
    }
}

impl<T> Placed<'_, T> {
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
    /// when it is polled. The region holds one page as long as the future, what it allocates, and some 170 bytes
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
        Self::place(None, region, service)
    }

    /// As [`new`](Self::new), but the future lies in a block of `slabs`, together with some 170 bytes for the region. A
    /// task that allocates nothing holds no page of its own: many that wait share pages. If the future is larger than
    /// the [largest block](Slabs), it has pages of its own, which are of `slabs` too.
    ///
    /// ```
    /// use std::{mem::MaybeUninit, task::Poll};
    /// use rt_regions::{Exhausted, Pool, Region, Slabs, Task};
    ///
    /// let memory = vec![MaybeUninit::uninit(); 64 << 10].leak();
    /// let pool: &'static Pool<'static> = Box::leak(Box::new(Pool::new(memory)));
    /// let all = Box::leak(Box::new(Region::new(pool, "tasks").with_cap(8 << 10)));
    /// let slabs = Box::leak(Box::new(Slabs::below(all, "tasks")?));
    ///
    /// let mut tasks = Vec::new();
    /// for number in 0..10 {
    ///     tasks.push(Task::new_in(slabs, all.child("task"), async move |_| number)?);
    /// }
    /// assert_eq!(slabs.pages(), 1);
    /// assert_eq!(tasks[7].poll_once().result, Poll::Ready(7));
    /// # Ok::<(), Exhausted>(())
    /// ```
    ///
    /// # Errors
    /// [`Exhausted`]: there is no room for the future. `service` is dropped and was not called, and the pages of
    /// the region are given back.
    pub fn new_in<S>(
        slabs: &'static Slabs<'static>,
        region: Region<'static>,
        service: S,
    ) -> Result<Self, Exhausted>
    where
        S: AsyncFnOnce(&Region<'static>) -> T + 'g,
    {
        Self::place(Some(slabs), region, service)
    }

    fn place<S>(
        slabs: Option<&'static Slabs<'static>>,
        region: Region<'static>,
        service: S,
    ) -> Result<Self, Exhausted>
    where
        S: AsyncFnOnce(&Region<'static>) -> T + 'g,
    {
        // SAFETY: `service` accepts a reference of any lifetime, so it can be kept only in the future.
        let live = unsafe { Live::new(region, slabs, move |region| service(region)) }?;
        Ok(Self { live: Some(live), keeps_wakers: false })
    }

    /// Polls the future with a waker that needs no heap, and says whether it was woken during the poll. If the
    /// future is done, it is dropped and its pages are given back before this returns.
    ///
    /// The waker records wake-ups during this poll. A clone of it can be woken at any time, on any thread, also
    /// when the task is gone; it increments [`kept_wakes`](crate::kept_wakes).
    ///
    /// # Panics
    /// The task is done, or the future panics. A future that has panicked stays where it is until the task is
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
