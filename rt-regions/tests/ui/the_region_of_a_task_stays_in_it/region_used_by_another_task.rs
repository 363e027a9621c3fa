use rt_regions::{Exhausted, Pool, Region, Task};

fn spawn(pool: &'static Pool<'static>) -> Result<Task<'static, Result<(), Exhausted>>, Exhausted> {
    Task::new(Region::new(pool, "outer"), async |outer| {
        let inner: Task<'static> = Task::new(Region::new(pool, "inner"), async |_| {
            let _ = outer.alloc(7);
        })?;
        std::mem::forget(inner);
        Ok(())
    })
}

fn main() {
    let _ = spawn;
}
