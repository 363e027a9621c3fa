//! ARP of one host: a value without input or output. Received packets, packets to be sent and the time go in. Actions,
//! and the time of the next call, come out.

use core::net::Ipv4Addr;

use ethernet::{EtherType, Waiting};
use layer::{Cidr, Instant, Payload, TxOffload};
use managed::ManagedSlice;
use netif::MacAddr;
use rt_regions::Pool;

use crate::{
    AddressInUse, ArpPacket, Counters, Entry, Operation, StaticError, Timing,
    cache::{Cache, Full, Resolution},
    detection::Detection,
    entry::NEVER,
};

mod input;
mod output;

pub use input::Reaction;

/// An ARP packet to be sent; see [`Resolver::packet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Output {
    /// The station that the packet is for, or the broadcast address.
    pub station: MacAddr,
    /// The content of the packet.
    pub message: Message,
}

/// The content of an ARP packet that we send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// A request: who has this address? (RFC 826)
    Request(Ipv4Addr),
    /// A reply to the host with this address: we have ours.
    Reply(Ipv4Addr),
    /// An announcement: we use our address (RFC 5227, 2.3).
    Announcement,
    /// A probe: does anybody use the address that is to be ours? (RFC 5227, 2.1.1)
    Probe,
}

/// The neighbours on a link, and our own address among them (RFC 826, RFC 5227, RFC 1122 2.3.2).
#[derive(Debug)]
pub struct Resolver<'g> {
    /// Our address, or the one that is to be ours, and its network, whose addresses are learnt.
    network: Cidr,
    cache: Cache<'g>,
    waiting: Waiting<'g, Ipv4Addr>,
    /// The conflict detection for our address.
    detection: Detection,
    counters: Counters,
    log: bool,
}

/// What to do with a packet for a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Resolved {
    /// The station to send the packet to now. `None` means that the packet waits, or was dropped.
    pub station: Option<MacAddr>,
    /// The ARP packet to send after it.
    pub output: Option<Output>,
}

impl<'g> Resolver<'g> {
    /// The resolver for a host with this address, which is ours at once. The unspecified address means that there is
    /// none. The cache is in `storage` (8 entries times a power of two). Packets wait in pages of `pool`; without a
    /// pool they are dropped. `secret` must be unpredictable.
    pub fn new(
        address: Cidr,
        secret: u128,
        storage: impl Into<ManagedSlice<'g, Entry>>,
        timing: Timing,
        pool: Option<&'g Pool<'g>>,
    ) -> Self {
        Self {
            network: address,
            cache: Cache::new(storage, timing, secret),
            waiting: Waiting::new(pool),
            detection: Detection::new(secret, !address.address().is_unspecified()),
            counters: Counters::default(),
            log: false,
        }
    }

    /// Probes for each address before it is used, and gives it up rather than share it; see
    /// [`Arp::with_probing`](crate::Arp::with_probing).
    pub fn probe(&mut self) {
        self.detection.probe();
    }

    /// Probes for the address before it is used, and keeps and defends it from then on; see
    /// [`Arp::with_probing_at_start`](crate::Arp::with_probing_at_start).
    pub fn probe_at_start(&mut self) {
        self.detection.probe_at_start();
    }

    /// Our address while it is ours; otherwise the unspecified one.
    #[inline]
    pub fn address(&self) -> Cidr {
        if self.detection.is_ours() { self.network } else { Cidr::UNSPECIFIED }
    }

    /// The station that has our address, if our address is not ours for that reason.
    pub fn in_use(&self) -> Option<&AddressInUse> {
        self.detection.taken()
    }

    /// The station that has our address, if our address will never be ours for that reason: a server is reachable at
    /// this address, or not at all.
    pub fn lost(&self) -> Option<&AddressInUse> {
        self.detection.lost()
    }

    /// Sets our address: another one, the same one again, or none (the unspecified address). The next
    /// [`due`](Self::due) announces it or probes for it. All entries that are not static are removed. Packets that wait
    /// are dropped, because they contain the old address.
    pub fn set_address(&mut self, address: Cidr) {
        self.network = address;
        self.detection.restart(!address.address().is_unspecified());
        self.forget();
    }

    /// Adds a static entry for a neighbour: it is never asked for, never ages, and no received packet changes it.
    /// Packets that wait for the neighbour are dropped.
    ///
    /// # Errors
    /// No neighbour can have the address, or the cache has no place for it.
    pub fn insert_static(&mut self, address: Ipv4Addr, mac: MacAddr) -> Result<(), StaticError> {
        if !self.is_other_host(address) {
            return Err(StaticError::NotANeighbour(address));
        }
        let displaced = self.cache.insert_static(address, mac).map_err(|Full| StaticError::Full)?;
        self.counters.abandoned += self.waiting.discard(address);
        self.displace(displaced);
        Ok(())
    }

