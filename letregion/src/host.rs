//! The usual tower, for a service that does not care what it is made of.

use arp::Arp;
use ethernet::Ethernet;
use icmp::Icmp;
use ipv4::Ipv4;
use netif::Capture;
use rt::{Config, Error, Runtime};
use udp::Udp;

use crate::{Nic, Rt};

/// The tower that [`host`] builds: UDP over IPv4 over Ethernet, on the interface of the platform. Its services may borrow
/// what lives for `'g`.
pub type Host<'g> =
    Udp<'g, Icmp<Ipv4<'g, Arp<'g, Ethernet<Capture<Nic, <Rt as Runtime>::Recorder>>>>>>;

/// Opens the interface that the arguments name and builds the usual tower on it. The tower lives in the memory of the
/// program.
///
/// # Errors
/// The interface cannot be opened, the platform has no entropy, or there is no memory for the tables of the layers.
// Inlined, so that it is compiled in the program like the layers that it is made of.
#[inline]
pub fn host<'g>(rt: &mut Rt, config: &Config) -> Result<Host<'g>, Error> {
    let (memory, seed) = (rt.memory(), rt.seed()?);
    let ethernet = Ethernet::new(Nic::open(rt, config)?);
    let arp = Arp::new(ethernet, config.ipv4, seed, memory)?;
    let icmp = Icmp::new(Ipv4::new(arp, seed, memory)?, seed);
    Ok(Udp::new(icmp, seed, memory)?)
}
