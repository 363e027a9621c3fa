use std::cell::Cell;

use rt_regions::{Exhausted, Pool, Region, Task};

fn spawn(pool: &'static Pool<'static>) -> Result<(), Exhausted> {
    let stored: Cell<Option<&Region<'static>>> = Cell::new(None);
    let mut task = Task::new(Region::new(pool, "task"), async |region| stored.set(Some(region)))?;
    let _ = task.poll_once();
    Ok(())
}

fn main() {
    let _ = spawn;
}
