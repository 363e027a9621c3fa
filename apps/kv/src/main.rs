#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(any(feature = "kvm", feature = "xen"), no_std, no_main)]

mod options;
#[cfg(feature = "cores")]
mod owners;
mod protocol;
mod service;
mod store;

#[cfg(test)]
mod tests;

use cfg_if::cfg_if;
use ethernet::Ethernet;
use layer::Networks;
use rt::{Config, Runtime as _};
use udp::Udp;

use options::{CAP, Options, UPSTREAM};
use service::Service;

cfg_if! {
    if #[cfg(any(feature = "kvm", feature = "xen"))] {
        use {netif_guest::Nic, rt_guest as platform};
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
    #[cfg(not(feature = "cores"))]
    let count = 1;
    #[cfg(feature = "cores")]
    let count = rt.core().count();
    let service = Service::new(&options, options.cap_in(rt.pool(), count)?, seed, memory)?;
    let ethernet = Ethernet::new(Nic::open(rt, &config)?);
    let internet = internet::on(rt, ethernet, &config, seed)?;
    let udp = Udp::new(internet, seed, memory)?.with_tasks(rt.tasks()?)?;
    #[cfg(feature = "cores")]
    if !rt.core().is_alone() {
        let owners = owners::Owners::new(rt.core(), rt.tasks()?)?;
        let mut udp = udp.with_service_counters(memory.alloc(owners.counters(service))?);
        owners.bind(service, &mut udp)?;
        return rt.serve(udp, &config);
    }
    let mut udp = udp.with_service_counters(service.counters());
    service.bind(&mut udp)?;
    rt.serve(udp, &config)
}
