#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(any(feature = "kvm", feature = "xen"), no_std, no_main)]

mod options;
mod service;
mod stream;
mod zones;

#[cfg(test)]
mod tests;

use cfg_if::cfg_if;
use ethernet::Ethernet;
use rt::{Config, Runtime as _};
use tcp::Tcp;
use udp::Udp;

use options::{Options, RATE, TRANSFER_TO};
use service::{PORT, Service};

cfg_if! {
    if #[cfg(any(feature = "kvm", feature = "xen"))] {
        use {netif_guest::Nic, rt_guest as platform};
    } else if #[cfg(feature = "unix")] {
        use {netif_tap::Tap as Nic, rt_unix as platform};
    }
}

platform::main!(dns);

fn dns(rt: &mut platform::Rt) -> Result<(), platform::Error> {
    let mut options = Options::default();
    let config = Config::with_arguments(rt::arguments! {
        "--transfer-to" "=CIDR,...    who may have whole zones (nobody)",
            TRANSFER_TO, |value| options.transfer_to.set(value);
        "--rate" "=SIZE               bytes a second by UDP to 256 addresses; 0: any (16K)",
            RATE, |value| options.set_rate(value);
    })
    .from_args(rt.args())?;
    let (memory, seed, tasks) = (rt.memory(), rt.seed()?, rt.tasks()?);
    let service = Service::new(&options, zones::read(memory)?, seed, memory)?;
    let ethernet = Ethernet::new(Nic::open(rt, &config)?);
    let internet = internet::on(rt, ethernet, &config, seed)?;
    let mut tcp = Tcp::new(internet, seed, tasks)?;
    tcp.bind(PORT, async |stream, region| service.serve(stream, region).await)?;
    let mut udp = Udp::new(tcp, seed, memory)?.with_service_counters(service.counters());
    service.bind(&mut udp)?;
    rt.serve(udp, &config)
}
