#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(feature = "xen", no_std, no_main)]

mod options;
mod protocol;
mod service;
mod store;

#[cfg(test)]
mod tests;

use arp::Arp;
use cfg_if::cfg_if;
use ethernet::Ethernet;
use icmp::Icmp;
use ipv4::Ipv4;
use layer::Networks;
use rt::{Config, Runtime as _};
use udp::Udp;

use options::{CAP, Options, UPSTREAM};
use service::Service;

cfg_if! {
    if #[cfg(feature = "xen")] {
        use {netif_xen::Netfront as Nic, rt_xen as platform};
    } else if #[cfg(feature = "unix")] {
        use {netif_tap::Tap as Nic, rt_unix as platform};
    }
}

platform::main!(kv);

fn kv(rt: &mut platform::Rt) -> Result<(), platform::Error> {
    let mut options = Options::default();
    let mut config = Config::with_arguments(rt::arguments! {
        "--cap" "=SIZE                how much memory the entries take at most (half of it)",
            CAP, |value| options.set_cap(value);
        "--upstream" "=ADDRESS:PORT   the server to ask for keys that are not here (none)",
            UPSTREAM, |value| options.set_upstream(value);
    })
    .from_args(rt.args())?;
    options.clients = config.tower.clients.unwrap_or(Networks::default().and(config.ipv4));
    config.tower.clients = config.tower.clients.map(|clients| options.with_upstream(clients));
    let (memory, seed) = (rt.memory(), rt.seed()?);
    let service = Service::new(&options, options.cap_in(rt.pool())?, seed, memory)?;
    let ethernet = Ethernet::new(Nic::open(rt, &config)?);
    let arp = Arp::new(ethernet, config.ipv4, seed, memory)?;
    let icmp = Icmp::new(Ipv4::new(arp, seed, memory)?, seed);
    let udp = Udp::new(icmp, seed, memory)?.with_tasks(rt.tasks()?)?;
    let mut udp = udp.with_service_counters(service.counters());
    service.bind(&mut udp)?;
    rt.serve(udp, &config)
}
