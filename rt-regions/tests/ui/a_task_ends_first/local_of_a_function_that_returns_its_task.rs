use std::cell::Cell;

use rt_regions::{Exhausted, Pool, Region, Task};

fn spawn<'g>(pool: &'static Pool<'static>) -> Result<Task<'g>, Exhausted> {
    let counter = Cell::new(0);
    Task::new(Region::new(pool, "task"), async |_| counter.set(1))
}

fn main() {
    let _ = spawn;
}
