use rt_regions::{Exhausted, Region, RegionBox};

fn boxed<'p>(region: Region<'p>) -> Result<RegionBox<'p, [u8]>, Exhausted> {
    let mut local = [1; 8];
    let boxed = RegionBox::new(region, &mut local[..])?;
    Ok(boxed.unsize(|bytes| &mut **bytes))
}

fn main() {
    let _ = boxed;
}
