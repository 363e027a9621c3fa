//! The layer: a shell around both hosts.

use core::net::{IpAddr, Ipv4Addr};

use ethernet::{EtherType, Neighbours};
use ipv4::{Configure, Gateway, Route, RouteTable, Routes};
use layer::{Cidr, Counter, Instant, Layer, Offloads, Payload, Rx, Setup};
use network::{Delivery, Network, Outgoing, Packet, Problem, Protocol, Sent};
use rt_regions::{Exhausted, Region};

use crate::DualLink;

/// IPv4 and IPv6 for one host over a link `E`, with the routes `R` of IPv4: one gateway, or a [`RouteTable`].
#[derive(Debug)]
pub struct Ip<'g, E, R = Gateway> {
    link: E,
    ipv4: ipv4::Host<'g, R>,
    ipv6: ipv6::Host<'g>,
    log: bool,
}

/// Our address of IPv4.
#[inline]
fn ours(link: &impl Neighbours<Ipv4Addr, Address = Cidr>) -> Cidr {
    link.address()
}

impl<'g, E: DualLink> Ip<'g, E> {
    /// The layer over `link`, which holds our addresses. Its tables are in `region`; fragments are kept in regions of that region's
    /// pool. `seed` must be unpredictable; see [`Ipv4::new`](ipv4::Ipv4::new) and [`Ipv6::new`](ipv6::Ipv6::new), whose limits and
    /// tables this layer has.
    ///
    /// # Errors
    /// `region` has no room for the tables, or no pool.
    pub fn new(mut link: E, seed: u128, region: &'g Region<'_>) -> Result<Self, Exhausted> {
        let pool = region.require_pool()?;
        let limits = (ipv4::Limits::for_pool(pool), ipv6::Limits::for_pool(pool));
        let secret = layer::seed_for(*b"ipv4", seed);
        let ipv4 = ipv4::Host::new(&mut link, secret, limits.0, region)?;
        let ipv6 = ipv6::Host::new(layer::seed_for(*b"ipv6", seed), limits.1, region)?;
        Ok(Self { link, ipv4, ipv6, log: false })
    }
}

impl<'g, E> Ip<'g, E> {
    /// The layer with room for [`MAX_ROUTES`](ipv4::MAX_ROUTES) routes of IPv4 beside that to the gateway.
    #[must_use]
    pub fn with_route_table(self) -> Ip<'g, E, RouteTable> {
        let Self { link, ipv4, ipv6, log } = self;
        Ip { link, ipv4: ipv4.with_route_table(), ipv6, log }
    }
}

impl<E, R> Ip<'_, E, R> {
    /// The layer of one of `count` towers with the same addresses, the one with the number `index`; see
    /// [`ipv4::Host::set_part`]. Identifications of IPv6 have 32 bits, and are random.
    #[cfg(feature = "cores")]
    #[must_use]
    pub fn with_part(mut self, count: u16, index: u16) -> Self {
        self.ipv4.set_part(count, index);
        self
    }

    /// The link below.
    pub fn link(&self) -> &E {
        &self.link
    }

    /// The link below, mutably. It holds our addresses.
    pub fn link_mut(&mut self) -> &mut E {
        &mut self.link
    }

    /// The counters of IPv4.
    pub fn ipv4_stats(&self) -> &ipv4::Counters {
        self.ipv4.stats()
    }

    /// The counters of IPv6.
    pub fn ipv6_stats(&self) -> &ipv6::Counters {
        self.ipv6.stats()
    }
}

impl<E: DualLink, R: Routes> Layer for Ip<'_, E, R> {
    type Error = E::Error;
    type Event = E::Event;
    type Item<'r> = Delivery<'r>;

    fn event(&self) -> E::Event {
        self.link.event()
    }

    fn receive<'r>(
        &mut self,
        now: Instant,
        region: &'r Region<'_>,
    ) -> Result<Rx<Delivery<'r>>, E::Error> {
        if self.ipv4.next_deadline().is_some_and(|deadline| deadline <= now) {
            match self.ipv4.expire(now, ours(&self.link), region) {
                Rx::Idle => {}
                expired => return Ok(expired),
            }
        }
        if self.ipv6.next_deadline().is_some_and(|deadline| deadline <= now) {
            match self.ipv6.expire(now, &self.link, region) {
                Rx::Idle => {}
                expired => return Ok(expired),
            }
        }
        if let Some(undelivered) = self.link.take_undelivered(region) {
            return Ok(self.ipv6.undelivered(&self.link, &undelivered, region));
        }
        // The frame is looked at where it is, so that it is not copied.
        match self.link.receive(now, region) {
            Ok(Rx::Item(ref frame)) if frame.ethertype == EtherType::IPV4 => {
                Ok(self.ipv4.receive(now, ours(&self.link), frame, region))
            }
            Ok(Rx::Item(ref frame)) if frame.ethertype == EtherType::IPV6 => {
                Ok(self.ipv6.receive(now, &self.link, frame, region))
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
            layer::log!(self.log, "ip: nobody wanted {}", packet.protocol);
            match packet.source {
                IpAddr::V4(_) => self.ipv4.unclaimed(),
                IpAddr::V6(_) => self.ipv6.unclaimed(),
            }
        }
        Ok(())
    }

    fn next_deadline(&self) -> Option<Instant> {
        let ours = Instant::earliest(self.ipv4.next_deadline(), self.ipv6.next_deadline());
        Instant::earliest(ours, self.link.next_deadline())
    }

    fn ready(&self) -> Result<bool, &dyn core::fmt::Display> {
        self.link.ready()
    }

    fn counters(&self, visit: &mut dyn FnMut(Counter)) {
        self.link.counters(visit);
        self.ipv4.stats().visit(visit);
        self.ipv6.stats().visit(visit);
    }

    /// The logs are those of `ipv4` and `ipv6`, each by its name.
    fn configure(&mut self, setup: &mut Setup<'_>) {
        if setup.turn_on("ipv4", &mut self.log) {
            self.ipv4.set_log(true);
        }
        if setup.turn_on("ipv6", &mut self.log) {
            self.ipv6.set_log(true);
        }
        if setup.gateway.is_some() {
            self.ipv4.set_gateway(setup.gateway.take());
        }
        self.link.configure(setup);
    }

    fn describe(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.link.describe(f)
    }

    #[inline]
    fn end(&mut self, now: Instant) -> Result<bool, E::Error> {
        self.link.end(now)
    }
}

