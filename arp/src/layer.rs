//! The layer: a link that finds its neighbours; a shell around [`Resolver`].

use core::{fmt, net::Ipv4Addr};

use ethernet::{EtherType, Frame, Link, Neighbours, packets};
use layer::{Cidr, Instant, Layer, Payload, Rx, Setup, TxOffload};
use managed::ManagedSlice;
use netif::MacAddr;
use rt_regions::{Exhausted, Pool, Region};

use crate::{
    Counters, Entry, Resolver, StaticError, Timing,
    resolver::{Output, Reaction, Resolved},
};

/// The number of entries of a cache that [`Arp::new`] makes, 32 bytes each.
pub const DEFAULT_ENTRIES: usize = 1024;

/// ARP over a link `L`.
#[derive(Debug)]
pub struct Arp<'g, L> {
    link: L,
    resolver: Resolver<'g>,
    log: bool,
}

impl<'g, L> Arp<'g, L> {
    /// The layer over `link` for a host with this address, with a cache of [`DEFAULT_ENTRIES`] in `region`. Packets
    /// wait in pages of the region's pool. `seed` must be unpredictable: it keeps others from choosing addresses that
    /// compete for the same places of the cache. The other layers may share it; see [`layer::seed_for`].
    ///
    /// The address is ours at once. From the first call of [`receive`](Layer::receive) on, the layer announces it twice
    /// (RFC 5227, 2.3) and defends it, but does not probe for it; see [`with_probing`](Self::with_probing). With
    /// [`Cidr::UNSPECIFIED`] the host has no address until [`set_address`](Neighbours::set_address) sets one.
    ///
    /// # Errors
    /// The region has no room for the cache.
    pub fn new(
        link: L,
        address: Cidr,
        seed: u128,
        region: &'g Region<'_>,
    ) -> Result<Self, Exhausted> {
        let storage = region.alloc_slice_with(DEFAULT_ENTRIES, |_| Entry::FREE)?;
        let timing = Timing::default();
        Ok(Self::with_storage(link, address, seed, storage, timing, region.pool()))
    }

    /// The layer with a cache in `storage` (8 entries times a power of two) and with its own `timing`. Packets wait in
    /// pages of `pool`; without a pool they are dropped.
    pub fn with_storage(
        link: L,
        address: Cidr,
        seed: u128,
        storage: impl Into<ManagedSlice<'g, Entry>>,
        timing: Timing,
        pool: Option<&'g Pool<'g>>,
    ) -> Self {
        let secret = layer::seed_for(*b"arp ", seed);
        Self { link, resolver: Resolver::new(address, secret, storage, timing, pool), log: false }
    }

    /// Makes the layer probe for an address before it uses it, and give it up rather than share it (RFC 5227, 2.1 and
    /// 2.4 (b)).
    ///
    /// From the first call of [`receive`](Layer::receive) on, the layer sends three probes. The address is ours 4 to 7
    /// seconds later if nobody has answered. If a station answers, or if the address cannot be defended later, it is
    /// not ours: [`address`](Neighbours::address) is the unspecified one, no reply is sent for it, and the layer probes
    /// for it again 10 seconds later (60, after the tenth conflict).
    #[must_use]
    pub fn with_probing(mut self) -> Self {
        self.resolver.probe();
        self
    }

    /// Makes the layer probe for an address before it uses it, if `probe` is set. From then on the layer keeps and
    /// defends the address, as without probing (RFC 5227, 2.1 and 2.4 (c)). This is for a server, which is reachable at
    /// this address or not at all. [`ready`](Layer::ready) tells which.
    #[must_use]
    pub fn with_probing_at_start(mut self, probe: bool) -> Self {
        if probe {
            self.resolver.probe_at_start();
        }
        self
    }

    /// Adds a static entry for a neighbour: it is never asked for, never ages, and no received packet changes it.
    /// Packets that wait for the neighbour are dropped.
    ///
    /// # Errors
    /// No neighbour can have the address, or the cache has no place for it.
    pub fn insert_static(&mut self, address: Ipv4Addr, mac: MacAddr) -> Result<(), StaticError> {
        self.resolver.insert_static(address, mac)
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
        self.resolver.stats()
    }
}

