use rt_regions::{Exhausted, Pool, Region, Task};

fn spawn(pool: &'static Pool<'static>) -> Result<u64, Exhausted> {
    let mut task = Task::new(Region::new(pool, "task"), async |_| ())?;
    let number = task.region().unwrap().alloc(7)?;
    let _ = task.poll_once();
    Ok(*number)
}

fn main() {
    let _ = spawn;
}
