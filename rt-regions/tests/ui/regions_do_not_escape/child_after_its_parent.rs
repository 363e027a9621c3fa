use rt_regions::{Pool, Region};

fn child<'p>(pool: &'p Pool<'p>) -> Region<'p> {
    let region = Region::new(pool, "r");
    region.child("child")
}

fn main() {
    let _ = child;
}
