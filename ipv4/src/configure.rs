//! The trait of an IPv4 that is configured while it serves.

use core::net::Ipv4Addr;

use ethernet::Neighbours;
use layer::Cidr;
use network::Network;

use crate::Route;

/// A network with IPv4, whose address, routes and MTU can be set while it serves: what a client of DHCP stands on. `Ipv4` is
/// one, and so is a network with both families.
pub trait Configure: Network {
    /// The link below, which owns our address.
    type Link: Neighbours<Ipv4Addr, Address = Cidr, Error = Self::Error>;

    /// The link below.
    fn link(&self) -> &Self::Link;

    /// The link below, mutably.
    fn link_mut(&mut self) -> &mut Self::Link;

    /// Sets the gateway for packets to other networks. Without a gateway they are not sent.
    fn set_gateway(&mut self, gateway: Option<Ipv4Addr>);

    /// Replaces all routes to other networks but that to the gateway. Returns how many of `routes` are not used: all, if there is
    /// no [`RouteTable`](crate::RouteTable) for them.
    fn set_routes(&mut self, routes: &[Route]) -> usize;
}
