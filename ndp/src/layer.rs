//! The layer: a link that finds its neighbours, its routers and its addresses; a shell around [`Node`].

use core::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
};

use ethernet::{EtherType, Frame, Link, Neighbours, packets};
use ipv6::{Assigned, Discovery, JoinError, Undelivered, multicast_mac};
use layer::{Instant, Ipv6Cidr, Layer, Payload, Rx, Setup, TxOffload};
use managed::ManagedSlice;
use rt_regions::{Exhausted, Pool, Region};

use crate::{
    Counters, Entry, MAX_DNS_SERVERS,
    listener::LinkChange,
    node::{Node, Reaction, Resolved},
    observer::Observer,
    wire::{Packet, Received},
};

/// The number of entries of a cache that [`Ndp::new`] makes, 40 bytes each.
pub const DEFAULT_ENTRIES: usize = 1024;

/// Neighbour Discovery over a link `L`.
#[derive(Debug)]
pub struct Ndp<'g, L> {
    link: L,
    node: Node<'g>,
    /// Whether the host speaks IPv6.
    enabled: bool,
    observer: Observer<'g>,
    log: bool,
}

impl<'g, L: Link> Ndp<'g, L> {
    /// The layer over `link` for a host with this address, with a cache of [`DEFAULT_ENTRIES`] in `region`. Packets wait in pages of
    /// the region's pool. `seed` must be unpredictable: it keeps others from choosing addresses that compete for the same places of
    /// the cache, and from knowing our addresses before. The other layers may share it; see [`layer::seed_for`].
    ///
    /// With [`Ipv6Cidr::UNSPECIFIED`] the host makes its addresses of the prefixes that routers advertise. With another address it
    /// makes none; see [`with_autoconfiguration`](Self::with_autoconfiguration). It has a link-local address in any case.
    ///
    /// # Errors
    /// The region has no room for the cache.
    pub fn new(
        link: L,
        address: Ipv6Cidr,
        seed: u128,
        region: &'g Region<'_>,
    ) -> Result<Self, Exhausted> {
        let storage = region.alloc_slice_with(DEFAULT_ENTRIES, |_| Entry::FREE)?;
        Ok(Self::with_storage(link, address, seed, storage, region.pool()))
    }

    /// The layer with a cache in `storage` (8 entries times a power of two). Packets wait in pages of `pool`; without a pool they are
    /// dropped.
    pub fn with_storage(
        link: L,
        address: Ipv6Cidr,
        seed: u128,
        storage: impl Into<ManagedSlice<'g, Entry>>,
        pool: Option<&'g Pool<'g>>,
    ) -> Self {
        let secret = layer::seed_for(*b"ndp ", seed);
        let node = Node::new(link.mac(), address, secret, storage, pool);
        Self { link, node, enabled: true, observer: Observer::default(), log: false }
    }

    /// Also makes addresses of the prefixes that routers advertise, or does not (RFC 4862 5.5).
    #[must_use]
    pub fn with_autoconfiguration(mut self, autoconfigures: bool) -> Self {
        self.node.set_autoconfiguration(autoconfigures);
        self
    }

    /// Looks for duplicates of each address before it is used (RFC 4862 5.4), which is the default, or uses it at once.
    #[must_use]
    pub fn with_detection(mut self, detects: bool) -> Self {
        self.node.set_detection(detects);
        self
    }

    /// The layer, which speaks IPv6 only if it is `enabled`. Otherwise it sends nothing, has no address, and hands everything up.
    #[must_use]
    pub fn enabled(self, enabled: bool) -> Self {
        Self { enabled, ..self }
    }

    /// Makes the identifiers of our addresses of this secret (RFC 7217). If it stays the same, so do our addresses in a network.
    /// Without it, they are made of the seed.
    #[must_use]
    pub fn with_identifier_secret(mut self, secret: u128) -> Self {
        self.node.set_identifier_secret(secret);
        self
    }

    /// Sets the gateway for packets to other links, or leaves it to the routers that say that they are some. It may have an address
    /// of any network: it is on the link.
    pub fn set_gateway(&mut self, gateway: Option<Ipv6Addr>) {
        self.node.set_gateway(gateway);
    }

    /// The DNS servers that routers say, as long as they may be asked (RFC 8106).
    pub fn dns_servers(&self) -> impl Iterator<Item = Ipv6Addr> {
        self.node.dns_servers()
    }

    /// Calls `tell` with the [DNS servers](Self::dns_servers) whenever they are others than before: a router names one, or takes it
    /// back, or its lifetime ends.
    pub fn on_dns_servers(&mut self, tell: &'g dyn Fn(&[Ipv6Addr])) {
        self.observer = Observer(Some(tell));
    }

