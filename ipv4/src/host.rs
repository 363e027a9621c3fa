//! IPv4 of one host: a value whose methods take the link as an argument.

use core::net::Ipv4Addr;

use ethernet::{Link, Neighbours};
use layer::{Cidr, Instant, KeyedHash, Location, TableHash, is_unicast};
use network::Protocol;
use rt_regions::{Exhausted, Region};

use crate::{
    Counters, Gateway, Route, RouteTable, Routes,
    paths::Paths,
    reassembly::{Limits, Reassembly},
};

mod groups;
mod receive;
mod send;

pub use groups::{ALL_HOSTS, JoinError, MAX_GROUPS, multicast_mac};

/// The default TTL of packets that are sent (IANA's registry of IP parameters).
pub const DEFAULT_TTL: u8 = 64;

/// The state and the decisions of IPv4: groups, reassembly, paths, identifications, and the routes `R`, one gateway or a
/// [`RouteTable`]. The link holds our address; see [`Neighbours`](ethernet::Neighbours).
#[derive(Debug)]
pub struct Host<'g, R = Gateway> {
    routes: R,
    ttl: u8,
    groups: [Ipv4Addr; MAX_GROUPS],
    reassembly: Reassembly<'g>,
    /// The hash that makes identifications.
    hash: KeyedHash,
    paths: Paths<'g>,
    counters: Counters,
    log: bool,
}

impl<'g> Host<'g> {
    /// A host on `link`. Its tables are in `region`; fragments are kept in regions of that region's pool. `secret` must
    /// be unpredictable: it hides the identifications.
    ///
    /// # Errors
    /// `region` has no room for the tables, or no pool.
    pub fn new(
        link: &mut impl Link,
        secret: u128,
        limits: Limits,
        region: &'g Region<'_>,
    ) -> Result<Self, Exhausted> {
        // A link that cannot join has no multicast at all, so no other host on it has multicast either.
        let _ = link.join(multicast_mac(ALL_HOSTS));
        let pool = region.require_pool()?;
        let hash = KeyedHash::new(secret);
        Ok(Self {
            routes: Gateway::default(),
            ttl: DEFAULT_TTL,
            groups: [Ipv4Addr::UNSPECIFIED; MAX_GROUPS],
            reassembly: Reassembly::new(limits, TableHash::new(hash), pool, region)?,
            hash,
            paths: Paths::new(TableHash::new(hash), pool.pages(), region)?,
            counters: Counters::default(),
            log: false,
        })
    }

    /// The host with room for [`MAX_ROUTES`](crate::MAX_ROUTES) routes beside that to the gateway.
    #[must_use]
    pub fn with_route_table(self) -> Host<'g, RouteTable> {
        let Self { routes, ttl, groups, reassembly, hash, paths, counters, log } = self;
        let routes = routes.into();
        Host { routes, ttl, groups, reassembly, hash, paths, counters, log }
    }
}

#[cfg(feature = "cores")]
impl<R> Host<'_, R> {
    /// Says that the host is one of `count` towers with the same address, the one with the number `index`. Their identifications
    /// (RFC 6864) are in ranges of their own, so that no receiver joins fragments of two of them.
    pub fn set_part(&mut self, count: u16, index: u16) {
        self.paths.set_part(count, index);
    }
}

impl<R: Routes> Host<'_, R> {
    /// Sets the gateway for packets to other networks. Without a gateway they are not sent.
    pub fn set_gateway(&mut self, gateway: Option<Ipv4Addr>) {
        self.routes.set_gateway(gateway);
    }

    /// Replaces all routes but that to the gateway. Returns how many of `routes` are not used: all, if there is no
    /// [`RouteTable`] for them.
    pub fn set_routes(&mut self, routes: &[Route]) -> usize {
        self.routes.set_routes(routes)
    }
}

impl Host<'_> {
    /// Whether `address` is our own, which `link` holds.
    #[inline]
    pub fn is_ours(link: &impl Neighbours<Ipv4Addr, Address = Cidr>, address: Ipv4Addr) -> bool {
        Self::source(link) == Some(address)
    }

    /// Whether one host can have `address`, as far as can be told: it is no broadcast address of our network, and not its own.
    pub fn is_unicast(link: &impl Neighbours<Ipv4Addr, Address = Cidr>, address: Ipv4Addr) -> bool {
        let location = link.address().locate(address);
        is_unicast(address) && matches!(location, Location::Host | Location::Outside)
    }

    /// The source address of what we send, to any destination, if we have an address.
    #[inline]
    pub fn source(link: &impl Neighbours<Ipv4Addr, Address = Cidr>) -> Option<Ipv4Addr> {
        let ours = link.address().address();
        (!ours.is_unspecified()).then_some(ours)
    }
}

impl<R> Host<'_, R> {
    /// The routes.
    pub fn routes(&self) -> &R {
        &self.routes
    }

    /// Sets the TTL, instead of [`DEFAULT_TTL`], of packets for which the transport sets none. 0 counts as 1, because a
    /// TTL of 0 must not be sent. Packets to a multicast group have a TTL of 1 (RFC 1112 6.1).
    pub fn set_ttl(&mut self, ttl: u8) {
        self.ttl = ttl;
    }

    /// When to call [`expire`](Self::expire).
    #[inline]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.reassembly.next_deadline()
    }

    /// Records that packets of `protocol` to `destination` must not be larger than `mtu` bytes, header included (RFC
    /// 1191).
    pub fn packet_too_big(
        &mut self,
        now: Instant,
        destination: Ipv4Addr,
        protocol: Protocol,
        mtu: u32,
    ) {
        let noted = self.paths.note(now, destination, protocol, mtu as usize);
        self.counters.small_mtus += u64::from(noted.below_floor);
        self.counters.paths_displaced += u64::from(noted.displaced);
    }

    /// Counts a packet whose protocol no layer above claims.
    pub fn unclaimed(&mut self) {
        self.counters.unknown_protocol += 1;
    }

    /// The counters of the layer.
    pub fn stats(&self) -> &Counters {
        &self.counters
    }

    /// Whether the log is on.
    pub fn has_log(&self) -> bool {
        self.log
    }

    /// Turns the log on or off.
    pub fn set_log(&mut self, on: bool) {
        self.log = on;
    }
}
