use arp::Arp;
use layer::Cidr;
use rt_regions::{Exhausted, Region};

fn tower(interface: testkit::End, cidr: Cidr, region: &Region<'_>) -> Result<(), Exhausted> {
    let arp = Arp::new(interface, cidr, 7, region)?;
    layer::Layer::next_deadline(&arp);
    Ok(())
}

fn main() {
    let _ = tower;
}
