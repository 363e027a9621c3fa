//! What a received packet does: the algorithm of RFC 826, and what RFC 5227 adds to it.

use core::net::Ipv4Addr;

use ethernet::{EtherType, Frame, Link};
use layer::{Instant, Payload};
use netif::MacAddr;

use crate::{
    AddressInUse, Arp, ArpPacket, Operation,
    cache::{Claim, Full, Merged},
    detection::Verdict,
};

impl<L: Link> Arp<'_, L> {
    /// Takes a frame with an ARP packet.
    pub(crate) fn process(&mut self, now: Instant, frame: &Frame<'_>) -> Result<(), L::Error> {
        let Ok(packet) = ArpPacket::parse(frame.payload) else {
            self.counters.malformed += 1;
            return Ok(());
        };
        layer::log!(self.log, "arp: received: {}", packet);
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
        let for_us = about_us && self.has_address();
        let asks_us = for_us && packet.operation() == Operation::REQUEST;
        // Routers that share an address (VRRP, CARP) and clusters send in the name of a station that is not the one
        // which the frame comes from.
        let matches = mac == frame.source;
        let claim = match packet.operation() {
            Operation::REQUEST if asks_us && matches => Claim::AsksUs,
            Operation::REPLY if for_us => Claim::AnswersUs,
            _ => Claim::Aside,
        };
        if self.is_host(sender) {
            let believed = self.note(now, sender, mac, claim)?;
            self.counters.mismatched += u64::from(!matches && !believed);
        } else if !sender.is_unspecified() {
            self.counters.bad_sender += 1;
            return Ok(());
        }
        // A probe (sender 0.0.0.0) is answered like any other request, and nothing is noted of it. The answer goes to
        // the station that is to be sent to, as RFC 826 has it, whichever sent the frame.
        if asks_us {
            self.counters.replies_tx += 1;
            self.transmit(now, mac, packet.reply(self.link.mac()))?;
        }
        Ok(())
    }

    /// Notes the address of a neighbour, as far as it is believed; says whether it is.
    fn note(
        &mut self,
        now: Instant,
        sender: Ipv4Addr,
        mac: MacAddr,
        claim: Claim,
    ) -> Result<bool, L::Error> {
        let merged = self.cache.merge(now, sender, mac, claim);
        let mut believed = true;
        match merged {
            Merged::Answered => self.send_waiting(now, sender, mac)?,
            Merged::Confirmed => {}
            Merged::Changed => self.counters.changed += 1,
            Merged::Upheld => self.counters.upheld += 1,
            Merged::Rivalled(old) => self.request(now, sender, old)?,
            Merged::Contested => {
                believed = false;
                self.counters.doubted += 1;
                self.request(now, sender, mac)?;
            }
            // Who asks us from outside our network is answered, but not believed to be a neighbour.
            Merged::Unknown if claim == Claim::AsksUs && self.network.is_neighbour(sender) => {
                match self.cache.add(now, sender, mac) {
                    Ok(displaced) => {
                        self.counters.learnt += 1;
                        self.displace(displaced);
                    }
                    Err(Full) => self.counters.cache_full += 1,
                }
            }
            Merged::Unknown | Merged::Unchanged => believed = false,
        }
        self.counters.unsolicited += u64::from(claim == Claim::AnswersUs && !believed);
        Ok(believed)
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
        let verdict =
            self.detection.conflict(now, AddressInUse { address: self.network.address(), by: mac });
        if verdict == Verdict::NotOurs {
            return Ok(());
        }
        self.counters.conflicts += 1;
        match verdict {
            Verdict::Defend => {
                let address = self.network.address();
                layer::log!(self.log, "arp: our address {} is used by {}", address, mac);
                self.counters.defences += 1;
                return self.announce(now);
            }
            Verdict::GiveUp => {
                let address = self.network.address();
                layer::log!(self.log, "arp: {} is left to {}", address, mac);
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
