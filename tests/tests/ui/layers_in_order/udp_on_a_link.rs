use ethernet::Ethernet;
use rt_regions::{Exhausted, Region};
use udp::Udp;

fn tower(interface: testkit::End, region: &Region<'_>) -> Result<(), Exhausted> {
    let udp = Udp::new(Ethernet::new(interface), 7, region)?;
    layer::Layer::next_deadline(&udp);
    Ok(())
}

fn main() {
    let _ = tower;
}
