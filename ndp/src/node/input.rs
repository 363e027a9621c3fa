//! The effect of a received packet.

use core::net::Ipv6Addr;

use ethernet::{EtherType, Frame, Queue};
use ipv6::{ALL_NODES, multicast_mac};
use layer::{IPV6_MIN_MTU, Instant, Ipv6Cidr, TxOffload};
use netif::MacAddr;

use super::Node;
use crate::{
    addresses::{Formed, Verdict},
    cache::{Advertised, Advertisement, Heard, Resolution},
    routers::Listed,
    wire::{DiscoveryOption, Kind, Message, Packet, ParseError, Received, RouterAdvertisement},
};

/// What to send after a packet was received, in this order.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Reaction {
    /// The neighbour that is known now, for which packets [wait](Node::take_waiting), and its station.
    pub answered: Option<(Ipv6Addr, MacAddr)>,
    /// The answer to the packet, or a solicitation for the neighbour that the answer is for.
    pub answer: Option<Packet>,
}

/// Who sent a message, and from where.
#[derive(Clone, Copy)]
struct Sender {
    address: Ipv6Addr,
    station: MacAddr,
}

impl<'g> Node<'g> {
    /// Handles a message in a frame. `link_mtu` is the MTU of the link.
    pub fn input(
        &mut self,
        now: Instant,
        link_mtu: usize,
        frame: &Frame<'_>,
        received: &Received<'_>,
    ) -> Reaction {
        let mut reaction = Reaction::default();
        let destination = received.header.destination();
        let is_for_us = self.listener.is_member(destination)
            || self.addresses.is_ours(destination)
            || self.addresses.is_tentative(destination);
        if !is_for_us {
            self.counters.not_for_us += 1;
            return reaction;
        }
        let message = match Message::parse(received, frame.checksums.must_verify()) {
            Ok(message) => message,
            Err(error) => {
                layer::log!(self.log, "ndp: dropped type {=u8}", received.kind.0);
                match error {
                    ParseError::HopLimit => self.counters.forwarded += 1,
                    _ => self.counters.malformed += 1,
                }
                return reaction;
            }
        };
        self.count(received.kind);
        let sender = Sender { address: received.header.source(), station: frame.source };
        match message {
            // RFC 4861 and 4862 say nothing of a question from our own address. It is ours, from a loop, or a duplicate's.
            Message::Solicitation { link_address, .. }
                if self.addresses.is_ours(sender.address) =>
            {
                match link_address == Some(self.mac) {
                    true => self.counters.looped += 1,
                    false => self.counters.duplicates += 1,
                }
            }
            Message::RouterAdvertisement(_) if self.addresses.is_ours(sender.address) => {
                self.counters.duplicates += 1;
            }
            Message::Solicitation { target, link_address, nonce } => {
                self.solicited(now, sender, (target, link_address, nonce), &mut reaction);
            }
            Message::Advertisement { target, is_router, is_solicited, overrides, link_address } => {
                let advertisement =
                    Advertisement { link_address, is_router, is_solicited, overrides };
                self.advertised(now, sender, target, &advertisement, &mut reaction);
            }
            Message::RouterAdvertisement(advertisement) => {
                self.router_advertised(now, link_mtu, sender, &advertisement, &mut reaction);
            }
            Message::Redirect { target, destination, link_address } => {
                self.redirected(now, sender, (target, destination, link_address), &mut reaction);
            }
            Message::Query(query) => self.listener.queried(now, &query, &mut self.random),
            Message::ReportV1(group) => self.listener.answered_by_another(now, group),
            Message::ForRouters => {}
        }
        self.update();
        reaction
    }