    /// Tells who wants to know of the DNS servers, if they have changed.
    fn tell_dns_servers(&mut self) {
        if self.node.take_dns_change()
            && let Observer(Some(tell)) = self.observer
        {
            let mut servers = [Ipv6Addr::UNSPECIFIED; MAX_DNS_SERVERS];
            let places = servers.iter_mut().zip(self.node.dns_servers());
            let length = places.map(|(place, server)| *place = server).count();
            tell(&servers[..length]);
        }
    }

    /// The layer below.
    pub fn link(&self) -> &L {
        &self.link
    }

    /// The layer below, mutably.
    pub fn link_mut(&mut self) -> &mut L {
        &mut self.link
    }

    /// The counters of this layer.
    pub fn stats(&self) -> &Counters {
        self.node.stats()
    }

    // Not inlined: it is used in many places, and rarely.
    #[inline(never)]
    fn transmit(&mut self, now: Instant, packet: Option<Packet>) -> Result<(), L::Error> {
        while let Some((change, group)) = self.node.link_change() {
            match change {
                LinkChange::Join(mac) if self.link.join(mac).is_err() => {
                    layer::log!(self.log, "ndp: the link below cannot join {}", group);
                    self.node.group_failed();
                }
                LinkChange::Join(_) => {}
                LinkChange::Leave(mac) => self.link.leave(mac),
            }
        }
        let Some(packet) = packet else { return Ok(()) };
        layer::log!(self.log, "ndp: sent type {=u8} to {}", packet.kind.0, packet.station);
        self.link.send(now, packet.station, EtherType::IPV6, packet, TxOffload::NONE)
    }

    /// Handles a frame with a message of ours.
    #[inline(never)]
    fn process(
        &mut self,
        now: Instant,
        frame: &Frame<'_>,
        received: &Received<'_>,
    ) -> Result<(), L::Error> {
        let mtu = self.link.mtu();
        let Reaction { answered, answer } = self.node.input(now, mtu, frame, received);
        self.tell_dns_servers();
        if let Some((address, station)) = answered
            && let Some(queue) = self.node.take_waiting(address)
        {
            for (ethertype, packet, offload) in packets(&queue) {
                self.link.send(now, station, ethertype, &packet as &dyn Payload, offload)?;
            }
        }
        self.transmit(now, answer)
    }

    /// Does the work that is due.
    #[cold]
    #[inline(never)]
    fn run(&mut self, now: Instant) -> Result<bool, L::Error> {
        let was_ready = self.node.is_ready();
        self.node.look(now, self.link.link_up(), self.link.link_interval());
        while let Some(packet) = self.node.due(now) {
            self.transmit(now, Some(packet))?;
        }
        self.tell_dns_servers();
        self.transmit(now, None)?;
        Ok(self.node.has_undelivered() || self.node.is_ready() != was_ready)
    }

    /// Sends to a destination for which [`Node::lookup`] found nothing.
    #[cold]
    fn send_slowly(
        &mut self,
        now: Instant,
        destination: Ipv6Addr,
        ethertype: EtherType,
        payload: &dyn Payload,
        offload: TxOffload,
    ) -> Result<(), L::Error> {
        let Resolved { station, question } =
            self.node.resolve(now, destination, ethertype, payload, offload);
        if let Some(station) = station {
            self.link.send(now, station, ethertype, payload, offload)?;
        }
        self.transmit(now, question)
    }
}

