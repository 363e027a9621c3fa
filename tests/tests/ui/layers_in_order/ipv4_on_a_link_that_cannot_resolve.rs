use ethernet::Ethernet;
use ipv4::Ipv4;
use rt_regions::{Exhausted, Region};

fn tower(interface: testkit::End, region: &Region<'_>) -> Result<(), Exhausted> {
    Ipv4::new(Ethernet::new(interface), 1, region)?;
    Ok(())
}

fn main() {
    let _ = tower;
}