impl<L: Link> Arp<'_, L> {
    // Not inlined: it is used in many places, and rarely.
    #[inline(never)]
    fn transmit(&mut self, now: Instant, output: Option<Output>) -> Result<(), L::Error> {
        let Some(output) = output else { return Ok(()) };
        let packet = self.resolver.packet(self.link.mac(), &output);
        layer::log!(self.log, "arp: sent: {}", packet);
        self.link.send(now, output.station, EtherType::ARP, packet, TxOffload::NONE)
    }

    /// Handles a frame with an ARP packet.
    #[inline(never)]
    fn process(&mut self, now: Instant, frame: &Frame<'_>) -> Result<(), L::Error> {
        let Reaction { answered, question, answer } =
            self.resolver.input(now, self.link.mac(), frame);
        if let Some((address, station)) = answered
            && let Some(queue) = self.resolver.take_waiting(address)
        {
            for (ethertype, packet, offload) in packets(&queue) {
                self.link.send(now, station, ethertype, &packet as &dyn Payload, offload)?;
            }
        }
        self.transmit(now, question)?;
        self.transmit(now, answer)
    }

    /// Does the work that is due. Says whether the address has become ours, or is no longer.
    #[cold]
    #[inline(never)]
    fn run(&mut self, now: Instant) -> Result<bool, L::Error> {
        let before = self.resolver.address();
        self.resolver.look(now, self.link.link_up(), self.link.link_interval());
        while let Some(output) = self.resolver.due(now) {
            self.transmit(now, Some(output))?;
        }
        Ok(self.resolver.address() != before)
    }

    /// Sends to a neighbour for which [`Resolver::lookup`] found nothing.
    #[cold]
    fn send_slowly(
        &mut self,
        now: Instant,
        address: Ipv4Addr,
        ethertype: EtherType,
        payload: &dyn Payload,
        offload: TxOffload,
    ) -> Result<(), L::Error> {
        let Resolved { station, output } =
            self.resolver.resolve(now, address, ethertype, payload, offload);
        if let Some(station) = station {
            self.link.send(now, station, ethertype, payload, offload)?;
        }
        self.transmit(now, output)
    }
}

impl<L: Link> Layer for Arp<'_, L> {
    type Item<'r> = Frame<'r>;

    layer::forward!(link: L, "arp" in resolver; unclaimed, end);

    /// Whether our address is ours. Without probing it is from the beginning. With probing it is retried until it is.
    /// It is an error if another station has an address that [was to be kept](Self::with_probing_at_start): it will
    /// never be ours.
    fn ready(&self) -> Result<bool, &dyn fmt::Display> {
        match self.resolver.lost() {
            Some(in_use) => Err(in_use),
            None if self.resolver.address() != Cidr::UNSPECIFIED => self.link.ready(),
            None => Ok(false),
        }
    }

    fn receive<'r>(
        &mut self,
        now: Instant,
        region: &'r Region<'_>,
    ) -> Result<Rx<Frame<'r>>, L::Error> {
        if self.resolver.deadline() <= now && self.run(now)? {
            return Ok(Rx::Handled);
        }
        let received = self.link.receive(now, region);
        match &received {
            Ok(Rx::Item(frame)) if frame.ethertype == EtherType::ARP => {
                self.process(now, frame)?;
                return Ok(Rx::Handled);
            }
            // The event tells when the link goes up or down.
            Ok(Rx::Idle)
                if self.link.link_interval().is_none()
                    && self.resolver.set_link_up(now, self.link.link_up()) =>
            {
                return Ok(Rx::Handled);
            }
            _ => {}
        }
        // The item is returned where it is, so that nothing is copied.
        received
    }

    fn configure(&mut self, setup: &mut Setup<'_>) {
        if setup.turn_on("arp", &mut self.log) {
            self.resolver.set_log(true);
        }
        if setup.probe_at_start {
            setup.probe_at_start = false;
            self.resolver.probe_at_start();
        }
        self.link.configure(setup);
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(" at ")?;
        fmt::Display::fmt(&self.resolver.address(), f)?;
        self.link.describe(f)
    }

    fn next_deadline(&self) -> Option<Instant> {
        Instant::earliest(self.resolver.next_deadline(), self.link.next_deadline())
    }
}

impl<L: Link> Link for Arp<'_, L> {
    ethernet::forward!(link: L);
}

impl<L: Link> Neighbours<Ipv4Addr> for Arp<'_, L> {
    type Address = Cidr;

    #[inline]
    fn address(&self) -> Cidr {
        self.resolver.address()
    }

    /// Sets the address. It is announced, or probed for, from the next call of [`receive`](Layer::receive) on.
    fn set_address(&mut self, address: Cidr) {
        self.resolver.set_address(address);
    }

    /// Whether another station has the address that was probed for, or that could not be defended.
    fn is_taken(&self) -> bool {
        self.resolver.in_use().is_some()
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
        match self.resolver.lookup(now, address) {
            Some(station) => self.link.send(now, station, ethertype, payload, offload),
            None => self.send_slowly(now, address, ethertype, &payload, offload),
        }
    }
}

#[cfg(test)]
mod tests;
