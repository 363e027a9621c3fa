#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(any(feature = "kvm", feature = "xen"), no_std, no_main)]

mod json;
mod message;
mod parameters;
mod results;
mod service;
mod test;

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

platform::main!(iperf3);

fn iperf3(rt: &mut platform::Rt) -> Result<(), platform::Error> {
    // As fast as the interface allows, unless `--offloads=off` is given.
    let config = Config { offloads: true, ..Config::default() }.with_args(rt.args())?;
    let (memory, seed, tasks) = (rt.memory(), rt.seed()?, rt.tasks()?);
    let service = Service::new(tasks)?;
    let ethernet = Ethernet::new(Nic::open(rt, &config)?);
    let internet = internet::on(rt, ethernet, &config, seed)?;
    let mut tcp = Tcp::new(internet, seed, tasks)?;
    tcp.bind(PORT, async |stream, region| service.serve(stream, region).await)?;
    rt.serve(Udp::new(tcp, seed, memory)?, &config)
}
