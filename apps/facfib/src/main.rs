#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(feature = "xen", no_std, no_main)]

mod service;

#[cfg(test)]
mod tests;

use arp::Arp;
use cfg_if::cfg_if;
use ethernet::Ethernet;
use icmp::Icmp;
use ipv4::Ipv4;
use rt::{Config, Runtime as _};
use udp::Udp;

cfg_if! {
    if #[cfg(feature = "xen")] {
        use {netif_xen::Netfront as Nic, rt_xen as platform};
    } else if #[cfg(feature = "unix")] {
        use {netif_tap::Tap as Nic, rt_unix as platform};
    }
}

platform::main!(facfib);

fn facfib(rt: &mut platform::Rt) -> Result<(), platform::Error> {
    let config = Config::from_args(rt.args())?;
    let (memory, seed) = (rt.memory(), rt.seed()?);
    let ethernet = Ethernet::new(Nic::open(rt, &config)?);
    let arp = Arp::new(ethernet, config.ipv4, seed, memory)?;
    let icmp = Icmp::new(Ipv4::new(arp, seed, memory)?, seed);
    let mut udp = Udp::new(icmp, seed, memory)?.with_tasks(rt.tasks()?)?;
    let limit = service::requests_at_once(rt.pool());
    udp.spawn_each(8080, limit, service::factorials)?;
    udp.spawn_each(8081, limit, service::by_addition)?;
    udp.spawn_each(8082, limit, service::by_doubling)?;
    rt.serve(udp, &config)
}
