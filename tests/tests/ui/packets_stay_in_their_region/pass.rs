use layer::Rx;
use netif::{Netif, RxFrame};
use rt_regions::Region;

fn last_byte(interface: &mut testkit::End, region: &mut Region<'_>) -> Option<u8> {
    let byte = match interface.receive(region) {
        Ok(Rx::Item(RxFrame { bytes, .. })) => bytes.last().copied(),
        _ => None,
    };
    region.reset();
    byte
}

fn main() {
    let _ = last_byte;
}
