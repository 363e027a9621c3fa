//! The place of a task, which other tasks take after it.

use core::{cell::Cell, fmt, mem::ManuallyDrop, ptr};

use layer::Instant;
use rt_regions::Task;

/// A link to a slot, in a list or in the heap of deadlines.
pub(crate) type Link = Cell<Option<&'static Slot>>;

/// What a task is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// The slot has no task.
    Free,
    /// The task waits for a wake-up or a deadline.
    Asleep,
    /// The slot is in a queue. Its task is polled when its turn comes, unless it was cancelled meanwhile.
    Queued,
    /// The task is being polled.
    Running,
    /// The task is being polled, and was woken meanwhile.
    RunningWoken,
}

/// The place of one task. It lies in the program's memory and is never given back, so a reference to it is always good.
pub(crate) struct Slot {
    // Without a destructor, so that the slot can lie in a region. `Tasks` drops the task.
    pub(crate) task: ManuallyDrop<Cell<Option<Task<'static>>>>,
    /// Counts the tasks that were here. It does not wrap in the life of any program, so no reference gets another task.
    pub(crate) generation: Cell<u64>,
    pub(crate) state: Cell<State>,
    /// Whether the task keeps a waker beyond its polls.
    pub(crate) keeps_wakers: Cell<bool>,
    /// The earliest moment that the last poll of the task has asked for.
    pub(crate) deadline: Cell<Option<Instant>>,
    /// The next slot of the queue, or of the list of free ones.
    pub(crate) next: Link,
    /// The slot that was made before this one.
    pub(crate) older: Option<&'static Self>,
    /// In the heap of deadlines: the first child, the next sibling, and the sibling before this slot or its parent.
    pub(crate) child: Link,
    pub(crate) sibling: Link,
    pub(crate) previous: Link,
}

impl Slot {
    /// A free slot, made after `older`.
    pub(crate) const fn new(older: Option<&'static Self>) -> Self {
        Self {
            task: ManuallyDrop::new(Cell::new(None)),
            generation: Cell::new(0),
            state: Cell::new(State::Free),
            keeps_wakers: Cell::new(false),
            deadline: Cell::new(None),
            next: Cell::new(None),
            older,
            child: Cell::new(None),
            sibling: Cell::new(None),
            previous: Cell::new(None),
        }
    }

    /// A reference to the task that is here now.
    pub(crate) fn reference(&'static self) -> TaskRef {
        TaskRef { slot: self, generation: self.generation.get() }
    }
}

/// A reference to a task. It stays good when the task is gone: waking or cancelling it then does nothing.
#[derive(Clone, Copy)]
pub struct TaskRef {
    pub(crate) slot: &'static Slot,
    pub(crate) generation: u64,
}

impl TaskRef {
    /// Whether the task has neither ended nor been cancelled.
    pub fn is_alive(self) -> bool {
        self.slot.generation.get() == self.generation
    }
}

impl PartialEq for TaskRef {
    fn eq(&self, other: &Self) -> bool {
        ptr::eq(self.slot, other.slot) && self.generation == other.generation
    }
}

impl Eq for TaskRef {}

impl fmt::Debug for TaskRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskRef").field("is_alive", &self.is_alive()).finish_non_exhaustive()
    }
}