impl<L: Link> Layer for Ndp<'_, L> {
    type Item<'r> = Frame<'r>;

    layer::forward!(link: L, "ndp" in node; unclaimed, end);

    /// Whether we have an address to serve at: the configured one; or without one, an address made of a router's prefix, or the
    /// link-local one if no router gives us another. It is an error if another station has the configured address, or each link-local one
    /// that we tried.
    fn ready(&self) -> Result<bool, &dyn fmt::Display> {
        match self.node.lost() {
            _ if !self.enabled => self.link.ready(),
            Some(in_use) => Err(in_use),
            None if self.node.is_ready() => self.link.ready(),
            None => Ok(false),
        }
    }

    fn receive<'r>(
        &mut self,
        now: Instant,
        region: &'r Region<'_>,
    ) -> Result<Rx<Frame<'r>>, L::Error> {
        if !self.enabled {
            return self.link.receive(now, region);
        }
        if self.node.deadline() <= now && self.run(now)? {
            return Ok(Rx::Handled);
        }
        let received = self.link.receive(now, region);
        match &received {
            Ok(Rx::Item(frame)) if frame.ethertype == EtherType::IPV6 => {
                if let Some(message) = Received::find(frame.payload) {
                    self.process(now, frame, &message)?;
                    return Ok(Rx::Handled);
                }
            }
            // The event tells when the link goes up or down.
            Ok(Rx::Idle)
                if self.link.link_interval().is_none()
                    && self.node.set_link_up(now, self.link.link_up()) =>
            {
                return Ok(Rx::Handled);
            }
            _ => {}
        }
        // The item is returned where it is, so that nothing is copied.
        received
    }

    fn configure(&mut self, setup: &mut Setup<'_>) {
        if setup.turn_on("ndp", &mut self.log) {
            self.node.set_log(true);
        }
        if self.enabled && setup.ipv6_gateway.is_some() {
            self.node.set_gateway(setup.ipv6_gateway.take());
        }
        self.link.configure(setup);
        // Addresses of IPv6 are probed for in any case; below, those of IPv4 may be.
        if self.enabled && self.node.detects() {
            setup.probe_at_start = false;
        }
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.enabled {
            f.write_str(" at ")?;
            fmt::Display::fmt(&self.node.address(), f)?;
        }
        self.link.describe(f)
    }

    fn next_deadline(&self) -> Option<Instant> {
        let ours = if self.enabled { self.node.next_deadline() } else { None };
        Instant::earliest(ours, self.link.next_deadline())
    }
}

impl<L: Link> Link for Ndp<'_, L> {
    ethernet::forward!(link: L);
}

impl<L: Link> Neighbours<Ipv6Addr> for Ndp<'_, L> {
    type Address = Ipv6Cidr;

    fn address(&self) -> Ipv6Cidr {
        self.node.address()
    }

    /// Sets the address of the configuration. It is looked for duplicates of from the next call of [`receive`](Layer::receive) on.
    /// Addresses that are made of prefixes remain, and so does what is known of neighbours.
    fn set_address(&mut self, address: Ipv6Cidr) {
        self.node.set_address(address);
    }

    fn is_taken(&self) -> bool {
        self.node.lost().is_some()
    }

    #[inline]
    fn send_to(
        &mut self,
        now: Instant,
        destination: Ipv6Addr,
        ethertype: EtherType,
        payload: impl Payload,
        offload: TxOffload,
    ) -> Result<(), L::Error> {
        match self.node.lookup(now, destination) {
            Some(station) => self.link.send(now, station, ethertype, payload, offload),
            None => self.send_slowly(now, destination, ethertype, &payload, offload),
        }
    }
}

impl<L: Link> Discovery for Ndp<'_, L> {
    #[inline]
    fn addresses(&self) -> &[Assigned] {
        if self.enabled { self.node.addresses() } else { &[] }
    }

    fn has_route(&self, destination: Ipv6Addr) -> bool {
        self.enabled && self.node.has_route(destination)
    }

    fn ipv6_mtu(&self) -> usize {
        self.node.mtu(self.link.mtu())
    }

    fn hop_limit(&self) -> u8 {
        self.node.hop_limit()
    }

    #[inline]
    fn take_undelivered<'r>(&mut self, region: &'r Region<'_>) -> Option<Undelivered<'r>> {
        self.node.take_undelivered(region)
    }

    fn confirm(&mut self, now: Instant, destination: Ipv6Addr) {
        self.node.confirm(now, destination);
    }

    fn is_member(&self, group: Ipv6Addr) -> bool {
        self.node.is_member(group)
    }

    fn join_group(&mut self, group: Ipv6Addr) -> Result<(), JoinError> {
        self.node.join_group(group)?;
        // At once, so that the caller is told if the link below has no place.
        self.link.join(multicast_mac(group)).map_err(|_| {
            self.node.leave_group(group);
            JoinError::Full
        })
    }

    fn leave_group(&mut self, group: Ipv6Addr) {
        self.node.leave_group(group);
    }
}

/// What is for IPv4 goes down to a link that finds neighbours of IPv4, so that one link serves both families.
impl<L: Neighbours<Ipv4Addr>> Neighbours<Ipv4Addr> for Ndp<'_, L> {
    type Address = L::Address;

    #[inline]
    fn address(&self) -> L::Address {
        self.link.address()
    }

    fn set_address(&mut self, address: L::Address) {
        self.link.set_address(address);
    }

    fn is_taken(&self) -> bool {
        self.link.is_taken()
    }

    #[inline]
    fn send_to(
        &mut self,
        now: Instant,
        address: Ipv4Addr,
        ethertype: EtherType,
        payload: impl Payload,
        offload: TxOffload,
    ) -> Result<(), L::Error> {
        self.link.send_to(now, address, ethertype, payload, offload)
    }
}

#[cfg(test)]
mod tests;