    /// The station of a neighbour, if it is known, our address is ours, and nothing else has to be done.
    #[inline]
    pub fn lookup(&mut self, now: Instant, address: Ipv4Addr) -> Option<MacAddr> {
        if self.detection.is_ours() { self.cache.lookup(now, address) } else { None }
    }

    /// Decides what to do with a packet for a neighbour that [`lookup`](Self::lookup) did not find. A packet that has
    /// to wait is kept, together with the work that is left to the interface.
    pub fn resolve(
        &mut self,
        now: Instant,
        address: Ipv4Addr,
        ethertype: EtherType,
        payload: &dyn Payload,
        offload: TxOffload,
    ) -> Resolved {
        let mut resolved = Resolved { station: None, output: None };
        let mut waits = false;
        if !self.detection.is_ours() {
            self.counters.no_address_tx += 1;
            return resolved;
        }
        if !self.is_other_host(address) {
            self.counters.not_a_neighbour += 1;
            return resolved;
        }
        match self.cache.resolve(now, address) {
            Resolution::Known(station) => resolved.station = Some(station),
            Resolution::Stale(station) => {
                resolved.station = Some(station);
                resolved.output = Some(self.request(address, station));
            }
            Resolution::Ask { displaced } => {
                self.displace(displaced);
                waits = true;
                resolved.output = Some(self.request(address, MacAddr::BROADCAST));
            }
            Resolution::Asked => waits = true,
            Resolution::Silent => self.counters.unanswered += 1,
            Resolution::Full => self.counters.cache_full += 1,
        }
        if waits {
            let dropped = self.waiting.keep(now, address, ethertype, payload, offload);
            self.counters.overflowed += dropped;
        }
        resolved
    }

    /// The ARP packet for `output`. `mac` is our hardware address.
    pub fn packet(&self, mac: MacAddr, output: &Output) -> ArpPacket {
        let (ours, request) = (self.network.address(), Operation::REQUEST);
        let (operation, sender, target) = match output.message {
            Message::Request(target) => (request, ours, target),
            Message::Reply(target) => (Operation::REPLY, ours, target),
            Message::Announcement => (request, ours, ours),
            Message::Probe => (request, Ipv4Addr::UNSPECIFIED, ours),
        };
        // The target of a request has no known hardware address yet.
        let station = if operation == request { MacAddr::UNSPECIFIED } else { output.station };
        ArpPacket::new(operation, (sender, mac), (target, station))
    }

    /// When to call [`due`](Self::due).
    #[inline]
    pub fn next_deadline(&self) -> Option<Instant> {
        let deadline = self.deadline();
        (deadline < NEVER).then_some(deadline)
    }

    /// When work is due, or [`NEVER`].
    #[inline]
    pub(crate) fn deadline(&self) -> Instant {
        self.detection.next().min(self.cache.wake())
    }

    /// Records that the link is up or down, for a link that reports changes; returns whether the state changed.
    #[inline]
    pub fn set_link_up(&mut self, now: Instant, up: bool) -> bool {
        let is_news = up != self.detection.link_up();
        if is_news {
            self.detection.look(now, up, None);
        }
        is_news
    }

    /// The counters of the layer.
    pub fn stats(&self) -> &Counters {
        &self.counters
    }

    /// Turns the log on or off.
    pub fn set_log(&mut self, on: bool) {
        self.log = on;
    }

    /// Whether one host can have this address, in our network or elsewhere (a gateway may be outside).
    fn is_host(&self, address: Ipv4Addr) -> bool {
        let nobody = address.octets()[0] == 0
            || address.is_loopback()
            || address.is_multicast()
            || address.is_broadcast();
        !nobody && (self.network.is_neighbour(address) || !self.network.contains(address))
    }

    /// Whether one host that is not us can have this address.
    fn is_other_host(&self, address: Ipv4Addr) -> bool {
        address != self.network.address() && self.is_host(address)
    }

    /// Removes the entries that were learnt and the packets that wait under our old address.
    fn forget(&mut self) {
        self.cache.clear(self.network.address());
        self.counters.abandoned += self.waiting.clear();
    }

    /// Cleans up after an entry that was displaced.
    fn displace(&mut self, displaced: Option<Ipv4Addr>) {
        if let Some(address) = displaced {
            self.counters.displaced += 1;
            self.counters.abandoned += self.waiting.discard(address);
        }
    }
}
