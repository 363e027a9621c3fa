#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(any(feature = "kvm", feature = "xen"), no_std, no_main)]

#[cfg(feature = "tcp")]
mod stream;

use arp::Arp;
use cfg_if::cfg_if;
use ethernet::Ethernet;
use icmp::Icmp;
use ipv4::Ipv4;
use rt::{Config, Runtime as _};
use udp::Udp;

cfg_if! {
    if #[cfg(feature = "xen")] {
        use {netif_xen::Netfront as Nic, rt_xen as platform};
    } else if #[cfg(feature = "kvm")] {
        use {netif_virtio::KvmNet as Nic, rt_kvm as platform};
    } else if #[cfg(feature = "unix")] {
        use {netif_tap::Tap as Nic, rt_unix as platform};
    }
}

platform::main!(echo);

fn echo(rt: &mut platform::Rt) -> Result<(), platform::Error> {
    #[cfg(feature = "tcp")]
    let mut with_tcp = false;
    #[cfg(feature = "tcp")]
    let own = rt::arguments! {
        "--tcp" "                     port 8080 answers on TCP too",
            "", |_value| { with_tcp = true; true };
    };
    #[cfg(feature = "tcp")]
    let config = Config::with_arguments(own).from_args(rt.args())?;
    #[cfg(not(feature = "tcp"))]
    let config = Config::from_args(rt.args())?;
    let (memory, seed) = (rt.memory(), rt.seed()?);
    let ethernet = Ethernet::new(Nic::open(rt, &config)?);
    let arp = Arp::new(ethernet, config.ipv4, seed, memory)?;
    let icmp = Icmp::new(Ipv4::new(arp, seed, memory)?, seed);
    #[cfg(feature = "tcp")]
    if with_tcp {
        let mut tcp = tcp::Tcp::new(icmp, seed, rt.tasks()?)?;
        tcp.bind(8080, stream::echo)?;
        let mut udp = Udp::new(tcp, seed, memory)?;
        udp.bind(8080, |request, _region| Ok(request))?;
        return rt.serve(udp, &config);
    }
    let mut udp = Udp::new(icmp, seed, memory)?;
    udp.bind(8080, |request, _region| Ok(request))?;
    rt.serve(udp, &config)
}
