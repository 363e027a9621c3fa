//! What a received packet does: the algorithm of RFC 826, and what RFC 5227 adds to it.

use core::net::Ipv4Addr;

use ethernet::{EtherType, Frame, Link};
use netif::{Instant, MacAddr, Payload};

use crate::{
    Arp, ArpPacket, Operation,
    cache::{Claim, Full, Merged},
    detection::Verdict,
};

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
        let is_probe = packet.operation() == Operation::REQUEST && sender.is_unspecified();
        let about_us = packet.target() == self.network.address();
        // Who probes for our address while we do wants it as much as we do (RFC 5227, 2.1.1).
        if sender == self.network.address() || (is_probe && about_us && self.detection.is_probing())
        {
            return self.conflict(now, mac);
        }
        if mac != frame.source {
            self.counters.mismatched += 1;
            return Ok(());
        }
        let for_us = about_us && self.has_address();
        let claim = match (packet.operation(), for_us) {
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
            self.link.send(now, mac, EtherType(ethertype as u16), &packet as &dyn Payload)?;
        }
        Ok(())
    }

    /// Somebody else uses our address, or wants to.
    fn conflict(&mut self, now: Instant, mac: MacAddr) -> Result<(), L::Error> {
        let verdict = self.detection.conflict(now, mac);
        if verdict == Verdict::NotOurs {
            return Ok(());
        }
        self.counters.conflicts += 1;
        match verdict {
            Verdict::Defend => {
                let address = self.network.address();
                netif::log!(self.log, "arp: our address {} is used by {}", address, mac);
                self.counters.defences += 1;
                return self.announce(now);
            }
            Verdict::GiveUp => {
                let address = self.network.address();
                netif::log!(self.log, "arp: {} is left to {}", address, mac);
                self.counters.given_up += 1;
                self.forget();
            }
            Verdict::Keep | Verdict::NotOurs => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
