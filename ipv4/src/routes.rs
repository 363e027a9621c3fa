//! Routes to other networks: one gateway for all of them, or a table (RFC 1122 3.3.1).
//!
//! A layer has its routes as a type, so that a tower with one gateway has no code for a table.

use core::{fmt, net::Ipv4Addr};

use layer::Cidr;

/// How many routes a [`RouteTable`] has room for, beside that to the gateway.
pub const MAX_ROUTES: usize = 16;

/// A route to a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The network: its own address, and the length of its prefix.
    pub network: Cidr,
    /// The router, which is on our link, or `None` if the network itself is on our link.
    pub router: Option<Ipv4Addr>,
}

impl Route {
    /// The route to no address that a host has.
    pub const UNUSED: Self = Self { network: Cidr::UNSPECIFIED, router: None };
}

/// `10.7.0.0/16 by 10.0.0.1`, or `10.7.0.0/16 on the link`
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.router {
            Some(router) => write!(f, "{} by {router}", self.network),
            None => write!(f, "{} on the link", self.network),
        }
    }
}

/// Which neighbour takes a packet to another network.
pub trait Routes {
    /// The neighbour that takes packets to `destination`, which is not in our network: a router, or the destination itself if
    /// its network is on our link. `None` if there is no route.
    fn next_hop(&self, destination: Ipv4Addr) -> Option<Ipv4Addr>;

    /// The neighbour that takes packets to `destination`, which is in our network `ours`, if a route to a part of that network
    /// says so. Otherwise it is the destination.
    fn detour(&self, ours: Cidr, destination: Ipv4Addr) -> Option<Ipv4Addr>;

    /// Sets the gateway: the router for all networks without a route of their own.
    fn set_gateway(&mut self, gateway: Option<Ipv4Addr>);

    /// Replaces all routes but that to the gateway. Returns how many of `routes` are not used.
    fn set_routes(&mut self, routes: &[Route]) -> usize;
}

/// A gateway for all other networks, if there is one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gateway(Option<Ipv4Addr>);

impl Routes for Gateway {
    #[inline(always)]
    fn next_hop(&self, _destination: Ipv4Addr) -> Option<Ipv4Addr> {
        self.0
    }

    #[inline(always)]
    fn detour(&self, _ours: Cidr, _destination: Ipv4Addr) -> Option<Ipv4Addr> {
        None
    }

    #[inline]
    fn set_gateway(&mut self, gateway: Option<Ipv4Addr>) {
        self.0 = gateway;
    }

    fn set_routes(&mut self, routes: &[Route]) -> usize {
        routes.len()
    }
}

/// A gateway, and up to [`MAX_ROUTES`] routes to some networks, of which that with the longest prefix counts. Of two routes to one
/// network, the first one counts.
#[derive(Clone, Debug)]
pub struct RouteTable {
    gateway: Option<Ipv4Addr>,
    routes: [Route; MAX_ROUTES],
    length: usize,
}

impl RouteTable {
    /// The routes, without that to the gateway.
    pub fn routes(&self) -> &[Route] {
        self.routes.get(..self.length).unwrap_or_default()
    }

    /// The route to `destination` with the longest prefix.
    #[inline(never)]
    fn find(&self, destination: Ipv4Addr) -> Option<&Route> {
        let mut found: Option<&Route> = None;
        for route in self.routes().iter().filter(|route| route.network.contains(destination)) {
            // The mask of a longer prefix is the larger number.
            if found.is_none_or(|found| found.network.mask() < route.network.mask()) {
                found = Some(route);
            }
        }
        found
    }
}

/// The gateway, and no other route.
impl From<Gateway> for RouteTable {
    fn from(Gateway(gateway): Gateway) -> Self {
        Self { gateway, routes: [Route::UNUSED; MAX_ROUTES], length: 0 }
    }
}

impl Routes for RouteTable {
    fn next_hop(&self, destination: Ipv4Addr) -> Option<Ipv4Addr> {
        match self.find(destination) {
            Some(route) => Some(route.router.unwrap_or(destination)),
            None => self.gateway,
        }
    }

    fn detour(&self, ours: Cidr, destination: Ipv4Addr) -> Option<Ipv4Addr> {
        let route = self.find(destination)?;
        if route.network.mask() > ours.mask() { route.router } else { None }
    }

    fn set_gateway(&mut self, gateway: Option<Ipv4Addr>) {
        self.gateway = gateway;
    }

    fn set_routes(&mut self, routes: &[Route]) -> usize {
        self.length = 0;
        for (place, route) in self.routes.iter_mut().zip(routes) {
            *place = *route;
            self.length += 1;
        }
        routes.len() - self.length
    }
}

#[cfg(test)]
mod tests;
