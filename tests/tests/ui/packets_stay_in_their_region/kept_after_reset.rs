use layer::Rx;
use netif::{Netif, RxFrame};
use rt_regions::Region;

fn last_byte(interface: &mut testkit::End, region: &mut Region<'_>) -> Option<u8> {
    let Ok(Rx::Item(RxFrame { bytes, .. })) = interface.receive(region) else { return None };
    region.reset();
    bytes.last().copied()
}

fn main() {
    let _ = last_byte;
}
