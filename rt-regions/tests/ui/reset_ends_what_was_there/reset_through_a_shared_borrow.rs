use rt_regions::Region;

fn reset(region: &Region<'_>) {
    region.reset();
}

fn main() {
    let _ = reset;
}
