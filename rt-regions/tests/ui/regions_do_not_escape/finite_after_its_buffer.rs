use rt_regions::{Finite, Region};

fn region<'p>() -> Region<'p> {
    let mut room = Finite::<64>::new();
    room.region("r")
}

fn main() {
    let _ = region;
}
