//! The layer: a link that finds its neighbours.

use core::{fmt, net::Ipv4Addr, time::Duration};

use ethernet::{EtherType, Frame, JoinError, Link};
use layer::{Cidr, Instant, Layer, Payload, Rx};
use managed::ManagedSlice;
use netif::MacAddr;
use rt_regions::{Exhausted, Pool, Region};

use crate::{
    Counters, Entry, Resolve, StaticError, Timing,
    cache::{Cache, Full, Resolution},
    detection::Detection,
    entry::NEVER,
    waiting::Waiting,
};

mod output;

/// The number of entries of a cache that [`Arp::new`] makes, 32 bytes each.
pub const DEFAULT_ENTRIES: usize = 1024;

/// ARP over a link `L`.
#[derive(Debug)]
pub struct Arp<'g, L> {
    pub(crate) link: L,
    /// Our address, and the network whose addresses are learnt.
    pub(crate) network: Cidr,
    pub(crate) cache: Cache<'g>,
    pub(crate) waiting: Waiting<'g>,
    /// Whether our address is ours.
    pub(crate) detection: Detection,
    pub(crate) counters: Counters,
    pub(crate) log: bool,
}

impl<'g, L> Arp<'g, L> {
    /// The layer over `link` for a host with this address, with a cache of [`DEFAULT_ENTRIES`] in
    /// `region`. Packets wait in pages of the region's pool. `secret`, which nobody can predict, keeps
    /// others from choosing addresses that compete for the same places of the cache.
    ///
    /// The address is ours at once. It is announced twice from the first call of
    /// [`receive`](Layer::receive) on (RFC 5227, 2.3), and defended, but not probed for; see
    /// [`with_probing`](Self::with_probing).
    ///
    /// # Errors
    /// The region has no room for the cache.
    pub fn new(
        link: L,
        address: Cidr,
        secret: u128,
        region: &'g Region<'_>,
    ) -> Result<Self, Exhausted> {
        let storage = region.alloc_slice_with(DEFAULT_ENTRIES, |_| Entry::FREE)?;
        let timing = Timing::default();
        Ok(Self::with_storage(link, address, secret, storage, timing, region.pool()))
    }

    /// The layer with a cache in `storage` (8 entries times a power of two) and its own times. Packets
    /// wait in pages of `pool`; without one they are dropped.
    pub fn with_storage(
        link: L,
        address: Cidr,
        secret: u128,
        storage: impl Into<ManagedSlice<'g, Entry>>,
        timing: Timing,
        pool: Option<&'g Pool<'g>>,
    ) -> Self {
        Self {
            link,
            network: address,
            cache: Cache::new(storage, timing, secret),
            waiting: Waiting::new(pool),
            detection: Detection::new(secret),
            counters: Counters::default(),
            log: false,
        }
    }

    /// This layer, asking before it uses an address, and giving it up rather than share it
    /// (RFC 5227, 2.1 and 2.4 (b)).
    ///
    /// From the first call of [`receive`](Layer::receive) on, three probes go out; the address is ours
    /// 4 to 7 seconds later, if nobody has answered. If somebody has, or if it cannot be defended later
    /// on, it is not ours: no IPv4 packet is sent or handed up, nobody is told that we have it, and 10
    /// seconds later (60, after the tenth conflict) we probe for it anew.
    #[must_use]
    pub fn with_probing(self) -> Self {
        Self { detection: self.detection.with_probing(), ..self }
    }

    /// This layer, asking before it uses an address if it is to `probe`, and keeping and defending it from
    /// then on, as without probing (RFC 5227, 2.1 and 2.4 (c)): for a server, which is to be at this address
    /// or not at all. [`ready`](Layer::ready) says which.
    #[must_use]
    pub fn with_probing_at_start(mut self, probe: bool) -> Self {
        if probe {
            self.detection.probe_at_start();
        }
        self
    }

    /// Whether our address is ours at the moment: always, without probing.
    pub fn has_address(&self) -> bool {
        self.detection.is_ours()
    }

    /// Our address and its network.
    pub fn address(&self) -> Cidr {
        self.network
    }

    /// Gives us another address, or the same anew. It is
    /// announced, or probed for, from the next call of [`receive`](Layer::receive) on. Everything
    /// that is known of neighbours is forgotten but the static entries; packets that wait are dropped,
    /// because they have the old address in them.
    pub fn set_address(&mut self, address: Cidr) {
        self.network = address;
        self.detection.restart();
        self.forget();
    }

    /// Forgets what was learnt and what waits under the address that we had.
    pub(crate) fn forget(&mut self) {
        self.cache.clear(self.network.address());
        self.counters.abandoned += self.waiting.clear();
    }

    /// Fixes the hardware address of a neighbour: it is never asked for, never ages, and nothing
    /// that is received changes it. Packets that wait for the neighbour at this moment are dropped.
    ///
    /// # Errors
    /// No neighbour can have the address, or there is no place for it.
    pub fn insert_static(&mut self, address: Ipv4Addr, mac: MacAddr) -> Result<(), StaticError> {
        if address == self.network.address() || !self.is_host(address) {
            return Err(StaticError::NotANeighbour(address));
        }
        let displaced = self.cache.insert_static(address, mac).map_err(|Full| StaticError::Full)?;
        self.counters.abandoned += self.waiting.discard(address);
        self.displace(displaced);
        Ok(())
    }

