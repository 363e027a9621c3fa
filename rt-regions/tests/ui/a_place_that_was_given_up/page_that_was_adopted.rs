use rt_regions::{Exhausted, Page, Region};

unsafe fn twice(region: &Region<'_>, page: Page<'_>) -> Result<usize, Exhausted> {
    // SAFETY: the caller has written the page.
    let frame = unsafe { region.adopt(page, 64) }?;
    // SAFETY: as above.
    Ok(frame.len() + unsafe { region.adopt(page, 64) }?.len())
}

fn main() {
    let _ = twice;
}
