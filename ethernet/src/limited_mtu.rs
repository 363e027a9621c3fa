//! A link whose MTU can be limited while it is in use.

use layer::{Counter, Instant, Layer, Payload, Rx, Setup, TxOffload};
use rt_regions::Region;

use crate::{EtherType, Frame, JoinError, Link};

/// The link `L` with an MTU that can be lowered by [`limit_mtu`](Link::limit_mtu): for a network that carries less than its
/// interfaces. A tower without this layer does not pay for it.
///
/// The limit holds for those who ask for the [`mtu`](Link::mtu). A longer frame is sent as it is.
#[derive(Debug)]
pub struct LimitedMtu<L> {
    link: L,
    limit: usize,
}

impl<L> LimitedMtu<L> {
    /// The link without a limit.
    pub fn new(link: L) -> Self {
        Self { link, limit: usize::MAX }
    }

    /// The link below.
    pub fn link(&self) -> &L {
        &self.link
    }

    /// The link below, mutably.
    pub fn link_mut(&mut self) -> &mut L {
        &mut self.link
    }
}

impl<L: Link> Layer for LimitedMtu<L> {
    type Error = L::Error;
    type Event = L::Event;
    type Item<'r> = Frame<'r>;

    fn event(&self) -> L::Event {
        self.link.event()
    }

    #[inline]
    fn receive<'r>(
        &mut self,
        now: Instant,
        region: &'r Region<'_>,
    ) -> Result<Rx<Frame<'r>>, L::Error> {
        self.link.receive(now, region)
    }

    fn unclaimed(&mut self, now: Instant, frame: Frame<'_>) -> Result<(), L::Error> {
        self.link.unclaimed(now, frame)
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.link.next_deadline()
    }

    fn ready(&self) -> Result<bool, &dyn core::fmt::Display> {
        self.link.ready()
    }

    fn counters(&self, visit: &mut dyn FnMut(Counter)) {
        self.link.counters(visit);
    }

    fn configure(&mut self, setup: &mut Setup<'_>) {
        self.link.configure(setup);
    }

    fn describe(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.link.describe(f)
    }
}

impl<L: Link> Link for LimitedMtu<L> {
    fn mac(&self) -> netif::MacAddr {
        self.link.mac()
    }

    #[inline]
    fn mtu(&self) -> usize {
        self.link.mtu().min(self.limit)
    }

    fn limit_mtu(&mut self, mtu: Option<usize>) -> bool {
        self.limit = mtu.unwrap_or(usize::MAX);
        true
    }

    #[inline]
    fn offloads(&self) -> layer::Offloads {
        self.link.offloads()
    }

    fn room(&self) -> usize {
        self.link.room()
    }

    fn link_up(&self) -> bool {
        self.link.link_up()
    }

    fn link_interval(&self) -> Option<core::time::Duration> {
        self.link.link_interval()
    }

    fn join(&mut self, group: netif::MacAddr) -> Result<(), JoinError> {
        self.link.join(group)
    }

    fn leave(&mut self, group: netif::MacAddr) {
        self.link.leave(group);
    }

    #[inline]
    fn send(
        &mut self,
        now: Instant,
        destination: netif::MacAddr,
        ethertype: EtherType,
        payload: impl Payload,
        offload: TxOffload,
    ) -> Result<(), L::Error> {
        self.link.send(now, destination, ethertype, payload, offload)
    }
}

#[cfg(test)]
mod tests {
    use netif::MacAddr;
    use testkit::{End, Wire};

    use super::*;
    use crate::Ethernet;

    #[test]
    fn the_mtu_is_limited_and_never_above_that_of_the_interface() {
        let (_wire, end): (Wire, End) = Wire::new(MacAddr([2, 0, 0, 0, 0, 1]));
        let mut link = LimitedMtu::new(Ethernet::new(end));
        assert_eq!(link.mtu(), 1500);
        for (limit, mtu) in [(Some(1460), 1460), (Some(9000), 1500), (None, 1500)] {
            assert!(link.limit_mtu(limit));
            assert_eq!(link.mtu(), mtu, "{limit:?}");
        }
    }

    #[test]
    fn a_link_without_this_layer_says_that_it_cannot() {
        let (_wire, end) = Wire::new(MacAddr([2, 0, 0, 0, 0, 1]));
        let mut link = Ethernet::new(end);
        assert!(!link.limit_mtu(Some(1460)));
        assert_eq!(link.mtu(), 1500);
    }
}
