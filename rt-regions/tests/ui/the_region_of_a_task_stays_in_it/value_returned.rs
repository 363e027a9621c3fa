use rt_regions::{Exhausted, Pool, Region, Task};

fn spawn(pool: &'static Pool<'static>) -> Result<&'static u64, Exhausted> {
    let mut task = Task::new(Region::new(pool, "task"), async |region| region.alloc(7))?;
    match task.poll_once().result {
        std::task::Poll::Ready(number) => number.map(|number| &*number),
        std::task::Poll::Pending => Ok(&0),
    }
}

fn main() {
    let _ = spawn;
}
