#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(any(feature = "kvm", feature = "xen"), no_std, no_main)]

mod merge;
mod service;

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

platform::main!(sort);

fn sort(rt: &mut platform::Rt) -> Result<(), platform::Error> {
    let config = Config::from_args(rt.args())?;
    let (memory, seed) = (rt.memory(), rt.seed()?);
    let ethernet = Ethernet::new(Nic::open(rt, &config)?);
    let internet = internet::on(rt, ethernet, &config, seed)?;
    let mut udp = Udp::new(internet, seed, memory)?;
    udp.bind(8080, service::sort)?;
    rt.serve(udp, &config)
}
