#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(feature = "xen", no_std, no_main)]

mod json;
mod message;
mod parameters;
mod results;
mod service;
mod test;

#[cfg(test)]
mod tests;

use arp::Arp;
use cfg_if::cfg_if;
use ethernet::Ethernet;
use icmp::Icmp;
use ipv4::Ipv4;
use rt::{Config, Runtime as _};
use tcp::Tcp;
use udp::Udp;

use service::{PORT, Service};

cfg_if! {
    if #[cfg(feature = "xen")] {
        use {netif_xen::Netfront as Nic, rt_xen as platform};
    } else if #[cfg(feature = "unix")] {
        use {netif_tap::Tap as Nic, rt_unix as platform};
    }
}

platform::main!(iperf3);

fn iperf3(rt: &mut platform::Rt) -> Result<(), platform::Error> {
    // As fast as the interface allows, unless `--offloads=off` is given.
    let config = Config { offloads: true, ..Config::default() }.with_args(rt.args())?;
    let (memory, seed, tasks) = (rt.memory(), rt.seed()?, rt.tasks()?);
    let service = Service::new(tasks)?;
    let ethernet = Ethernet::new(Nic::open(rt, &config)?);
    let arp = Arp::new(ethernet, config.ipv4, seed, memory)?;
    let icmp = Icmp::new(Ipv4::new(arp, seed, memory)?, seed);
    let mut tcp = Tcp::new(icmp, seed, tasks)?;
    tcp.bind(PORT, async |stream, region| service.serve(stream, region).await)?;
    rt.serve(Udp::new(tcp, seed, memory)?, &config)
}
