use rt_regions::{Exhausted, Pool, Region, Task};

fn spawn(pool: &'static Pool<'static>) -> Result<Task<'static>, Exhausted> {
    Task::new(Region::new(pool, "task"), async |region| region.reset())
}

fn main() {
    let _ = spawn;
}
