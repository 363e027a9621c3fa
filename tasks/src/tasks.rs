//! The tasks of a program: how they start and end, and what they wait for.

mod poll;

use core::{
    cell::{Cell, RefCell},
    error::Error,
    fmt,
    future::poll_fn,
    mem::ManuallyDrop,
    task::Poll,
    time::Duration,
};

use layer::{Counter, Instant};
use rt_regions::{Exhausted, PAGE_SIZE, Pool, Region, Slabs, Task, kept_wakes};

pub use self::poll::PollTasks;
use crate::{
    error::TaskError,
    queue::Queue,
    slot::{Link, Slot, State, TaskRef},
    timers::Timers,
};

layer::counters! {
    /// The counters of the tasks.
    pub struct Counters of "tasks" {
        /// Tasks that were started.
        spawned,
        /// Tasks that have ended or were cancelled.
        ended,
        /// Tasks that ended with an error. Ten in a second are printed.
        failed,
        /// Tasks that were not started, because there was no memory for them.
        not_spawned,
        /// Polls.
        polls,
    }
}

/// The tasks of a program. It lies in the program's memory, like everything that a task may share with others.
///
/// A task is an async function with a region of its own. The program's loop polls it when what it waits for is there: a
/// datagram, a moment, a turn to go on computing. A task that waits costs the loop nothing, and as much memory as its
/// future and some 170 bytes: its region takes a page when something is allocated in it.
///
/// All of it is single-threaded. A waker of the standard library works too, but the loop notices it only in its next
/// turn. Neither the tasks nor a [`TaskRef`] moves to another thread:
///
/// ```compile_fail,E0277
/// fn watch(tasks: &'static tasks::Tasks) {
///     std::thread::spawn(move || tasks.len());
/// }
/// ```
/// ```compile_fail,E0277
/// fn watch(task: tasks::TaskRef) {
///     std::thread::spawn(move || task.is_alive());
/// }
/// ```
/// What they say does:
/// ```
/// fn watch(tasks: &'static tasks::Tasks) {
///     let count = tasks.len();
///     std::thread::spawn(move || println!("{count} tasks"));
/// }
/// ```
pub struct Tasks {
    memory: &'static Region<'static>,
    pool: &'static Pool<'static>,
    /// The parent of the regions of all tasks, whose cap is that of all tasks together.
    regions: &'static Region<'static>,
    /// Where their futures lie, below the same cap.
    futures: &'static Slabs<'static>,
    now: Cell<Instant>,
    current: Link,
    woken: Queue,
    yielded: Queue,
    timers: Timers,
    /// The free slots, linked by `next`.
    free: Link,
    /// The slot that was made last.
    newest: Link,
    live: Cell<usize>,
    /// How many tasks keep wakers, and what `kept_wakes` was when they were last looked at.
    keepers: Cell<usize>,
    kept_wakes: Cell<usize>,
    /// Whether the program ends, so that no task is started any more.
    is_closed: Cell<bool>,
    /// The name and the error of a task that has failed, until it is printed.
    failure: RefCell<Option<(&'static str, TaskError)>>,
    /// Since when lines about failed tasks are counted, and how many there are.
    lines: Cell<(Instant, u32)>,
    counters: Cell<Counters>,
}

/// Why a task was not started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpawnError {
    /// There is no memory for it.
    Exhausted(Exhausted),
    /// The program ends.
    Closed,
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exhausted(_) => "no memory for a task",
            Self::Closed => "the program ends, so no task is started",
        })
    }
}

impl Error for SpawnError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Exhausted(exhausted) => Some(exhausted),
            Self::Closed => None,
        }
    }
}

impl From<Exhausted> for SpawnError {
    fn from(exhausted: Exhausted) -> Self {
        Self::Exhausted(exhausted)
    }
}

