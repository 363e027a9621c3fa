use rt_regions::RegionBox;

fn value(boxed: RegionBox<'_, u64>) -> u64 {
    let value = &*boxed;
    drop(boxed);
    *value
}

fn main() {
    let _ = value;
}
