#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(any(feature = "kvm", feature = "xen"), no_std, no_main)]

mod pi;
mod sobol;

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

platform::main!(monte_carlo);

fn monte_carlo(rt: &mut platform::Rt) -> Result<(), platform::Error> {
    let config = Config::from_args(rt.args())?;
    let (memory, seed) = (rt.memory(), rt.seed()?);
    let ethernet = Ethernet::new(Nic::open(rt, &config)?);
    let internet = internet::on(rt, ethernet, &config, seed)?;
    let mut udp = Udp::new(internet, seed, memory)?.with_tasks(rt.tasks()?)?;
    udp.spawn_each(8080, pi::REQUESTS_AT_ONCE, pi::pi)?;
    rt.serve(udp, &config)
}
