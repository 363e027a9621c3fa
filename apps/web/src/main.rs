#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(feature = "xen", no_std, no_main)]

mod budget;
mod fibonacci;
mod measure;
mod service;
mod site;
mod sort;

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

platform::main!(web);

fn web(rt: &mut platform::Rt) -> Result<(), platform::Error> {
    // Bodies are long: what the interface can do, it does, unless `--offloads=off` is given.
    let config = Config { offloads: true, ..Config::default() }.with_args(rt.args())?;
    let (memory, seed, tasks) = (rt.memory(), rt.seed()?, rt.tasks()?);
    let service = Service::new(tasks, (rt.now(), rt.wall_time()))?;
    let ethernet = Ethernet::new(Nic::open(rt, &config)?);
    rt.milestone("interface");
    let arp = Arp::new(ethernet, config.ipv4, seed, memory)?;
    let icmp = Icmp::new(Ipv4::new(arp, seed, memory)?, seed);
    let mut tcp = Tcp::new(icmp, seed, tasks)?;
    tcp.bind(PORT, async |stream, region| service.serve(stream, region).await)?;
    #[cfg(feature = "page")]
    let board = page::bind(rt, &config, "web", &mut tcp)?;
    // For its port of counters: those of all layers and of HTTP.
    let udp = Udp::new(tcp, seed, memory)?.with_service_counters(service.counters());
    #[cfg(feature = "page")]
    let udp = page::Watch::new(udp, board)?;
    rt.serve(udp, &config)
}
