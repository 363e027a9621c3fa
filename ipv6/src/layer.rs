//! The layer: hands up whole packets that are for us, and sends packets, in fragments if they do not fit. It is a shell around
//! [`Host`].

use core::net::{IpAddr, Ipv6Addr};

use ethernet::EtherType;
use layer::{Instant, Layer, Offloads, Payload, Rx, Setup, is_unicast_ipv6};
use network::{Delivery, Network, Outgoing, Packet, Problem, Protocol, Sent};
use rt_regions::{Exhausted, Region};

use crate::{Counters, Discovery, Host, JoinError, reassembly::Limits, wire::MAX_PAYLOAD_LEN};

/// IPv6 for one host over a link `E`.
#[derive(Debug)]
pub struct Ipv6<'g, E> {
    link: E,
    host: Host<'g>,
    log: bool,
}

impl<'g, E: Discovery> Ipv6<'g, E> {
    /// The layer over `link`, which holds our addresses. Its tables are in `region`; fragments are kept in regions of that region's
    /// pool. `seed` must be unpredictable: it hides the identifications and the flow labels. The other layers may share it; see
    /// [`layer::seed_for`].
    ///
    /// The number of paths that are remembered depends on the pool: a power of two, at most a quarter of its pages, from 32 to
    /// 2,048. One path takes 32 bytes.
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
        link: E,
        seed: u128,
        limits: Limits,
        region: &'g Region<'_>,
    ) -> Result<Self, Exhausted> {
        let host = Host::new(layer::seed_for(*b"ipv6", seed), limits, region)?;
        Ok(Self { link, host, log: false })
    }

    /// Joins the multicast `group`; the link tells routers.
    ///
    /// # Errors
    /// `group` is not a multicast address, or too many groups are joined.
    pub fn join(&mut self, group: Ipv6Addr) -> Result<(), JoinError> {
        self.link.join_group(group)
    }

    /// Leaves the multicast `group`.
    pub fn leave(&mut self, group: Ipv6Addr) {
        self.link.leave_group(group);
    }
}

impl<E> Ipv6<'_, E> {
    /// The link below.
    pub fn link(&self) -> &E {
        &self.link
    }

    /// The link below, mutably. It holds our addresses.
    pub fn link_mut(&mut self) -> &mut E {
        &mut self.link
    }

    /// The counters of this layer.
    pub fn stats(&self) -> &Counters {
        self.host.stats()
    }
}

impl<E: Discovery> Layer for Ipv6<'_, E> {
    type Item<'r> = Delivery<'r>;

    layer::forward!(link: E, "ipv6" in host; ready, describe, end);

    fn receive<'r>(
        &mut self,
        now: Instant,
        region: &'r Region<'_>,
    ) -> Result<Rx<Delivery<'r>>, E::Error> {
        if self.host.next_deadline().is_some_and(|deadline| deadline <= now) {
            match self.host.expire(now, &self.link, region) {
                Rx::Idle => {}
                expired => return Ok(expired),
            }
        }
        if let Some(undelivered) = self.link.take_undelivered(region) {
            return Ok(self.host.undelivered(&self.link, &undelivered, region));
        }
        // The frame is looked at where it is, so that it is not copied.
        match self.link.receive(now, region) {
            Ok(Rx::Item(ref frame)) if frame.ethertype == EtherType::IPV6 => {
                Ok(self.host.receive(now, &self.link, frame, region))
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
            layer::log!(self.log, "ipv6: nobody wanted {}", packet.protocol);
            self.host.unclaimed();
        }
        Ok(())
    }

    fn configure(&mut self, setup: &mut Setup<'_>) {
        if setup.turn_on("ipv6", &mut self.log) {
            self.host.set_log(true);
        }
        self.link.configure(setup);
    }

    fn next_deadline(&self) -> Option<Instant> {
        Instant::earliest(self.host.next_deadline(), self.link.next_deadline())
    }
}

impl<E: Discovery> Network for Ipv6<'_, E> {
    #[inline]
    fn is_ours(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(_) => false,
            IpAddr::V6(address) => Host::is_ours(&self.link, address),
        }
    }

    fn is_unicast(&self, address: IpAddr) -> bool {
        match address {
            // For IPv4 there is no way, which is another reason.
            IpAddr::V4(_) => true,
            IpAddr::V6(address) => is_unicast_ipv6(address),
        }
    }

    #[inline]
    fn source_for(&self, destination: IpAddr) -> Option<IpAddr> {
        match destination {
            IpAddr::V4(_) => None,
            IpAddr::V6(destination) => Host::source_for(&self.link, destination).map(IpAddr::V6),
        }
    }

    #[inline]
    fn max_payload(&self, destination: IpAddr) -> usize {
        if destination.is_ipv6() { MAX_PAYLOAD_LEN } else { 0 }
    }

    fn path_mtu(&self, now: Instant, destination: IpAddr, protocol: Protocol) -> usize {
        match destination {
            IpAddr::V4(_) => 0,
            IpAddr::V6(destination) => self.host.path_mtu(now, &self.link, destination, protocol),
        }
    }

    fn room(&self) -> usize {
        self.link.room()
    }

    #[inline]
    fn offloads(&self, _destination: IpAddr) -> Offloads {
        Host::offloads(&self.link)
    }

    fn send(
        &mut self,
        now: Instant,
        outgoing: &Outgoing,
        payload: impl Payload,
    ) -> Result<Sent, E::Error> {
        self.host.send(now, &mut self.link, outgoing, payload)
    }

    /// Sends nothing: IPv6 alone has no errors, `Icmpv6` does.
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
        if let IpAddr::V6(destination) = destination {
            self.host.packet_too_big(now, destination, protocol, mtu);
        }
    }

    fn confirm(&mut self, now: Instant, destination: IpAddr) {
        if let IpAddr::V6(destination) = destination {
            self.link.confirm(now, destination);
        }
    }
}

#[cfg(test)]
mod tests;
