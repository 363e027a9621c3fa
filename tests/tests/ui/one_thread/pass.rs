use rt_regions::{Pool, Region};

fn other_thread(work: impl FnOnce() + Send) {
    work();
}

fn count(pool: &Pool<'_>) {
    let region = Region::new(pool, "r");
    if let Ok(value) = region.alloc(7) {
        let copy = *value;
        other_thread(move || assert_eq!(copy, 7));
    }
}

fn main() {
    let _ = count;
}
