//! The packets that are sent on our own account when they are due: requests, announcements, probes.

use core::{net::Ipv4Addr, time::Duration};

use layer::Instant;
use netif::MacAddr;

use super::{Message, Output, Resolver};
use crate::{cache::Due, detection::Step};

impl Resolver<'_> {
    /// A request for `target`, to all stations or to one.
    pub(super) fn request(&mut self, target: Ipv4Addr, station: MacAddr) -> Output {
        self.counters.requests_tx += 1;
        Output { station, message: Message::Request(target) }
    }

    /// An announcement that our address is ours.
    pub(super) fn announce(&mut self) -> Output {
        self.counters.announcements_tx += 1;
        Output { station: MacAddr::BROADCAST, message: Message::Announcement }
    }

    /// Records at `now` whether the link is up. The state is to be checked again after `interval`. The caller calls
    /// this before [`due`](Self::due), because a probe that cannot leave does not count.
    pub fn look(&mut self, now: Instant, link_up: bool, interval: Option<Duration>) {
        self.detection.look(now, link_up, interval);
    }

    /// Returns the next packet to send at `now`. The caller repeats this until it is `None`.
    pub fn due(&mut self, now: Instant) -> Option<Output> {
        if let Some(step) = self.detection.due(now) {
            return Some(match step {
                Step::Probe => {
                    self.counters.probes_tx += 1;
                    Output { station: MacAddr::BROADCAST, message: Message::Probe }
                }
                Step::Announce => self.announce(),
            });
        }
        while let Some(due) = self.cache.due(now) {
            match due {
                Due::Ask(address) => return Some(self.request(address, MacAddr::BROADCAST)),
                Due::Poll(address, station) => return Some(self.request(address, station)),
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
        None
    }
}

#[cfg(test)]
mod tests;
