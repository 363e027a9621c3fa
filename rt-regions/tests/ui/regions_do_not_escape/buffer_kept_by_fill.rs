use rt_regions::Region;

fn fill<'r>(region: &'r Region<'_>) {
    let mut kept = None;
    let _ = region.fill(8, |buffer| {
        kept = Some(buffer);
        (None, ())
    });
    drop(kept);
}

fn main() {
    let _ = fill;
}
