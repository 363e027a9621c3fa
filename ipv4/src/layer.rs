//! The layer: hands up whole packets that are for us, and sends packets, in fragments if they do not fit. It is a shell
//! around [`Host`].

use core::net::{IpAddr, Ipv4Addr};

use ethernet::{EtherType, Neighbours};
use layer::{Cidr, Instant, Layer, Offloads, Payload, Rx, Setup};
use network::{Delivery, Network, Outgoing, Packet, Problem, Protocol, Sent};
use rt_regions::{Exhausted, Region};

use crate::{
    Configure, Counters, Gateway, Host, JoinError, Route, RouteTable, Routes,
    reassembly::Limits,
    wire::{HEADER_LEN, MAX_PACKET_LEN},
};

/// IPv4 for one host over a link `E`, with the routes `R`: one gateway, or a [`RouteTable`].
#[derive(Debug)]
pub struct Ipv4<'g, E, R = Gateway> {
    link: E,
    host: Host<'g, R>,
    log: bool,
}

impl<'g, E: Neighbours<Ipv4Addr, Address = Cidr>> Ipv4<'g, E> {
    /// The layer over `link`, which holds our address. Its tables are in `region`; fragments are kept in regions of
    /// that region's pool. `seed` must be unpredictable: it hides the identifications. The other layers may share it;
    /// see [`layer::seed_for`].
    ///
    /// The number of paths that are remembered, and of counters that make identifications, depends on the pool: a power
    /// of two, at most half of its pages, from 64 to 4,096. One path and one counter together take 16 bytes.
    ///
    /// # Errors
    /// `region` has no room for the tables, or no pool.
    pub fn new(link: E, seed: u128, region: &'g Region<'_>) -> Result<Self, Exhausted> {
        let pool = region.require_pool()?;
        Self::with_limits(link, seed, Limits::for_pool(pool), region)
    }

    /// The layer over `link` with other `limits` for reassembly.
    ///
    /// # Errors
    /// `region` has no room for the tables, or no pool.
    pub fn with_limits(
        mut link: E,
        seed: u128,
        limits: Limits,
        region: &'g Region<'_>,
    ) -> Result<Self, Exhausted> {
        let secret = layer::seed_for(*b"ipv4", seed);
        let host = Host::new(&mut link, secret, limits, region)?;
        Ok(Self { link, host, log: false })
    }
}

impl<'g, E> Ipv4<'g, E> {
    /// The layer with room for [`MAX_ROUTES`](crate::MAX_ROUTES) routes beside that to the gateway.
    #[must_use]
    pub fn with_route_table(self) -> Ipv4<'g, E, RouteTable> {
        Ipv4 { link: self.link, host: self.host.with_route_table(), log: self.log }
    }
}

#[cfg(feature = "cores")]
impl<E, R> Ipv4<'_, E, R> {
    /// The layer of one of `count` towers with the same address, the one with the number `index`; see [`Host::set_part`].
    #[must_use]
    pub fn with_part(mut self, count: u16, index: u16) -> Self {
        self.host.set_part(count, index);
        self
    }
}

impl<E: Neighbours<Ipv4Addr, Address = Cidr>, R> Ipv4<'_, E, R> {
    /// Joins the multicast `group`, without telling routers (no IGMP): it is for groups of this link.
    ///
    /// # Errors
    /// `group` is not a multicast address, or too many groups are joined.
    pub fn join(&mut self, group: Ipv4Addr) -> Result<(), JoinError> {
        self.host.join(&mut self.link, group)
    }

    /// Leaves the multicast `group`.
    pub fn leave(&mut self, group: Ipv4Addr) {
        self.host.leave(&mut self.link, group);
    }
}

impl<E, R: Routes> Ipv4<'_, E, R> {
    /// Sets the gateway for packets to other networks. Without a gateway they are not sent.
    #[must_use]
    pub fn with_gateway(mut self, gateway: Option<Ipv4Addr>) -> Self {
        self.set_gateway(gateway);
        self
    }

    /// Sets the gateway for packets to other networks. Without a gateway they are not sent.
    pub fn set_gateway(&mut self, gateway: Option<Ipv4Addr>) {
        self.host.set_gateway(gateway);
    }

    /// Replaces all routes but that to the gateway; see [`Configure::set_routes`].
    pub fn set_routes(&mut self, routes: &[Route]) -> usize {
        self.host.set_routes(routes)
    }

    /// The routes.
    pub fn routes(&self) -> &R {
        self.host.routes()
    }
}

impl<E, R> Ipv4<'_, E, R> {
    /// Sets the TTL, instead of [`DEFAULT_TTL`](crate::DEFAULT_TTL), of packets for which the transport sets none. 0
    /// counts as 1, because a TTL of 0 must not be sent. Packets to a multicast group have a TTL of 1 (RFC 1112 6.1).
    #[must_use]
    pub fn with_ttl(mut self, ttl: u8) -> Self {
        self.host.set_ttl(ttl);
        self
    }

    /// The link below.
    pub fn link(&self) -> &E {
        &self.link
    }

    /// The link below, mutably. It holds our address.
    pub fn link_mut(&mut self) -> &mut E {
        &mut self.link
    }

    /// The counters of this layer.
    pub fn stats(&self) -> &Counters {
        self.host.stats()
    }
}

