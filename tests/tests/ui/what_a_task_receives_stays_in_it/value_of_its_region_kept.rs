use std::cell::Cell;

use tasks::{SpawnError, Tasks};

fn count(
    tasks: &'static Tasks,
    kept: &'static Cell<Option<&'static u64>>,
) -> Result<(), SpawnError> {
    tasks.spawn("counts", async move |region| {
        kept.set(Some(region.alloc(7)?));
        Ok(())
    })?;
    Ok(())
}

fn main() {
    let _ = count;
}
