use rt_regions::{Pool, Region, Task};

fn main() {
    let mut memory = vec![std::mem::MaybeUninit::uninit(); 64 << 10];
    let pool = Pool::new(&mut memory);
    let task = Task::new(Region::new(&pool, "task"), async |_| ()).unwrap();
    std::mem::forget(task);
    // The future would lie in memory that is used for something else.
    memory.clear();
}
