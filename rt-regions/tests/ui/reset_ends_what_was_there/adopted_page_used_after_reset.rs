use rt_regions::{Exhausted, Page, Region};

unsafe fn first(region: &mut Region<'_>, page: Page<'_>) -> Result<u8, Exhausted> {
    // SAFETY: the caller has written the page.
    let frame = unsafe { region.adopt(page, 64) }?;
    region.reset();
    Ok(frame[0])
}

fn main() {
    let _ = first;
}
