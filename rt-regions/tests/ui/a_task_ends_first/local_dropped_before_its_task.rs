use std::cell::Cell;

use rt_regions::{Exhausted, Pool, Region, Task};

fn spawn(pool: &'static Pool<'static>) -> Result<(), Exhausted> {
    let mut task;
    let counter = Cell::new(0);
    task = Task::new(Region::new(pool, "task"), async |_| counter.set(1))?;
    let _ = task.poll_once();
    // The destructor of the future could read the counter.
    Ok(())
}

fn main() {
    let _ = spawn;
}
