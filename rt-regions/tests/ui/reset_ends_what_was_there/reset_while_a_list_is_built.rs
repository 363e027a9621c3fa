use rt_regions::{Exhausted, List, Region};

fn list(region: &mut Region<'_>) -> Result<bool, Exhausted> {
    let mut list = List::EMPTY;
    for number in 0..9 {
        list = list.before(number, region)?;
        region.reset();
    }
    Ok(list.is_empty())
}

fn main() {
    let _ = list;
}
