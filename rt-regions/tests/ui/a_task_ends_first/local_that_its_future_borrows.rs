use std::cell::Cell;

use rt_regions::{Exhausted, Pool, Region, Task};

fn spawn(pool: &'static Pool<'static>) -> Result<(), Exhausted> {
    let mut tasks = Vec::new();
    for number in 1..4 {
        let counter = Cell::new(number);
        let count = async |_: &Region<'static>| counter.set(counter.get() + 1);
        tasks.push(Task::new(Region::new(pool, "task"), count)?);
    }
    Ok(())
}

fn main() {
    let _ = spawn;
}