impl<E: Neighbours<Ipv4Addr, Address = Cidr>, R: Routes> Layer for Ipv4<'_, E, R> {
    type Item<'r> = Delivery<'r>;

    layer::forward!(link: E, "ipv4" in host; ready, describe, end);

    fn receive<'r>(
        &mut self,
        now: Instant,
        region: &'r Region<'_>,
    ) -> Result<Rx<Delivery<'r>>, E::Error> {
        if self.host.next_deadline().is_some_and(|deadline| deadline <= now) {
            match self.host.expire(now, self.link.address(), region) {
                Rx::Idle => {}
                expired => return Ok(expired),
            }
        }
        // The frame is looked at where it is, so that it is not copied.
        match self.link.receive(now, region) {
            Ok(Rx::Item(ref frame)) if frame.ethertype == EtherType::IPV4 => {
                Ok(self.host.receive(now, self.link.address(), frame, region))
            }
            Ok(Rx::Item(frame)) => {
                self.link.unclaimed(now, frame)?;
                Ok(Rx::Handled)
            }
            Ok(Rx::Handled) => Ok(Rx::Handled),
            Ok(Rx::Idle) => Ok(Rx::Idle),
            Err(error) => Err(error),
        }
    }

    fn unclaimed(&mut self, _now: Instant, item: Delivery<'_>) -> Result<(), E::Error> {
        if let Delivery::Packet(packet) = item {
            layer::log!(self.log, "ipv4: nobody wanted {}", packet.protocol);
            self.host.unclaimed();
        }
        Ok(())
    }

    fn configure(&mut self, setup: &mut Setup<'_>) {
        if setup.turn_on("ipv4", &mut self.log) {
            self.host.set_log(true);
        }
        if setup.gateway.is_some() {
            self.host.set_gateway(setup.gateway.take());
        }
        self.link.configure(setup);
    }

    fn next_deadline(&self) -> Option<Instant> {
        Instant::earliest(self.host.next_deadline(), self.link.next_deadline())
    }
}

impl<E: Neighbours<Ipv4Addr, Address = Cidr>, R: Routes> Network for Ipv4<'_, E, R> {
    const CARRIES_IPV6: bool = false;

    #[inline]
    fn is_ours(&self, address: IpAddr) -> bool {
        self.source_for(address) == Some(address)
    }

    fn is_unicast(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => Host::is_unicast(&self.link, address),
            // For IPv6 there is no way, which is another reason.
            IpAddr::V6(_) => true,
        }
    }

    #[inline]
    fn source_for(&self, destination: IpAddr) -> Option<IpAddr> {
        match destination {
            IpAddr::V4(_) => Host::source(&self.link).map(IpAddr::V4),
            IpAddr::V6(_) => None,
        }
    }

    #[inline]
    fn max_payload(&self, destination: IpAddr) -> usize {
        if destination.is_ipv4() { MAX_PACKET_LEN - HEADER_LEN } else { 0 }
    }

    fn path_mtu(&self, now: Instant, destination: IpAddr, protocol: Protocol) -> usize {
        match destination {
            IpAddr::V4(destination) => self.host.path_mtu(now, &self.link, destination, protocol),
            IpAddr::V6(_) => 0,
        }
    }

    fn room(&self) -> usize {
        self.link.room()
    }

    #[inline]
    fn offloads(&self, _destination: IpAddr) -> Offloads {
        self.link.offloads()
    }

    fn send(
        &mut self,
        now: Instant,
        outgoing: &Outgoing,
        payload: impl Payload,
    ) -> Result<Sent, E::Error> {
        self.host.send(now, &mut self.link, outgoing, payload)
    }

    /// Sends nothing: IPv4 alone has no errors, `Icmp` does.
    fn send_error(
        &mut self,
        _now: Instant,
        _packet: &Packet<'_>,
        _problem: Problem,
    ) -> Result<(), E::Error> {
        self.host.unclaimed();
        Ok(())
    }

    fn packet_too_big(&mut self, now: Instant, destination: IpAddr, protocol: Protocol, mtu: u32) {
        if let IpAddr::V4(destination) = destination {
            self.host.packet_too_big(now, destination, protocol, mtu);
        }
    }
}

impl<E: Neighbours<Ipv4Addr, Address = Cidr>, R: Routes> Configure for Ipv4<'_, E, R> {
    type Link = E;

    fn link(&self) -> &E {
        &self.link
    }

    fn link_mut(&mut self) -> &mut E {
        &mut self.link
    }

    fn set_gateway(&mut self, gateway: Option<Ipv4Addr>) {
        self.host.set_gateway(gateway);
    }

    fn set_routes(&mut self, routes: &[Route]) -> usize {
        self.host.set_routes(routes)
    }
}

#[cfg(test)]
mod tests;
