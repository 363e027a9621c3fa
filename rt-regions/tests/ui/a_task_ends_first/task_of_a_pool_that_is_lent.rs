use rt_regions::{Exhausted, Pool, Region, Task};

fn spawn<'p>(pool: &'p Pool<'p>) -> Result<Task<'p>, Exhausted> {
    Task::new(Region::new(pool, "task"), async |_| ())
}

fn main() {
    let _ = spawn;
}
