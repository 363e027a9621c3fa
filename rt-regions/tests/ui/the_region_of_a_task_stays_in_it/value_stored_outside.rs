use std::cell::Cell;

use rt_regions::{Exhausted, Pool, Region, Task};

fn spawn(pool: &'static Pool<'static>) -> Result<(), Exhausted> {
    let stored: Cell<Option<&mut u64>> = Cell::new(None);
    let mut task = Task::new(Region::new(pool, "task"), async |region| {
        stored.set(region.alloc(7).ok());
    })?;
    let _ = task.poll_once();
    drop(task);
    stored.take();
    Ok(())
}

fn main() {
    let _ = spawn;
}
