use rt_regions::{Pool, Region};

fn append(pool: &Pool<'_>) {
    let region = Region::new(pool, "r");
    let other = region;
    assert!(region.alloc(7).is_ok());
    drop(other);
}

fn main() {
    let _ = append;
}
