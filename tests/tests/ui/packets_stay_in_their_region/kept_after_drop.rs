use layer::Rx;
use netif::Netif;
use rt_regions::{Pool, Region};

fn frame<'p>(interface: &mut testkit::End, pool: &'p Pool<'p>) -> Option<&'p [u8]> {
    let region = Region::new(pool, "packet");
    match interface.receive(&region) {
        Ok(Rx::Item(frame)) => Some(frame.bytes),
        _ => None,
    }
}

fn main() {
    let _ = frame;
}
