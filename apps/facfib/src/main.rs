#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(any(feature = "kvm", feature = "xen"), no_std, no_main)]

mod service;

#[cfg(test)]
mod tests;

use cfg_if::cfg_if;
use ethernet::Ethernet;
use rt::{Config, Runtime as _};
use udp::Udp;

cfg_if! {
    if #[cfg(any(feature = "kvm", feature = "xen"))] {
        use {netif_guest::Nic, rt_guest as platform};
    } else if #[cfg(feature = "unix")] {
        use {netif_tap::Tap as Nic, rt_unix as platform};
    }
}

platform::main!(facfib);

fn facfib(rt: &mut platform::Rt) -> Result<(), platform::Error> {
    #[cfg(not(feature = "cores"))]
    let config = Config::from_args(rt.args())?;
    #[cfg(feature = "cores")]
    let mut own_cores = false;
    #[cfg(feature = "cores")]
    let config = Config::with_arguments(rt::arguments! {
        "--own-cores" "=on            each port is served by a core of its own (off: each by all)",
            "on or off", |value| {
                own_cores = value == "on";
                own_cores || value == "off"
            };
    })
    .from_args(rt.args())?;
    let (memory, seed) = (rt.memory(), rt.seed()?);
    let ethernet = Ethernet::new(Nic::open(rt, &config)?);
    let internet = internet::on(rt, ethernet, &config, seed)?;
    let mut udp = Udp::new(internet, seed, memory)?.with_tasks(rt.tasks()?)?;
    let limit = service::requests_at_once(rt.pool());
    #[cfg(feature = "cores")]
    if own_cores {
        let count = rt.core().count();
        udp.spawn_each_on(0, 8080, limit, service::factorials)?;
        udp.spawn_each_on(1 % count, 8081, limit, service::by_addition)?;
        udp.spawn_each_on(2 % count, 8082, limit, service::by_doubling)?;
        return rt.serve(udp, &config);
    }
    udp.spawn_each(8080, limit, service::factorials)?;
    udp.spawn_each(8081, limit, service::by_addition)?;
    udp.spawn_each(8082, limit, service::by_doubling)?;
    rt.serve(udp, &config)
}
