#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(any(feature = "kvm", feature = "xen"), no_std, no_main)]

#[cfg(feature = "tcp")]
mod stream;

use arp::Arp;
use cfg_if::cfg_if;
use ethernet::Ethernet;
use icmp::Icmp;
#[cfg(not(feature = "ipv6"))]
use ipv4::Ipv4;
use rt::{Config, Runtime as _};
use udp::Udp;

cfg_if! {
    if #[cfg(any(feature = "kvm", feature = "xen"))] {
        use {netif_guest::Nic, rt_guest as platform};
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
    #[cfg(feature = "cores")]
    let (ethernet, link_seed) =
        (hub::Hub::new(ethernet, rt.core()), rt.core().shared_seed().unwrap_or(seed));
    #[cfg(not(feature = "cores"))]
    let link_seed = seed;
    #[cfg(feature = "dhcp")]
    let ethernet = ethernet::LimitedMtu::new(ethernet);
    let arp = Arp::new(ethernet, config.ipv4, link_seed, memory)?;
    #[cfg(not(feature = "ipv6"))]
    let network = Ipv4::new(arp, seed, memory)?;
    #[cfg(feature = "ipv6")]
    let ndp = ndp::Ndp::new(arp, config.ipv6.address(), link_seed, memory)?
        .enabled(config.ipv6.is_on())
        .with_detection(config.ipv6_dad);
    #[cfg(feature = "ipv6")]
    let network = ip::Ip::new(ndp, seed, memory)?;
    #[cfg(feature = "cores")]
    let network = network.with_part(rt.core().count() as u16, rt.core().index() as u16);
    #[cfg(feature = "dhcp")]
    let network = network.with_route_table();
    #[cfg(feature = "dhcp")]
    let network = dhcp::Dhcp::new(network, seed).enabled(config.ipv4 == layer::Cidr::UNSPECIFIED);
    #[cfg(all(feature = "cores", feature = "dhcp"))]
    let network = network.on_core(rt.core());
    #[cfg(feature = "ipv6")]
    let network = icmpv6::Icmpv6::new(network, seed);
    #[cfg(all(feature = "cores", feature = "ipv6"))]
    let network = network.with_part(rt.core().count() as u32);
    let icmp = Icmp::new(network, seed);
    #[cfg(feature = "cores")]
    let icmp = share::Share::new(icmp.with_part(rt.core().count() as u32), rt.core());
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
