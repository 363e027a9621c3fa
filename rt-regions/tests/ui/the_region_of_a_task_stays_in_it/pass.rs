use std::task::Poll;

use rt_regions::{Pool, Region, RegionVec, Task};

fn main() {
    let memory = vec![std::mem::MaybeUninit::uninit(); 64 << 10].leak();
    let pool: &'static Pool<'static> = Box::leak(Box::new(Pool::new(memory)));
    let mut task = Task::new(Region::new(pool, "task"), async |region| {
        let number = region.alloc(3)?;
        let mut numbers = RegionVec::new(region);
        numbers.push(*number)?;
        // A child can be emptied.
        let mut child = region.child("child");
        child.alloc(4)?;
        child.reset();
        Ok::<usize, rt_regions::Exhausted>(numbers.len())
    })
    .unwrap();
    let outside = task.region().unwrap().alloc(5).map(|number| *number);
    assert_eq!((outside, task.poll_once().result), (Ok(5), Poll::Ready(Ok(1))));
}
