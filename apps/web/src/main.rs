#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(any(feature = "kvm", feature = "xen"), no_std, no_main)]

mod budget;
mod fibonacci;
mod measure;
mod service;
mod site;
mod sort;

#[cfg(test)]
mod tests;

use cfg_if::cfg_if;
use ethernet::Ethernet;
use rt::{Config, Runtime as _};
use tcp::Tcp;
use udp::Udp;

use service::{PORT, Service};

cfg_if! {
    if #[cfg(any(feature = "kvm", feature = "xen"))] {
        use {netif_guest::Nic, rt_guest as platform};
    } else if #[cfg(feature = "unix")] {
        use {netif_tap::Tap as Nic, rt_unix as platform};
    }
}

platform::main!(web);

fn web(rt: &mut platform::Rt) -> Result<(), platform::Error> {
    // Bodies are long: what the interface can do, it does, unless `--offloads=off` is given.
    let config = Config { offloads: true, ..Config::default() }.with_args(rt.args())?;
    let (memory, seed, tasks) = (rt.memory(), rt.seed()?, rt.tasks()?);
    let (now, wall) = (rt.now(), rt.wall_time());
    // The time of day as it was when the program started, and what has passed since.
    #[cfg(not(feature = "ntp"))]
    let wall = move || Some(wall? + tasks.now().since(now));
    #[cfg(feature = "ntp")]
    let clock = &*memory.alloc(sntp::Clock::new(now, wall))?;
    #[cfg(feature = "ntp")]
    let wall = move || clock.read(tasks.now());
    let service = Service::new(tasks, wall)?;
    let ethernet = Ethernet::new(Nic::open(rt, &config)?);
    rt.milestone("interface");
    let internet = internet::on(rt, ethernet, &config, seed)?;
    let mut tcp = Tcp::new(internet, seed, tasks)?;
    tcp.bind(PORT, async |stream, region| service.serve(stream, region).await)?;
    #[cfg(feature = "page")]
    let board = page::bind(rt, &config, "web", &mut tcp)?;
    // For its port of counters: those of all layers and of HTTP.
    let udp = Udp::new(tcp, seed, memory)?.with_service_counters(service.counters());
    #[cfg(feature = "ntp")]
    let udp = udp.with_tasks(tasks)?;
    #[cfg(feature = "ntp")]
    sntp::Sntp::start(udp.sockets(), clock, config.ntp.unwrap_or_default(), seed)?;
    #[cfg(feature = "page")]
    let udp = page::Watch::new(udp, board)?;
    rt.serve(udp, &config)
}
