//! The usual tower, for a service that does not care what it is made of.

use ethernet::Ethernet;
use internet::Internet;
use rt::{Config, Error, Runtime as _};
use udp::Udp;

use crate::{Nic, Opened, Rt};

/// The link of the usual tower.
type Interface = Ethernet<Opened>;

/// What is below the transports of the usual tower. With the feature `dhcp`, a server may say the address, the gateway and the MTU.
pub(crate) type Below<'g> = Internet<'g, Interface>;

/// The tower that [`host`] builds: UDP over IPv4 over Ethernet, on the interface of the platform. Its services may borrow
/// what lives for `'g`.
pub type Host<'g> = Udp<'g, Below<'g>>;

/// The tower that [`host_with_tcp`] builds: UDP over TCP, which passes each other's packets, over the usual layers.
#[cfg(feature = "tcp")]
pub type TcpHost<'g> = Udp<'g, tcp::Tcp<Below<'g>>>;

/// Opens the interface that the arguments name and builds the usual tower on it. The tower lives in the memory of the
/// program.
///
/// # Errors
/// The interface cannot be opened, the platform has no entropy, or there is no memory for the tables of the layers.
// Inlined, so that it is compiled in the program like the layers that it is made of.
#[inline]
pub fn host<'g>(rt: &mut Rt, config: &Config) -> Result<Host<'g>, Error> {
    let seed = rt.seed()?;
    Ok(Udp::new(below(rt, config, seed)?, seed, rt.memory())?)
}

/// Opens the interface that the arguments name and builds the usual tower on it, with TCP below UDP:
/// `host.network_mut().bind(80, ...)` binds a service of TCP.
///
/// # Errors
/// The interface cannot be opened, the platform has no entropy, or there is no memory for the tables of the layers.
#[cfg(feature = "tcp")]
#[inline]
pub fn host_with_tcp<'g>(rt: &mut Rt, config: &Config) -> Result<TcpHost<'g>, Error> {
    let seed = rt.seed()?;
    let tcp = tcp::Tcp::new(below(rt, config, seed)?, seed, rt.tasks()?)?;
    Ok(Udp::new(tcp, seed, rt.memory())?)
}

#[inline]
pub(crate) fn below<'g>(rt: &mut Rt, config: &Config, seed: u128) -> Result<Below<'g>, Error> {
    let ethernet = Ethernet::new(Nic::open(rt, config)?);
    rt.milestone("interface");
    Ok(internet::on(rt, ethernet, config, seed)?)
}
