//! An interface in memory, as much like a TAP device as it can be without system calls.

use std::{cell::Cell, convert::Infallible, hint::black_box, rc::Rc};

use layer::{Payload, Rx, TxOffload};
use netif::{MacAddr, Netif, RxFrame};
use rt_regions::Region;

/// The MTU in bytes.
const MTU: usize = 1500;
/// The longest frame in bytes: an Ethernet header with one VLAN tag, and the payload.
const LONGEST: usize = MTU + 18;

/// Frames that arrive one after the other, from the first again after the last.
pub type Frames = Rc<[Vec<u8>]>;

/// One end of a cable: the same frames arrive for ever; what is sent is put together and forgotten.
#[derive(Debug)]
pub struct Cable {
    mac: MacAddr,
    incoming: Frames,
    next: usize,
    /// The frame that comes after the last.
    again_from: usize,
    /// Where a frame that is sent is put together.
    frame: Box<[u8; LONGEST]>,
    sent: Rc<Cell<u64>>,
}

impl Cable {
    /// An interface with the address `mac` at which these frames arrive. Counts in `sent` what it sends.
    pub fn new(mac: MacAddr, incoming: &Frames, sent: &Rc<Cell<u64>>) -> Self {
        Self {
            mac,
            incoming: Rc::clone(incoming),
            next: 0,
            again_from: 0,
            frame: Box::new([0; LONGEST]),
            sent: Rc::clone(sent),
        }
    }

    /// This interface, where the first `once` frames do not come again.
    #[must_use]
    pub fn again_from(self, once: usize) -> Self {
        Self { again_from: once, ..self }
    }
}

impl Netif for Cable {
    type Error = Infallible;
    type Event = ();

    fn mac(&self) -> MacAddr {
        self.mac
    }

    fn mtu(&self) -> usize {
        MTU
    }

    fn event(&self) {}

    fn receive<'r>(&mut self, region: &'r Region<'_>) -> Result<Rx<RxFrame<'r>>, Infallible> {
        let Some(frame) = self.incoming.get(self.next) else { return Ok(Rx::Idle) };
        self.next =
            if self.next + 1 == self.incoming.len() { self.again_from } else { self.next + 1 };
        // A driver asks for room for the longest frame, and gives back what the frame did not need.
        let filled =
            region.fill(LONGEST, |room| (Some(room[..frame.len()].write_copy_of_slice(frame)), ()));
        Ok(match filled {
            Ok((Some(bytes), ())) => Rx::Item(RxFrame::new(bytes)),
            Ok((None, ())) | Err(_) => Rx::Handled,
        })
    }

    fn transmit(&mut self, frame: impl Payload, _: TxOffload) -> Result<(), Infallible> {
        if let Some(bytes) = self.frame.get_mut(..frame.len()) {
            frame.copy_to(0, bytes);
            black_box(bytes);
            self.sent.set(self.sent.get() + 1);
        }
        Ok(())
    }
}