    /// Takes out the packets that wait for a neighbour that is known now.
    pub fn take_waiting(&mut self, address: Ipv6Addr) -> Option<Queue<'g, Ipv6Addr>> {
        let queue = self.waiting.take(address)?;
        self.counters.delayed += queue.value().packets();
        Some(queue)
    }

    fn count(&mut self, kind: Kind) {
        let counter = match kind {
            Kind::SOLICITATION => &mut self.counters.solicitations_rx,
            Kind::ADVERTISEMENT => &mut self.counters.advertisements_rx,
            Kind::ROUTER_ADVERTISEMENT => &mut self.counters.router_advertisements_rx,
            Kind::REDIRECT => &mut self.counters.redirects_rx,
            Kind::QUERY => &mut self.counters.queries_rx,
            _ => return,
        };
        *counter += 1;
    }

    /// RFC 4861 7.2.3, 7.2.4; RFC 4862 5.4.3.
    fn solicited(
        &mut self,
        now: Instant,
        sender: Sender,
        (target, link_address, nonce): (Ipv6Addr, Option<MacAddr>, Option<&[u8]>),
        reaction: &mut Reaction,
    ) {
        let is_probe = sender.address.is_unspecified();
        if self.addresses.is_tentative(target) {
            // Somebody who asks for the address does not have it. Somebody who looks for duplicates of it wants it, unless we are
            // that ourselves.
            if is_probe {
                match nonce.is_some_and(|nonce| self.addresses.is_own_probe(target, nonce)) {
                    true => self.counters.looped += 1,
                    false => self.duplicated(now, target, sender.station),
                }
            }
            return;
        }
        if !self.addresses.is_ours(target) {
            return;
        }
        let ours = (target, self.mac);
        if is_probe {
            let station = multicast_mac(ALL_NODES);
            let answer = Packet::advertisement(station, ALL_NODES, ours, false, true);
            self.counters.advertisements_tx += 1;
            reaction.answer = Some(answer);
            return;
        }
        if let Some(mac) = link_address {
            self.note(now, sender.address, mac, reaction);
        }
        self.counters.advertisements_tx += 1;
        let station = link_address.or_else(|| self.cache.station(sender.address));
        let answer = |station| Packet::advertisement(station, sender.address, ours, true, true);
        reaction.answer = match station {
            Some(station) => Some(answer(station)),
            // RFC 4861 7.2.4: the sender does not say its link-layer address, so the answer waits like any packet for it.
            None => {
                let answer = answer(MacAddr::UNSPECIFIED);
                let to = sender.address;
                self.resolve(now, to, EtherType::IPV6, &answer, TxOffload::NONE).question
            }
        };
    }

    /// RFC 4861 7.2.5; RFC 4862 5.4.4.
    fn advertised(
        &mut self,
        now: Instant,
        sender: Sender,
        target: Ipv6Addr,
        advertisement: &Advertisement,
        reaction: &mut Reaction,
    ) {
        if self.addresses.is_tentative(target) || self.addresses.is_ours(target) {
            // What comes back from a loop names our own link-layer address.
            if advertisement.link_address == Some(self.mac) {
                self.counters.looped += 1;
            } else {
                let station = advertisement.link_address.unwrap_or(sender.station);
                self.duplicated(now, target, station);
            }
            return;
        }
        let Some(advertised) = self.cache.advertised(now, target, advertisement) else {
            self.counters.unsolicited += 1;
            return;
        };
        let Advertised { answered, changed, was_router } = advertised;
        self.counters.changed += u64::from(changed);
        if let Some(station) = answered {
            self.answered(now, target, station, reaction);
        }
        if was_router {
            layer::log!(self.log, "ndp: {} is no router any more", target);
            self.routers.remove(target);
            self.redirects.remove_via(target);
        }
    }

    /// RFC 4861 6.3.4; RFC 4862 5.5.3; RFC 8106 5.3.
    fn router_advertised(
        &mut self,
        now: Instant,
        link_mtu: usize,
        sender: Sender,
        advertisement: &RouterAdvertisement<'_>,
        reaction: &mut Reaction,
    ) {
        let &RouterAdvertisement {
            hop_limit,
            lifetime,
            preference,
            reachable,
            retransmit,
            options,
        } = advertisement;
        if hop_limit != 0 {
            self.hop_limit = hop_limit;
        }
        self.cache.timing().advertise(reachable, retransmit);
        if let Some(mac) = options.source_link_address() {
            self.note(now, sender.address, mac, reaction);
        }
        self.cache.set_router(sender.address);
        let cache = &self.cache;
        let may_be_reachable = |router| cache.may_be_reachable(router);
        let says = (lifetime, preference);
        match self.routers.advertised(now, sender.address, says, may_be_reachable) {
            Listed::Added => layer::log!(self.log, "ndp: {} is a router", sender.address),
            Listed::Removed => {
                layer::log!(self.log, "ndp: {} is no router any more", sender.address);
                self.redirects.remove_via(sender.address);
            }
            Listed::Full => self.counters.lists_full += 1,
            Listed::Yes => {}
        }
        if !lifetime.is_zero() {
            self.solicitation.answered(now);
        }
        for option in options {
            match option {
                DiscoveryOption::Mtu(mtu) => {
                    let mtu = mtu as usize;
                    if (IPV6_MIN_MTU..=link_mtu).contains(&mtu) {
                        self.mtu = Some(mtu);
                    }
                }
                DiscoveryOption::Prefix(prefix) => {
                    let network = Ipv6Cidr::new(prefix.prefix(), prefix.length);
                    if let Some(network) = network.filter(|network| is_prefix(*network))
                        && prefix.is_on_link()
                        && self.prefixes.advertised(now, network, prefix.valid()).is_err()
                    {
                        self.counters.lists_full += 1;
                    }
                    if self.autoconfigures {
                        match self.addresses.advertised(now, prefix) {
                            Formed::Full => self.counters.lists_full += 1,
                            Formed::Yes(address) => {
                                layer::log!(self.log, "ndp: {} is to be ours", address);
                            }
                            Formed::No | Formed::Updated => {}
                        }
                    }
                }
                DiscoveryOption::Rdnss(rdnss) => {
                    for server in rdnss.servers() {
                        self.dns_changed |= self.servers.advertised(now, server, rdnss.lifetime);
                    }
                }
                _ => {}
            }
        }
    }

    /// RFC 4861 8.3.
    fn redirected(
        &mut self,
        now: Instant,
        sender: Sender,
        (target, destination, link_address): (Ipv6Addr, Ipv6Addr, Option<MacAddr>),
        reaction: &mut Reaction,
    ) {
        let is_ours = |address| self.addresses.is_ours(address);
        let is_about_us = is_ours(target) || is_ours(destination);
        if is_about_us || self.next_hop(destination) != Some(sender.address) {
            self.counters.bad_redirects += 1;
            return;
        }
        layer::log!(self.log, "ndp: {} goes by way of {}", destination, target);
        self.redirects.insert(destination, target);
        if let Some(mac) = link_address {
            self.note(now, target, mac, reaction);
        }
        if target != destination {
            self.cache.set_router(target);
        }
    }

    /// Another station has an address of ours, or wants it too.
    fn duplicated(&mut self, now: Instant, address: Ipv6Addr, by: MacAddr) {
        let verdict = self.addresses.duplicate(now, address, by);
        if verdict == Verdict::NotOurs {
            return;
        }
        layer::log!(self.log, "ndp: our address {} is used by {}", address, by);
        self.counters.duplicates += 1;
        match verdict {
            Verdict::NotOurs | Verdict::Keep => {}
            Verdict::TryAnother { joined } => self.leave(address, joined),
            Verdict::GiveUp { joined } => {
                self.counters.given_up += 1;
                self.leave(address, joined);
            }
        }
    }

    /// Records the link-layer address of a neighbour that spoke of it by the way. Only neighbours on the link are added.
    fn note(&mut self, now: Instant, address: Ipv6Addr, mac: MacAddr, reaction: &mut Reaction) {
        let adds = self.is_on_link(address) || self.redirects.leads_to(address);
        let heard = self.cache.heard(now, address, mac, adds);
        let Heard { answered, added, changed, displaced, full } = heard;
        self.counters.learnt += u64::from(added);
        self.counters.changed += u64::from(changed);
        self.counters.cache_full += u64::from(full);
        self.displace(displaced);
        if answered {
            self.answered(now, address, mac, reaction);
        }
    }

    /// Packets that wait for a neighbour can be sent. That begins the delay before it is asked whether it is there, if it has not
    /// answered itself (RFC 4861 7.3.3).
    fn answered(
        &mut self,
        now: Instant,
        address: Ipv6Addr,
        station: MacAddr,
        reaction: &mut Reaction,
    ) {
        reaction.answered = Some((address, station));
        self.routers.reconsider();
        if self.cache.lookup(now, address).is_none() {
            let _: Resolution = self.cache.resolve(now, address);
        }
    }
}

/// Whether a prefix can be one of the link (RFC 4861 6.3.4: not that of link-local addresses; RFC 4291 2.7).
fn is_prefix(prefix: Ipv6Cidr) -> bool {
    let address = prefix.address();
    !address.is_unicast_link_local() && !address.is_multicast()
}
