//! Where a platform keeps the tasks of its program.

use core::{cell::Cell, fmt};

use rt_regions::{Exhausted, Region};
use tasks::{PollTasks, Tasks};

/// The tasks of a program; none until it asks for them. A program that never does has none of their code.
#[derive(Default)]
pub struct TaskStore(Cell<Option<&'static dyn PollTasks>>);

impl TaskStore {
    /// No tasks.
    pub const fn new() -> Self {
        Self(Cell::new(None))
    }

    /// What the loop polls.
    #[inline]
    pub fn poller(&self) -> Option<&'static dyn PollTasks> {
        self.0.get()
    }

    /// The tasks, which are made in `memory`, the region of the program, if there are none.
    ///
    /// # Errors
    /// [`Exhausted`].
    pub fn get_or_make(
        &self,
        memory: &'static Region<'static>,
    ) -> Result<&'static Tasks, Exhausted> {
        if let Some(tasks) = self.poller() {
            return Ok(tasks.tasks());
        }
        let tasks = Tasks::new(memory)?;
        self.0.set(Some(tasks));
        Ok(tasks)
    }
}

impl fmt::Debug for TaskStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_used = self.poller().is_some();
        f.debug_struct("TaskStore").field("is_used", &is_used).finish_non_exhaustive()
    }
}
