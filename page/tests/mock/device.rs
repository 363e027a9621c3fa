//! An end of a cable that counts, as a device does.

use std::{convert::Infallible, fmt};

use layer::{Counter, Payload, Rx, TxOffload};
use netif::{Netif, RxFrame};
use rt_regions::Region;
use testkit::End;

layer::counters! {
    /// What went over the cable.
    pub struct Counters of "cable" {
        /// Frames received.
        frames_rx,
        /// Bytes of frames received.
        bytes_rx,
        /// Frames lost for want of memory.
        rx_no_room,
        /// Frames sent.
        frames_tx,
        /// Bytes of frames sent.
        bytes_tx,
    }
}

/// An end of a cable that counts.
#[derive(Debug)]
pub(crate) struct Counted {
    netif: End,
    counters: Counters,
}

impl Counted {
    pub(crate) fn new(netif: End) -> Self {
        Self { netif, counters: Counters::default() }
    }
}

impl Netif for Counted {
    type Error = Infallible;
    type Event = ();

    fn mac(&self) -> netif::MacAddr {
        self.netif.mac()
    }

    fn mtu(&self) -> usize {
        self.netif.mtu()
    }

    fn event(&self) {}

    fn receive<'r>(&mut self, region: &'r Region<'_>) -> Result<Rx<RxFrame<'r>>, Infallible> {
        let received = self.netif.receive(region)?;
        match &received {
            Rx::Item(frame) => {
                self.counters.frames_rx += 1;
                self.counters.bytes_rx += frame.bytes.len() as u64;
            }
            Rx::Handled => self.counters.rx_no_room += 1,
            Rx::Idle => {}
        }
        Ok(received)
    }

    fn transmit(&mut self, frame: impl Payload, offload: TxOffload) -> Result<(), Infallible> {
        self.counters.frames_tx += 1;
        self.counters.bytes_tx += frame.len() as u64;
        self.netif.transmit(frame, offload)
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " on a cable {}", self.mac())
    }

    fn counters(&self, visit: &mut dyn FnMut(Counter)) {
        self.counters.visit(visit);
    }
}
