#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(feature = "xen", no_std, no_main)]

mod factorial;
mod fibonacci;
mod natural;

#[cfg(test)]
mod tests;

use arp::Arp;
use cfg_if::cfg_if;
use ethernet::Ethernet;
use icmp::Icmp;
use ipv4::Ipv4;
use netif::Capture;
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
    let nic = Capture::new(Nic::open(rt, &config)?, rt.recorder()?);
    let ethernet = Ethernet::new(nic);
    let arp = Arp::new(ethernet, config.ipv4, rt.seed()?, memory)?;
    let arp = arp.with_probing_at_start(config.probe);
    let ipv4 = Ipv4::new(arp, seed, memory)?.with_gateway(config.gateway);
    let icmp = Icmp::new(ipv4, seed);
    let mut udp = Udp::new(icmp, seed, memory)?.with_clients(config.clients);
    udp.bind(8080, factorial::factorial)?;
    udp.bind(8081, fibonacci::by_addition)?;
    udp.bind(8082, fibonacci::by_doubling)?;
    udp.serve_counters(config.stats_port, config.stats_from.and(config.ipv4))
        .map_err(|error| config.stats_error(error))?;
    config.log_on(rt, &mut udp)?;
    rt.run(udp)
}
