use rt_regions::{Pool, Region};

fn other_thread(work: impl FnOnce() + Send + 'static) {
    work();
}

fn count(pool: &Pool<'_>) {
    let region = Region::new(pool, "r");
    if let Ok(value) = region.alloc(7) {
        other_thread(move || assert_eq!(*value, 7));
    }
}

fn main() {
    let _ = count;
}
