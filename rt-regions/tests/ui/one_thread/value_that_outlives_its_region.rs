use rt_regions::{Exhausted, Region};

fn other_thread(work: impl FnOnce() + Send + 'static) {
    work();
}

fn count(region: Region<'static>) -> Result<(), Exhausted> {
    let value: &u64 = region.alloc(7)?;
    other_thread(move || assert_eq!(*value, 7));
    Ok(())
}

fn main() {
    let _ = count;
}
