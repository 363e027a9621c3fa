use rt_regions::{Exhausted, List, Region};

fn list<'r>(outer: &'r Region<'_>) -> Result<List<'r, &'r u64>, Exhausted> {
    let inner = outer.child("inner");
    List::EMPTY.before(&*inner.alloc(7)?, outer)
}

fn main() {
    let _ = list;
}
