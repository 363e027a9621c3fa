use rt_regions::{Exhausted, Page, Region};

unsafe fn twice(region: &Region<'_>, page: Page<'_>) -> Result<usize, Exhausted> {
    let frame = unsafe { region.adopt(page, 64) }?;
    Ok(frame.len() + unsafe { region.adopt(page, 64) }?.len())
}

fn main() {
    let _ = twice;
}
