//! The way of a packet: the next hop (RFC 4861 5.2), and the station of the next hop.

use core::net::Ipv6Addr;

use ethernet::EtherType;
use ipv6::{HEADER_LEN, Ipv6Header, multicast_mac};
use layer::{Instant, Payload, TxOffload, is_unicast_ipv6};
use netif::MacAddr;
use zerocopy::{FromZeros, IntoBytes};

use super::Node;
use crate::{cache::Resolution, wire::Packet};

/// What to do with a packet.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Resolved {
    /// The station to send the packet to now. `None` means that the packet waits, or was dropped.
    pub station: Option<MacAddr>,
    /// The solicitation to send after it.
    pub question: Option<Packet>,
}

impl Node<'_> {
    /// The station for packets to `destination`, if it is known and nothing else has to be done.
    #[inline]
    pub fn lookup(&mut self, now: Instant, destination: Ipv6Addr) -> Option<MacAddr> {
        if self.addresses.assigned().is_empty() {
            return None;
        }
        let hop = self.next_hop(destination)?;
        self.cache.lookup(now, hop)
    }

    /// Decides what to do with a packet for which [`lookup`](Self::lookup) found nothing. A packet that has to wait is kept, together
    /// with the work that is left to the interface.
    pub fn resolve(
        &mut self,
        now: Instant,
        destination: Ipv6Addr,
        ethertype: EtherType,
        payload: &dyn Payload,
        offload: TxOffload,
    ) -> Resolved {
        let mut resolved = Resolved::default();
        if destination.is_multicast() {
            resolved.station = Some(multicast_mac(destination));
            return resolved;
        }
        if self.addresses.assigned().is_empty() {
            self.counters.no_address_tx += 1;
            return resolved;
        }
        if !is_unicast_ipv6(destination) || self.addresses.is_ours(destination) {
            self.counters.not_a_neighbour += 1;
            return resolved;
        }
        let Some(hop) = self.next_hop(destination) else {
            self.counters.no_route += 1;
            return resolved;
        };
        let mut waits = true;
        match self.cache.resolve(now, hop) {
            Resolution::Known(station) => (resolved.station, waits) = (Some(station), false),
            Resolution::Ask { displaced } => {
                self.displace(displaced);
                let source = self.source_of(payload);
                resolved.question = self.solicit(hop, None, source);
            }
            Resolution::Asked => {}
            Resolution::Failed => {
                self.counters.unanswered += 1;
                waits = false;
            }
            Resolution::Full => {
                self.counters.cache_full += 1;
                waits = false;
            }
        }
        if waits {
            let dropped = self.waiting.keep(now, hop, ethertype, payload, offload);
            self.counters.overflowed += dropped;
        }
        self.update();
        resolved
    }

    /// Records that packets to `destination` arrive, as a transport knows (RFC 4861 7.3.1).
    pub fn confirm(&mut self, now: Instant, destination: Ipv6Addr) {
        if let Some(hop) = self.next_hop(destination)
            && self.cache.confirm(now, hop)
        {
            self.counters.hints += 1;
        }
    }

    /// Whether a packet to `destination` can leave.
    pub fn has_route(&self, destination: Ipv6Addr) -> bool {
        destination.is_multicast() || self.is_on_link(destination) || self.routers.exist()
    }

    /// The first hop to a destination: the one that a router named, or the destination itself on the link, or a router.
    #[inline]
    pub(super) fn next_hop(&mut self, destination: Ipv6Addr) -> Option<Ipv6Addr> {
        if let Some(target) = self.redirects.target(destination) {
            return Some(target);
        }
        if self.is_on_link(destination) {
            return Some(destination);
        }
        self.routers.choose(|router| self.cache.may_be_reachable(router))
    }

    /// Whether hosts with this address are neighbours (RFC 4861 2.1, RFC 5942 4). An address of ours that was made of a prefix says
    /// nothing of that: only routers and the configuration do.
    #[inline]
    pub(super) fn is_on_link(&self, address: Ipv6Addr) -> bool {
        address.is_unicast_link_local()
            || self.addresses.configured().is_some_and(|network| network.contains(address))
            || self.prefixes.contain(address)
            || self.routers.gateway() == Some(address)
    }

    /// Cleans up after a neighbour that was displaced.
    pub(super) fn displace(&mut self, displaced: Option<Ipv6Addr>) {
        if let Some(address) = displaced {
            self.counters.displaced += 1;
            self.counters.abandoned += self.waiting.discard(address);
        }
    }

    /// The source of a packet, if it is an address of ours: neighbours that are asked from it know it then (RFC 4861 7.2.2).
    fn source_of(&self, payload: &dyn Payload) -> Option<Ipv6Addr> {
        if payload.len() < HEADER_LEN {
            return None;
        }
        let mut header = Ipv6Header::new_zeroed();
        payload.copy_to(0, header.as_mut_bytes());
        Some(header.source()).filter(|&source| self.addresses.is_ours(source))
    }
}
