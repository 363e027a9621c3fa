//! The queues of other cores, of a device that has none.

use core::{convert::Infallible, marker::PhantomData};

use layer::{Payload, Rx, TxOffload};
use netif::{MacAddr, Netif, RxFrame};
use rt_regions::Region;

/// The queues that a device `N` has for other cores than the first: none. There is no value of it.
#[derive(Debug)]
pub struct NoQueues<N>(Infallible, PhantomData<fn() -> N>);

impl<N: Netif> Netif for NoQueues<N> {
    type Error = N::Error;
    type Event = N::Event;

    fn mac(&self) -> MacAddr {
        match self.0 {}
    }

    fn mtu(&self) -> usize {
        match self.0 {}
    }

    fn event(&self) -> N::Event {
        match self.0 {}
    }

    fn receive<'r>(&mut self, _: &'r Region<'_>) -> Result<Rx<RxFrame<'r>>, N::Error> {
        match self.0 {}
    }

    fn transmit(&mut self, _: impl Payload, _: TxOffload) -> Result<(), N::Error> {
        match self.0 {}
    }
}
