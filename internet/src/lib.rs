#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

use arp::Arp;
#[cfg(feature = "dhcp")]
use dhcp::Dhcp;
#[cfg(feature = "dhcp")]
use ethernet::LimitedMtu;
use ethernet::Link;
#[cfg(feature = "cores")]
use hub::Hub;
use icmp::Icmp;
#[cfg(feature = "ipv6")]
use icmpv6::Icmpv6;
#[cfg(feature = "ipv6")]
use ip::Ip;
#[cfg(not(feature = "dhcp"))]
use ipv4::Gateway as Routes;
#[cfg(not(feature = "ipv6"))]
use ipv4::Ipv4;
#[cfg(feature = "dhcp")]
use ipv4::RouteTable as Routes;
#[cfg(feature = "ipv6")]
use ndp::Ndp;
use rt::{Runtime, Settings};
use rt_regions::{Exhausted, Region};
#[cfg(feature = "cores")]
use share::Share;

/// The link of this core, one of several.
#[cfg(not(feature = "cores"))]
type OfCore<L> = L;

/// The link of this core, one of several.
#[cfg(feature = "cores")]
type OfCore<L> = Hub<L>;

/// The link below the addresses.
#[cfg(not(feature = "dhcp"))]
type Below<L> = OfCore<L>;

/// The link below the addresses. A server may limit its MTU.
#[cfg(feature = "dhcp")]
type Below<L> = LimitedMtu<OfCore<L>>;

/// IPv4 over such a link. A server may name other routes than that to a gateway.
#[cfg(not(feature = "ipv6"))]
type Network<'g, L> = Ipv4<'g, Arp<'g, Below<L>>, Routes>;

/// IPv4 and IPv6 over such a link.
#[cfg(feature = "ipv6")]
type Network<'g, L> = Ip<'g, Ndp<'g, Arp<'g, Below<L>>>, Routes>;

/// Such a network, whose addresses are configured.
#[cfg(not(feature = "dhcp"))]
type Addressed<'g, L> = Network<'g, L>;

/// Such a network, whose address of IPv4 is configured, or comes from a server.
#[cfg(feature = "dhcp")]
type Addressed<'g, L> = Dhcp<'g, Network<'g, L>>;

/// A network with ICMP.
#[cfg(not(feature = "ipv6"))]
type WithIcmp<I> = Icmp<I>;

/// A network with ICMP for both families.
#[cfg(feature = "ipv6")]
type WithIcmp<I> = Icmp<Icmpv6<I>>;

/// The network of all cores.
#[cfg(not(feature = "cores"))]
type OfCores<I> = I;

/// The network of all cores.
#[cfg(feature = "cores")]
type OfCores<I> = Share<I>;

/// What is between a link and the transports, which [`over`] builds.
pub type Internet<'g, L> = OfCores<WithIcmp<Addressed<'g, L>>>;

/// Builds the layers between `link` and the transports, with the addresses of the arguments. Their tables are in `memory`. `seed`
/// must be unpredictable; the other layers may share it, see [`layer::seed_for`].
///
/// # Errors
/// `memory` has no room for the tables, or no pool.
#[inline]
pub fn over<'g, L: Link>(
    link: L,
    config: &Settings<'_>,
    seed: u128,
    memory: &'g Region<'_>,
) -> Result<Internet<'g, L>, Exhausted> {
    #[cfg(feature = "cores")]
    let link = Hub::new(link, cores::Core::ALONE);
    let network = between(link, config, seed, seed, memory)?;
    #[cfg(feature = "cores")]
    let network = Share::new(network, cores::Core::ALONE);
    Ok(network)
}

/// Builds the layers between `link` and the transports, as [`over`] does, for the core that `rt` runs on. Their tables are in
/// the memory of the program.
///
/// # Errors
/// There is no room for the tables.
#[inline]
pub fn on<'g, L: Link>(
    rt: &impl Runtime,
    link: L,
    config: &Settings<'_>,
    seed: u128,
) -> Result<Internet<'g, L>, Exhausted> {
    #[cfg(not(feature = "cores"))]
    let shared_seed = seed;
    // What all cores find out about the link, and what they call themselves there, is the same.
    #[cfg(feature = "cores")]
    let shared_seed = rt.core().shared_seed().unwrap_or(seed);
    #[cfg(feature = "cores")]
    let link = Hub::new(link, rt.core());
    let network = between(link, config, shared_seed, seed, rt.memory())?;
    #[cfg(feature = "cores")]
    let network = Share::new(network, rt.core());
    Ok(network)
}

/// The layers between the link of this core and the network of all. `link_seed` is that of the layers that know the link.
#[inline]
fn between<'g, L: Link>(
    link: OfCore<L>,
    config: &Settings<'_>,
    link_seed: u128,
    seed: u128,
    memory: &'g Region<'_>,
) -> Result<WithIcmp<Addressed<'g, L>>, Exhausted> {
    #[cfg(feature = "cores")]
    let core = link.core();
    #[cfg(feature = "dhcp")]
    let link = LimitedMtu::new(link);
    let link = Arp::new(link, config.ipv4, link_seed, memory)?;
    #[cfg(not(feature = "ipv6"))]
    let network = Ipv4::new(link, seed, memory)?;
    #[cfg(feature = "ipv6")]
    let network = {
        let ndp = Ndp::new(link, config.ipv6.address(), link_seed, memory)?;
        Ip::new(ndp.enabled(config.ipv6.is_on()).with_detection(config.ipv6_dad), seed, memory)?
    };
    #[cfg(feature = "cores")]
    let network = network.with_part(core.count() as u16, core.index() as u16);
    #[cfg(feature = "dhcp")]
    let network = network.with_route_table();
    #[cfg(feature = "dhcp")]
    let network = Dhcp::new(network, seed).enabled(config.ipv4 == layer::Cidr::UNSPECIFIED);
    #[cfg(all(feature = "cores", feature = "dhcp"))]
    let network = network.on_core(core);
    #[cfg(feature = "cores")]
    let count = core.count() as u32;
    #[cfg(feature = "ipv6")]
    let network = Icmpv6::new(network, seed);
    #[cfg(all(feature = "cores", feature = "ipv6"))]
    let network = network.with_part(count);
    let network = Icmp::new(network, seed);
    #[cfg(feature = "cores")]
    let network = network.with_part(count);
    Ok(network)
}

/// The client of DHCP among these layers.
#[cfg(feature = "dhcp")]
pub fn dhcp<'i, 'g, L>(internet: &'i mut Internet<'g, L>) -> &'i mut Dhcp<'g, Network<'g, L>> {
    #[cfg(feature = "cores")]
    let internet = internet.network_mut();
    let network = internet.network_mut();
    #[cfg(feature = "ipv6")]
    let network = network.network_mut();
    network
}

/// The layer of Neighbour Discovery among these layers.
#[cfg(feature = "ipv6")]
pub fn ndp<'i, 'g, L>(internet: &'i mut Internet<'g, L>) -> &'i mut Ndp<'g, Arp<'g, Below<L>>> {
    #[cfg(feature = "dhcp")]
    let network = dhcp(internet).network_mut();
    #[cfg(not(feature = "dhcp"))]
    let network = internet.network_mut().network_mut();
    network.link_mut()
}