    /// The layer below.
    pub fn link(&self) -> &L {
        &self.link
    }

    /// The counters of this layer.
    pub fn stats(&self) -> &Counters {
        &self.counters
    }

    /// Whether one host can have this address: in our network, or elsewhere (a gateway may be).
    pub(crate) fn is_host(&self, address: Ipv4Addr) -> bool {
        let nobody = address.octets()[0] == 0
            || address.is_loopback()
            || address.is_multicast()
            || address.is_broadcast();
        !nobody && (self.network.is_neighbour(address) || !self.network.contains(address))
    }

    /// Cleans up after an entry that had to go.
    pub(crate) fn displace(&mut self, displaced: Option<Ipv4Addr>) {
        if let Some(address) = displaced {
            self.counters.displaced += 1;
            self.counters.abandoned += self.waiting.discard(address);
        }
    }

    /// When something is to be done here, or [`NEVER`].
    #[inline]
    fn deadline(&self) -> Instant {
        self.detection.next().min(self.cache.wake())
    }
}

impl<L: Link> Arp<'_, L> {
    /// Sends to a neighbour that is not simply known.
    #[cold]
    fn send_slowly(
        &mut self,
        now: Instant,
        address: Ipv4Addr,
        ethertype: EtherType,
        payload: &dyn Payload,
    ) -> Result<(), L::Error> {
        if address == self.network.address() || !self.is_host(address) {
            self.counters.not_a_neighbour += 1;
            return Ok(());
        }
        match self.cache.resolve(now, address) {
            Resolution::Known(mac) => return self.link.send(now, mac, ethertype, payload),
            Resolution::Stale(mac) => {
                self.link.send(now, mac, ethertype, payload)?;
                return self.request(now, address, mac);
            }
            Resolution::Ask { displaced } => {
                self.displace(displaced);
                self.counters.overflowed += self.waiting.keep(now, address, ethertype, payload);
                return self.request(now, address, MacAddr::BROADCAST);
            }
            Resolution::Asked => {
                self.counters.overflowed += self.waiting.keep(now, address, ethertype, payload);
            }
            Resolution::Silent => self.counters.unanswered += 1,
            Resolution::Full => self.counters.cache_full += 1,
        }
        Ok(())
    }
}

impl<L: Link> Layer for Arp<'_, L> {
    type Item<'r> = Frame<'r>;

    layer::forward!(link: L, "arp"; unclaimed);

    /// Whether our address has turned out to be ours; without probing it is from the beginning. It will never be where it
    /// is another's.
    fn ready(&self) -> Result<bool, &dyn fmt::Display> {
        match self.detection.taken() {
            Some(in_use) => Err(in_use),
            None if self.has_address() => self.link.ready(),
            None => Ok(false),
        }
    }

    fn receive<'r>(
        &mut self,
        now: Instant,
        region: &'r Region<'_>,
    ) -> Result<Rx<Frame<'r>>, L::Error> {
        if self.deadline() <= now {
            self.run(now)?;
        }
        match self.link.receive(now, region)? {
            Rx::Item(frame) if frame.ethertype == EtherType::ARP => {
                self.process(now, &frame)?;
                Ok(Rx::Handled)
            }
            Rx::Item(frame) if frame.ethertype == EtherType::IPV4 && !self.has_address() => {
                self.counters.no_address_rx += 1;
                Ok(Rx::Handled)
            }
            // Where the event tells that frames leave again, or no longer.
            Rx::Idle
                if self.link.link_interval().is_none()
                    && self.link.link_up() != self.detection.link_up() =>
            {
                self.detection.look(now, !self.detection.link_up(), None);
                Ok(Rx::Handled)
            }
            other => Ok(other),
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        let deadline = self.deadline();
        Instant::earliest((deadline < NEVER).then_some(deadline), self.link.next_deadline())
    }
}

impl<L: Link> Link for Arp<'_, L> {
    fn mac(&self) -> MacAddr {
        self.link.mac()
    }

    fn mtu(&self) -> usize {
        self.link.mtu()
    }

    fn offloads(&self) -> netif::Offloads {
        self.link.offloads()
    }

    fn link_up(&self) -> bool {
        self.link.link_up()
    }

    fn link_interval(&self) -> Option<Duration> {
        self.link.link_interval()
    }

    fn join(&mut self, group: MacAddr) -> Result<(), JoinError> {
        self.link.join(group)
    }

    fn leave(&mut self, group: MacAddr) {
        self.link.leave(group);
    }

    fn send(
        &mut self,
        now: Instant,
        destination: MacAddr,
        ethertype: EtherType,
        payload: impl Payload,
    ) -> Result<(), L::Error> {
        if ethertype == EtherType::IPV4 && !self.has_address() {
            self.counters.no_address_tx += 1;
            return Ok(());
        }
        self.link.send(now, destination, ethertype, payload)
    }
}

impl<L: Link> Resolve for Arp<'_, L> {
    #[inline]
    fn send_to(
        &mut self,
        now: Instant,
        address: Ipv4Addr,
        ethertype: EtherType,
        payload: impl Payload,
    ) -> Result<(), L::Error> {
        if !self.has_address() {
            self.counters.no_address_tx += 1;
            return Ok(());
        }
        match self.cache.lookup(now, address) {
            Some(mac) => self.link.send(now, mac, ethertype, payload),
            None => self.send_slowly(now, address, ethertype, &payload),
        }
    }
}

#[cfg(test)]
mod tests;
