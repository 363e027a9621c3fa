use rt_regions::Region;

fn pages(region: &mut Region<'_>) -> usize {
    let child = region.child("child");
    region.reset();
    child.pages()
}

fn main() {
    let _ = pages;
}
