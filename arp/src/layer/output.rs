//! What the layer sends of itself: requests, announcements, probes, when they are due.

use core::net::Ipv4Addr;

use ethernet::{EtherType, Link};
use layer::Instant;
use netif::MacAddr;

use crate::{Arp, ArpPacket, cache::Due, detection::Step};

impl<L: Link> Arp<'_, L> {
    /// Our two addresses.
    fn ours(&self) -> (Ipv4Addr, MacAddr) {
        (self.network.address(), self.link.mac())
    }

    // One copy: it is used in many places, and seldom.
    #[inline(never)]
    pub(crate) fn transmit(
        &mut self,
        now: Instant,
        destination: MacAddr,
        packet: ArpPacket,
    ) -> Result<(), L::Error> {
        layer::log!(self.log, "arp: sent: {}", packet);
        self.link.send(now, destination, EtherType::ARP, packet)
    }

    /// Asks for `target`: all stations, or one.
    pub(crate) fn request(
        &mut self,
        now: Instant,
        target: Ipv4Addr,
        destination: MacAddr,
    ) -> Result<(), L::Error> {
        self.counters.requests_tx += 1;
        self.transmit(now, destination, ArpPacket::request(self.ours(), target))
    }

    /// Says that our address is ours.
    pub(crate) fn announce(&mut self, now: Instant) -> Result<(), L::Error> {
        self.counters.announcements_tx += 1;
        self.transmit(now, MacAddr::BROADCAST, ArpPacket::announcement(self.ours()))
    }

    /// Asks whether our address is somebody's.
    fn probe(&mut self, now: Instant) -> Result<(), L::Error> {
        self.counters.probes_tx += 1;
        let (address, mac) = self.ours();
        self.transmit(now, MacAddr::BROADCAST, ArpPacket::probe(mac, address))
    }

    /// Does what is due.
    #[cold]
    #[inline(never)]
    pub(super) fn run(&mut self, now: Instant) -> Result<(), L::Error> {
        // Before each probe: one that cannot leave is none.
        self.detection.look(now, self.link.link_up(), self.link.link_interval());
        while let Some(step) = self.detection.due(now) {
            match step {
                Step::Probe => self.probe(now)?,
                Step::Announce => self.announce(now)?,
            }
        }
        while let Some(due) = self.cache.due(now) {
            match due {
                Due::Ask(address) => self.request(now, address, MacAddr::BROADCAST)?,
                Due::Poll(address, mac) => self.request(now, address, mac)?,
                Due::Changed(address) => {
                    layer::log!(self.log, "arp: {} has moved", address);
                    self.counters.changed += 1;
                }
                Due::Silent(address) | Due::Lost(address) => {
                    layer::log!(self.log, "arp: {} does not answer", address);
                    self.counters.silent += 1;
                    self.counters.unanswered += self.waiting.discard(address);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
