use std::{cell::Cell, task::Poll};

use rt_regions::{Exhausted, Pool, Region, Task};

fn count(pool: &'static Pool<'static>, counter: &Cell<u64>) -> Result<u64, Exhausted> {
    let step = Cell::new(2);
    let mut task = Task::new(Region::new(pool, "task"), async |region| {
        let number = region.alloc(counter.get() + step.get())?;
        counter.set(*number);
        Ok(*number)
    })?;
    match task.poll_once().result {
        Poll::Ready(number) => number,
        Poll::Pending => Ok(0),
    }
}

fn main() {
    let memory = vec![std::mem::MaybeUninit::uninit(); 64 << 10].leak();
    let pool: &'static Pool<'static> = Box::leak(Box::new(Pool::new(memory)));
    let counter = Cell::new(5);
    assert_eq!((count(pool, &counter), counter.get()), (Ok(7), 7));
}
