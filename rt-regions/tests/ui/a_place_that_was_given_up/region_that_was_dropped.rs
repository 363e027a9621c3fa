use rt_regions::{Pool, Region};

fn append(pool: &Pool<'_>) {
    let region = Region::new(pool, "r");
    drop(region);
    assert!(region.alloc(7).is_ok());
}

fn main() {
    let _ = append;
}
