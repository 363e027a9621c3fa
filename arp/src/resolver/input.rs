//! The effect of a received packet: the algorithm of RFC 826, with the additions of RFC 5227.

use core::net::Ipv4Addr;

use ethernet::{Frame, Queue};
use layer::Instant;
use netif::MacAddr;

use super::{Message, Output, Resolver};
use crate::{
    AddressInUse, ArpPacket, Operation,
    cache::{Claim, Full, Merged},
    detection::Verdict,
};

/// What to send after a packet was received, in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Reaction {
    /// The neighbour that has answered, for which packets [wait](Resolver::take_waiting), and its station.
    pub answered: Option<(Ipv4Addr, MacAddr)>,
    /// A request, or an announcement.
    pub question: Option<Output>,
    /// The reply to the packet.
    pub answer: Option<Output>,
}

impl<'g> Resolver<'g> {
    /// Handles a frame with an ARP packet. `mac` is our hardware address.
    pub fn input(&mut self, now: Instant, mac: MacAddr, frame: &Frame<'_>) -> Reaction {
        let mut reaction = Reaction::default();
        let Ok(packet) = ArpPacket::parse(frame.payload) else {
            self.counters.malformed += 1;
            return reaction;
        };
        layer::log!(self.log, "arp: received: {}", packet);
        match packet.operation() {
            Operation::REQUEST => self.counters.requests_rx += 1,
            Operation::REPLY => self.counters.replies_rx += 1,
            _ => {}
        }
        let (sender, station) = (packet.sender(), packet.sender_mac());
        if !station.is_station() || station == mac {
            self.counters.bad_sender += 1;
            return reaction;
        }
        let is_probe = packet.operation() == Operation::REQUEST && sender.is_unspecified();
        let about_us = packet.target() == self.network.address();
        // A station that probes for our address while we do competes for it (RFC 5227, 2.1.1).
        if sender == self.network.address() || (is_probe && about_us && self.detection.is_probing())
        {
            reaction.question = self.conflict(now, station);
            return reaction;
        }
        let for_us = about_us && self.detection.is_ours();
        let asks_us = for_us && packet.operation() == Operation::REQUEST;
        // Routers that share an address (VRRP, CARP) and clusters send packets whose sender is not the source of the
        // frame.
        let matches = station == frame.source;
        let claim = match packet.operation() {
            Operation::REQUEST if asks_us && matches => Claim::AsksUs,
            Operation::REPLY if for_us => Claim::AnswersUs,
            _ => Claim::Aside,
        };
        if self.is_host(sender) {
            let believed = self.note(now, (sender, station), claim, &mut reaction);
            self.counters.mismatched += u64::from(!matches && !believed);
        } else if !sender.is_unspecified() {
            self.counters.bad_sender += 1;
            return reaction;
        }
        // A probe (sender 0.0.0.0) is answered like any other request, but not learnt from. The reply goes to the
        // sender in the packet, as in RFC 826, even if another station sent the frame.
        if asks_us {
            self.counters.replies_tx += 1;
            reaction.answer = Some(Output { station, message: Message::Reply(sender) });
        }
        reaction
    }

    /// Takes out the packets that wait for a neighbour that has answered.
    pub fn take_waiting(&mut self, address: Ipv4Addr) -> Option<Queue<'g, Ipv4Addr>> {
        let queue = self.waiting.take(address)?;
        self.counters.delayed += queue.value().packets();
        Some(queue)
    }

    /// Learns the address of a neighbour, if it is believed; returns whether it is.
    fn note(
        &mut self,
        now: Instant,
        (sender, station): (Ipv4Addr, MacAddr),
        claim: Claim,
        reaction: &mut Reaction,
    ) -> bool {
        let merged = self.cache.merge(now, sender, station, claim);
        let mut believed = true;
        match merged {
            Merged::Answered => reaction.answered = Some((sender, station)),
            Merged::Confirmed => {}
            Merged::Changed => self.counters.changed += 1,
            Merged::Upheld => self.counters.upheld += 1,
            Merged::Rivalled(old) => reaction.question = Some(self.request(sender, old)),
            Merged::Contested => {
                believed = false;
                self.counters.doubted += 1;
                reaction.question = Some(self.request(sender, station));
            }
            // A station outside our network gets an answer, but does not become a neighbour.
            Merged::Unknown if claim == Claim::AsksUs && self.network.is_neighbour(sender) => {
                match self.cache.add(now, sender, station) {
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
        believed
    }

    /// Handles a conflict: another station uses our address, or probes for it.
    fn conflict(&mut self, now: Instant, by: MacAddr) -> Option<Output> {
        let address = self.network.address();
        let verdict = self.detection.conflict(now, AddressInUse { address, by });
        if verdict == Verdict::NotOurs {
            return None;
        }
        self.counters.conflicts += 1;
        match verdict {
            Verdict::Defend => {
                layer::log!(self.log, "arp: our address {} is used by {}", address, by);
                self.counters.defences += 1;
                Some(self.announce())
            }
            Verdict::GiveUp => {
                layer::log!(self.log, "arp: {} is left to {}", address, by);
                self.counters.given_up += 1;
                self.forget();
                None
            }
            Verdict::Keep | Verdict::NotOurs => None,
        }
    }
}

#[cfg(test)]
mod tests;
