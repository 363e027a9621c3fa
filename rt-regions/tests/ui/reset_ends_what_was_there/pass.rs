use rt_regions::{Exhausted, Page, Pool, Region};

fn twice(region: &mut Region<'_>) -> Result<u64, Exhausted> {
    let first = *region.alloc(3)?;
    region.reset();
    Ok(first + *region.alloc(4)?)
}

/// What a driver received lives as long as anything else in the region.
fn first(region: &mut Region<'_>, mut page: Page<'_>) -> Result<u8, Exhausted> {
    region.reset();
    page.zero()[0] = 7;
    // SAFETY: all of the page is written, and nobody else has it.
    // SAFETY: the caller has written the page.
    let frame = unsafe { region.adopt(page, 64) }?;
    Ok(frame[0])
}

fn main() {
    let mut memory = vec![std::mem::MaybeUninit::uninit(); 64 << 10];
    let pool = Pool::new(&mut memory);
    assert_eq!(twice(&mut Region::new(&pool, "r")), Ok(7));
    let page = pool.page("device").unwrap();
    assert_eq!(first(&mut Region::new(&pool, "r"), page), Ok(7));
}