impl<E: DualLink, R: Routes> Network for Ip<'_, E, R> {
    #[inline]
    fn is_ours(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => ipv4::Host::is_ours(&self.link, address),
            IpAddr::V6(address) => ipv6::Host::is_ours(&self.link, address),
        }
    }

    fn is_unicast(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => ipv4::Host::is_unicast(&self.link, address),
            IpAddr::V6(address) => layer::is_unicast_ipv6(address),
        }
    }

    #[inline]
    fn source_for(&self, destination: IpAddr) -> Option<IpAddr> {
        match destination {
            IpAddr::V4(_) => ipv4::Host::source(&self.link).map(IpAddr::V4),
            IpAddr::V6(destination) => {
                ipv6::Host::source_for(&self.link, destination).map(IpAddr::V6)
            }
        }
    }

    #[inline]
    fn max_payload(&self, destination: IpAddr) -> usize {
        match destination {
            IpAddr::V4(_) => ipv4::MAX_PACKET_LEN - ipv4::HEADER_LEN,
            IpAddr::V6(_) => ipv6::MAX_PAYLOAD_LEN,
        }
    }

    fn path_mtu(&self, now: Instant, destination: IpAddr, protocol: Protocol) -> usize {
        match destination {
            IpAddr::V4(destination) => self.ipv4.path_mtu(now, &self.link, destination, protocol),
            IpAddr::V6(destination) => self.ipv6.path_mtu(now, &self.link, destination, protocol),
        }
    }

    fn room(&self) -> usize {
        self.link.room()
    }

    #[inline]
    fn offloads(&self, destination: IpAddr) -> Offloads {
        match destination {
            IpAddr::V4(_) => self.link.offloads(),
            IpAddr::V6(_) => ipv6::Host::offloads(&self.link),
        }
    }

    fn send(
        &mut self,
        now: Instant,
        outgoing: &Outgoing,
        payload: impl Payload,
    ) -> Result<Sent, E::Error> {
        match outgoing.destination {
            IpAddr::V4(_) => self.ipv4.send(now, &mut self.link, outgoing, payload),
            IpAddr::V6(_) => self.ipv6.send(now, &mut self.link, outgoing, payload),
        }
    }

    /// Sends nothing: the errors are those of `Icmp` and `Icmpv6`.
    fn send_error(
        &mut self,
        _now: Instant,
        packet: &Packet<'_>,
        _problem: Problem,
    ) -> Result<(), E::Error> {
        match packet.source {
            IpAddr::V4(_) => self.ipv4.unclaimed(),
            IpAddr::V6(_) => self.ipv6.unclaimed(),
        }
        Ok(())
    }

    fn packet_too_big(&mut self, now: Instant, destination: IpAddr, protocol: Protocol, mtu: u32) {
        match destination {
            IpAddr::V4(destination) => self.ipv4.packet_too_big(now, destination, protocol, mtu),
            IpAddr::V6(destination) => self.ipv6.packet_too_big(now, destination, protocol, mtu),
        }
    }

    fn confirm(&mut self, now: Instant, destination: IpAddr) {
        if let IpAddr::V6(destination) = destination {
            self.link.confirm(now, destination);
        }
    }
}

impl<E: DualLink, R: Routes> Configure for Ip<'_, E, R> {
    type Link = E;

    fn link(&self) -> &E {
        &self.link
    }

    fn link_mut(&mut self) -> &mut E {
        &mut self.link
    }

    fn set_gateway(&mut self, gateway: Option<Ipv4Addr>) {
        self.ipv4.set_gateway(gateway);
    }

    fn set_routes(&mut self, routes: &[Route]) -> usize {
        self.ipv4.set_routes(routes)
    }
}

#[cfg(test)]
mod tests;
