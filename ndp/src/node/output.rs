//! The packets that are sent on our own account when they are due.

use core::{net::Ipv6Addr, time::Duration};

use ipv6::{ALL_NODES, multicast_mac, solicited_node};
use layer::Instant;
use netif::MacAddr;

use super::{Node, undelivered::Failed};
use crate::{
    addresses::Step,
    cache::Due,
    listener::Report,
    wire::{Packet, Record},
};

/// The least time between two announcements of all addresses because the link is back.
const MIN_ANNOUNCEMENT_INTERVAL: Duration = Duration::from_secs(1);

impl Node<'_> {
    /// Returns the next packet to send at `now`. The caller repeats this until it is `None`, and asks for
    /// [changes of groups](Self::link_change) before it sends each.
    pub fn due(&mut self, now: Instant) -> Option<Packet> {
        // Nobody wants to know of them.
        self.undelivered = None;
        self.expire(now);
        let packet = self.next_packet(now);
        self.update();
        packet
    }

    /// Ends what has a lifetime.
    fn expire(&mut self, now: Instant) {
        while let Some(router) = self.routers.expire(now) {
            layer::log!(self.log, "ndp: the router {} is gone", router);
            self.redirects.remove_via(router);
        }
        self.prefixes.expire(now);
        self.dns_changed |= self.servers.expire(now);
    }

    fn next_packet(&mut self, now: Instant) -> Option<Packet> {
        loop {
            // A group is reported before the probe that follows (RFC 4862 5.4.2).
            if self.link_up
                && let Some(report) = self.listener.due(now, &mut self.random)
            {
                return Some(self.report(&report));
            }
            let retransmit = self.cache.retransmit();
            match self.addresses.due(now, self.link_up, retransmit, &mut self.random) {
                Some(step) => {
                    if let Some(packet) = self.step(now, step) {
                        return Some(packet);
                    }
                }
                None => break,
            }
        }
        if self.link_up && self.solicitation.due(now, &mut self.random) {
            self.counters.router_solicitations_tx += 1;
            let source = self.addresses.link_local().unwrap_or(Ipv6Addr::UNSPECIFIED);
            return Some(Packet::router_solicitation(source, self.mac));
        }
        while let Some(due) = self.cache.due(now) {
            // Without an address of ours nothing is asked; what else is due still is.
            let question = match due {
                Due::Ask(address) => self.solicit(address, None, None),
                Due::Probe(address, station) => self.solicit(address, Some(station), None),
                Due::Failed(address) => {
                    layer::log!(self.log, "ndp: {} does not answer", address);
                    self.counters.silent += 1;
                    self.unreachable(address);
                    if let Some(queue) = self.waiting.take(address) {
                        let failed = Failed::new(address, queue);
                        self.counters.unanswered += failed.packets();
                        self.undelivered = Some(failed);
                        // What else is due is so after these.
                        return None;
                    }
                    None
                }
                Due::Lost(address) => {
                    layer::log!(self.log, "ndp: {} answers no more", address);
                    self.counters.unreachable += 1;
                    self.unreachable(address);
                    None
                }
            };
            if question.is_some() {
                return question;
            }
        }
        None
    }

    /// A solicitation for a neighbour, to all or to one station, from the address of ours in the packet that waits, or another.
    pub(super) fn solicit(
        &mut self,
        target: Ipv6Addr,
        station: Option<MacAddr>,
        preferred: Option<Ipv6Addr>,
    ) -> Option<Packet> {
        let source = preferred.or_else(|| self.addresses.source_for(target))?;
        self.counters.solicitations_tx += 1;
        Some(Packet::solicitation(station, (source, self.mac), target))
    }

    fn report(&mut self, report: &Report) -> Packet {
        self.counters.reports_tx += 1;
        // RFC 9777 5.2.13, RFC 3590 4: before there is a link-local address.
        let source = self.addresses.link_local().unwrap_or(Ipv6Addr::UNSPECIFIED);
        let mut records = report.records.into_iter().flatten();
        match records.next() {
            Some((record, group)) if report.is_v1 => {
                Packet::report_v1(source, group, record != Record::Left)
            }
            first => Packet::report(source, first.into_iter().chain(records)),
        }
    }

    fn step(&mut self, now: Instant, step: Step) -> Option<Packet> {
        match step {
            Step::Join(address) => {
                if self.listener.join_for_address(solicited_node(address)).is_err() {
                    self.counters.groups_full += 1;
                }
                None
            }
            Step::Probe(address, nonce) => {
                self.counters.probes_tx += 1;
                Some(Packet::probe(address, nonce))
            }
            Step::Assigned(address) => {
                layer::log!(self.log, "ndp: {} is ours", address);
                if self.addresses.link_local() == Some(address) {
                    self.listener.refresh(now);
                    match self.wants_router() {
                        true if self.addresses.detects() => self.solicitation.start(now),
                        true => self.solicitation.restart(now, &mut self.random),
                        false => {}
                    }
                }
                None
            }
            Step::Announce(address) => {
                self.counters.announcements_tx += 1;
                self.no_announcement_before = now + MIN_ANNOUNCEMENT_INTERVAL;
                Some(self.announcement(address))
            }
            Step::Deprecated(address) => {
                layer::log!(self.log, "ndp: {} is deprecated", address);
                None
            }
            Step::Ended { address, joined } => {
                layer::log!(self.log, "ndp: {} is ours no more", address);
                self.leave(address, joined);
                None
            }
        }
    }

    /// Tells all nodes that an address is ours (RFC 4861 7.2.6).
    fn announcement(&self, address: Ipv6Addr) -> Packet {
        let station = multicast_mac(ALL_NODES);
        Packet::advertisement(station, ALL_NODES, (address, self.mac), false, true)
    }

    /// Leaves the group of an address that is not to be ours any more, if it was joined.
    pub(super) fn leave(&mut self, address: Ipv6Addr, joined: bool) {
        if joined {
            self.listener.leave_for_address(solicited_node(address));
        }
    }

    /// A neighbour does not answer: nothing goes by way of it (RFC 4861 7.3.3).
    fn unreachable(&mut self, address: Ipv6Addr) {
        self.routers.reconsider();
        self.redirects.remove_via(address);
    }
}
