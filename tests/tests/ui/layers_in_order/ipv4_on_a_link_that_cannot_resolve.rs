use ethernet::Ethernet;
use ipv4::Ipv4;
use layer::Cidr;
use rt_regions::{Exhausted, Region};

fn tower(interface: testkit::End, cidr: Cidr, region: &Region<'_>) -> Result<(), Exhausted> {
    Ipv4::new(Ethernet::new(interface), cidr, 1, region)?;
    Ok(())
}

fn main() {
    let _ = tower;
}
