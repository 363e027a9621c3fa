//! What a received packet does: the algorithm of RFC 826, and what RFC 5227 adds to it.

use core::{net::Ipv4Addr, time::Duration};

use ethernet::{EtherType, Frame, Link};
use netif::{Instant, MacAddr};

use crate::{
    Arp, ArpPacket, Operation,
    cache::{Claim, Full, Merged},
};

/// Our address is defended at most once in this time (RFC 5227, 1.1: `DEFEND_INTERVAL`).
const DEFEND_INTERVAL: Duration = Duration::from_secs(10);

impl<L: Link> Arp<'_, L> {
    /// Takes a frame with an ARP packet.
    pub(crate) fn hear(&mut self, now: Instant, frame: &Frame<'_>) -> Result<(), L::Error> {
        let Ok(packet) = ArpPacket::parse(frame.payload) else {
            self.counters.malformed += 1;
            return Ok(());
        };
        netif::log!(self.log, "arp: received: {}", packet);
        match packet.operation() {
            Operation::REQUEST => self.counters.requests_rx += 1,
            Operation::REPLY => self.counters.replies_rx += 1,
            _ => {}
        }
        let (sender, mac) = (packet.sender(), packet.sender_mac());
        if !mac.is_station() || mac == self.link.mac() {
            self.counters.bad_sender += 1;
            return Ok(());
        }
        if sender == self.network.address() {
            return self.defend(now, mac);
        }
        if mac != frame.source {
            self.counters.mismatched += 1;
            return Ok(());
        }
        let claim = match (packet.operation(), packet.target() == self.network.address()) {
            (Operation::REQUEST, true) => Claim::AsksUs,
            (Operation::REPLY, true) => Claim::AnswersUs,
            _ => Claim::Aside,
        };
        if self.is_host(sender) {
            self.note(now, sender, mac, claim)?;
        } else if !sender.is_unspecified() {
            self.counters.bad_sender += 1;
            return Ok(());
        }
        // A probe (sender 0.0.0.0) is answered like any other request, and nothing is noted of it.
        if claim == Claim::AsksUs {
            self.counters.replies_tx += 1;
            self.transmit(now, mac, packet.reply(self.link.mac()))?;
        }
        Ok(())
    }

    /// Notes the address of a neighbour, as far as it is believed.
    fn note(
        &mut self,
        now: Instant,
        sender: Ipv4Addr,
        mac: MacAddr,
        claim: Claim,
    ) -> Result<(), L::Error> {
        let merged = self.cache.merge(now, sender, mac, claim);
        if claim == Claim::AnswersUs && !matches!(merged, Merged::Answered | Merged::Confirmed) {
            self.counters.unsolicited += 1;
        }
        match merged {
            // Who asks us from outside our network is answered, but not believed to be a neighbour.
            Merged::Unknown if claim == Claim::AsksUs && self.network.is_neighbour(sender) => {
                match self.cache.add(now, sender, mac) {
                    Ok(displaced) => {
                        self.counters.learnt += 1;
                        self.displace(displaced);
                    }
                    Err(Full) => self.counters.cache_full += 1,
                }
                Ok(())
            }
            Merged::Answered => self.send_waiting(now, sender, mac),
            Merged::Doubted(old) => {
                self.counters.doubted += 1;
                self.request(now, sender, old)
            }
            Merged::Changed => {
                self.counters.changed += 1;
                Ok(())
            }
            Merged::Unknown | Merged::Unchanged | Merged::Confirmed | Merged::Forgotten => Ok(()),
        }
    }

    /// Sends what waits for a neighbour that has answered.
    fn send_waiting(
        &mut self,
        now: Instant,
        address: Ipv4Addr,
        mac: MacAddr,
    ) -> Result<(), L::Error> {
        let Some(queue) = self.waiting.take(address) else { return Ok(()) };
        for (ethertype, packet) in queue.iter() {
            self.counters.delayed += 1;
            // The queue was given a u16.
            self.link.send(now, mac, EtherType(ethertype as u16), packet)?;
        }
        Ok(())
    }

    /// Somebody else uses our address. We keep it in any case (RFC 5227, 2.4 (c)): a server must be
    /// where its clients look for it.
    fn defend(&mut self, now: Instant, mac: MacAddr) -> Result<(), L::Error> {
        self.counters.conflicts += 1;
        if self.defended.is_some_and(|last| now < last + DEFEND_INTERVAL) {
            return Ok(());
        }
        netif::log!(self.log, "arp: our address {} is used by {}", self.network.address(), mac);
        self.counters.defences += 1;
        self.defended = Some(now);
        self.announce(now)
    }
}

#[cfg(test)]
mod tests;