impl Tasks {
    /// No tasks yet. `memory` is the region of the program: it holds about 120 bytes for each of the largest number of
    /// tasks that ever were alive together. The tasks themselves live in regions on its pool, of which they get three
    /// quarters together at most, so that packets are received while tasks take all that they can get.
    ///
    /// # Errors
    /// [`Exhausted`].
    pub fn new(memory: &'static Region<'static>) -> Result<&'static Self, Exhausted> {
        let pool = memory.require_pool()?;
        Self::with_cap(memory, pool.pages() / 4 * 3 * PAGE_SIZE)
    }

    /// As [`new`](Self::new), but all tasks together hold at most `bytes`, rounded up to whole pages.
    ///
    /// # Errors
    /// [`Exhausted`].
    pub fn with_cap(
        memory: &'static Region<'static>,
        bytes: usize,
    ) -> Result<&'static Self, Exhausted> {
        let pool = memory.require_pool()?;
        let regions = Region::new(pool, "tasks").with_cap(bytes);
        let regions: &'static Region<'static> = memory.alloc(ManuallyDrop::new(regions))?;
        // With a page for the next one, where tasks come and go one after the other.
        let futures = Slabs::below(regions, "tasks")?.with_kept_pages(1);
        let futures: &'static Slabs<'static> = memory.alloc(ManuallyDrop::new(futures))?;
        let tasks = memory.alloc(Self {
            memory,
            pool,
            regions,
            futures,
            now: Cell::new(Instant::ZERO),
            current: Cell::new(None),
            woken: Queue::new(),
            yielded: Queue::new(),
            timers: Timers::new(),
            free: Cell::new(None),
            newest: Cell::new(None),
            live: Cell::new(0),
            keepers: Cell::new(0),
            kept_wakes: Cell::new(kept_wakes()),
            is_closed: Cell::new(false),
            failure: RefCell::new(None),
            lines: Cell::new((Instant::ZERO, 0)),
            counters: Cell::new(Counters::default()),
        })?;
        Ok(tasks)
    }

    /// The region of the program.
    pub fn memory(&self) -> &'static Region<'static> {
        self.memory
    }

    /// The pool of the program.
    pub fn pool(&self) -> &'static Pool<'static> {
        self.pool
    }

    /// How many tasks there are.
    pub fn len(&self) -> usize {
        self.live.get()
    }

    /// Whether there is no task.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The counters.
    pub fn stats(&self) -> Counters {
        self.counters.get()
    }

    /// Shows each counter to `visit`.
    pub fn counters(&self, visit: &mut dyn FnMut(Counter)) {
        self.counters.get().visit(visit);
    }

    fn count(&self, count: impl FnOnce(&mut Counters)) {
        let mut counters = self.counters.get();
        count(&mut counters);
        self.counters.set(counters);
    }

    /// Starts a task: calls `service` with a region of its own, called `name`, and keeps the future that it returns. The
    /// task is polled first in the next turn of the loop. When it ends, its region ends. If it ends with an error, the
    /// loop prints a line that begins with `name`.
    ///
    /// The region cannot be emptied while the task lives, so a task that goes on for ever allocates in a
    /// [child](Region::child), which it resets.
    ///
    /// Write the async closure in the call: `tasks.spawn("sweeper", async move |region| ...)`.
    ///
    /// # Errors
    /// [`SpawnError`]; `service` was not called.
    #[track_caller]
    pub fn spawn<S>(&'static self, name: &'static str, service: S) -> Result<TaskRef, SpawnError>
    where
        S: AsyncFnOnce(&Region<'static>) -> Result<(), TaskError> + 'static,
    {
        self.launch(name, async move |region| {
            if let Err(error) = service(region).await {
                // It is called so.
                self.failed(region.name(), error);
            }
        })
    }

    /// Starts a task that has no error; otherwise as [`spawn`](Self::spawn). It is for layers.
    ///
    /// # Errors
    /// [`SpawnError`]; `service` was not called.
    #[doc(hidden)]
    #[inline]
    #[track_caller]
    pub fn launch<S>(&'static self, name: &'static str, service: S) -> Result<TaskRef, SpawnError>
    where
        S: AsyncFnOnce(&Region<'static>) + 'static,
    {
        if self.is_closed.get() {
            return Err(SpawnError::Closed);
        }
        let started = self.take_slot().and_then(|slot| {
            match Task::new_in(self.futures, self.regions.child(name), service) {
                Ok(task) => Ok(self.start(slot, task)),
                Err(error) => {
                    self.retire(slot);
                    Err(error)
                }
            }
        });
        if started.is_err() {
            self.count(|counters| counters.not_spawned += 1);
        }
        Ok(started?)
    }

    /// A free slot, which is on no list any more.
    fn take_slot(&self) -> Result<&'static Slot, Exhausted> {
        if let Some(slot) = self.free.get() {
            self.free.set(slot.next.take());
            return Ok(slot);
        }
        let slot: &'static Slot = self.memory.alloc(Slot::new(self.newest.get()))?;
        self.newest.set(Some(slot));
        Ok(slot)
    }

    fn start(&self, slot: &'static Slot, task: Task<'static>) -> TaskRef {
        slot.task.set(Some(task));
        self.live.set(self.live.get() + 1);
        self.count(|counters| counters.spawned += 1);
        self.queue(slot);
        slot.reference()
    }

    #[cold]
    fn failed(&self, name: &'static str, error: TaskError) {
        self.count(|counters| counters.failed += 1);
        *self.failure.borrow_mut() = Some((name, error));
    }

    fn queue(&self, slot: &'static Slot) {
        slot.state.set(State::Queued);
        self.woken.push(slot);
    }

    /// The task that is being polled, to be woken later.
    pub fn current(&self) -> Option<TaskRef> {
        self.current.get().map(Slot::reference)
    }

    /// Lets a task be polled in this turn of the loop or the next one. Does nothing if it is gone.
    pub fn wake(&self, task: TaskRef) {
        if !task.is_alive() {
            return;
        }
        match task.slot.state.get() {
            State::Asleep => self.queue(task.slot),
            State::Running => task.slot.state.set(State::RunningWoken),
            State::Free | State::Queued | State::RunningWoken => {}
        }
    }

    /// Drops a task, wherever it waits, and gives back all that it has. Does nothing if it is gone. A task that cancels
    /// itself is dropped after its poll.
    pub fn cancel(&self, task: TaskRef) {
        if !task.is_alive() {
            return;
        }
        let slot = task.slot;
        slot.generation.set(slot.generation.get().wrapping_add(1));
        if let Some(task) = slot.task.take() {
            self.ended(slot);
            if slot.deadline.get().is_some() {
                self.timers.remove(slot);
            }
            // One that is in a queue is retired when its turn comes.
            if slot.state.get() == State::Asleep {
                self.retire(slot);
            }
            // At last: a destructor may start, wake and cancel tasks.
            drop(task);
        }
    }

    /// Counts a task that is no more.
    fn ended(&self, slot: &'static Slot) {
        self.live.set(self.live.get() - 1);
        self.count(|counters| counters.ended += 1);
        if slot.keeps_wakers.take() {
            self.keepers.set(self.keepers.get() - 1);
        }
    }

    fn retire(&self, slot: &'static Slot) {
        slot.state.set(State::Free);
        slot.next.set(self.free.replace(Some(slot)));
    }

    /// The time of this turn. A task that has computed for long since reads a later one after a
    /// [yield](crate::yield_now).
    pub fn now(&self) -> Instant {
        self.now.get()
    }

    /// Waits until `at`. Any number of such futures can wait in one task. Outside a task it waits for ever, unless the
    /// moment has come.
    pub fn sleep_until(&self, at: Instant) -> impl Future<Output = ()> {
        poll_fn(move |_| {
            if self.now.get() >= at {
                return Poll::Ready(());
            }
            if let Some(slot) = self.current.get() {
                slot.deadline.set(Instant::earliest(slot.deadline.get(), Some(at)));
            }
            Poll::Pending
        })
    }

    /// Waits for `time`, which begins with this turn of the loop.
    pub fn sleep(&self, time: Duration) -> impl Future<Output = ()> {
        self.sleep_until(self.now.get() + time)
    }
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tasks").field("len", &self.len()).finish_non_exhaustive()
    }
}
