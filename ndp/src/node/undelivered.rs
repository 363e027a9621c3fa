//! Packets that waited in vain for a neighbour (RFC 4861 7.2.2).

use core::net::Ipv6Addr;

use ethernet::{EtherType, Queue, packets};
use ipv6::{LONGEST_QUOTE, Undelivered};
use rt_regions::Region;

use super::Node;

/// The packets that waited for a neighbour which does not answer.
#[derive(Debug)]
pub(super) struct Failed<'g> {
    address: Ipv6Addr,
    queue: Queue<'g, Ipv6Addr>,
    /// How many of them were taken.
    taken: usize,
}

impl<'g> Failed<'g> {
    pub(super) fn new(address: Ipv6Addr, queue: Queue<'g, Ipv6Addr>) -> Self {
        Self { address, queue, taken: 0 }
    }

    /// How many packets there are.
    pub(super) fn packets(&self) -> u64 {
        self.queue.value().packets()
    }
}

impl Node<'_> {
    /// Whether there are packets that waited in vain. They are there until the next [`due`](Self::due).
    pub fn has_undelivered(&self) -> bool {
        self.undelivered.is_some()
    }

    /// The next packet that waited in vain, or its beginning, copied into `region`. The caller repeats this until it is `None`.
    #[inline]
    pub fn take_undelivered<'r>(&mut self, region: &'r Region<'_>) -> Option<Undelivered<'r>> {
        if self.undelivered.is_some() { self.next_undelivered(region) } else { None }
    }

    #[cold]
    fn next_undelivered<'r>(&mut self, region: &'r Region<'_>) -> Option<Undelivered<'r>> {
        let failed = self.undelivered.as_mut()?;
        let next = packets(&failed.queue).nth(failed.taken);
        failed.taken += 1;
        let taken = next.and_then(|(ethertype, bytes, _)| {
            let beginning = &bytes[..bytes.len().min(LONGEST_QUOTE)];
            let packet = &*region.alloc_slice(beginning).ok()?;
            let next_hop = failed.address;
            (ethertype == EtherType::IPV6).then_some(Undelivered { next_hop, packet })
        });
        if taken.is_none() {
            // No packet is left, or no memory.
            self.undelivered = None;
            self.update();
        }
        taken
    }
}
