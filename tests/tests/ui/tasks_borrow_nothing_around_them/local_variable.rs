use std::cell::Cell;

use tasks::{SpawnError, Tasks};

fn count(tasks: &'static Tasks) -> Result<u32, SpawnError> {
    let counter = Cell::new(0);
    tasks.spawn("counts", async |_| {
        counter.set(counter.get() + 1);
        Ok(())
    })?;
    Ok(counter.get())
}

fn main() {
    let _ = count;
}
