use arp::Arp;
use ethernet::Ethernet;
use icmp::Icmp;
use ipv4::Ipv4;
use layer::Cidr;
use rt_regions::{Exhausted, Region};
use udp::Udp;

fn tower(interface: testkit::End, cidr: Cidr, region: &Region<'_>) -> Result<(), Exhausted> {
    let arp = Arp::new(Ethernet::new(interface), cidr, 7, region)?;
    let ipv4 = Ipv4::new(arp, 1, region)?;
    let udp = Udp::new(Icmp::new(ipv4, 7), 7, region)?;
    layer::Layer::next_deadline(&udp);
    Ok(())
}

fn main() {
    let _ = tower;
}
