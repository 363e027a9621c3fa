//! Two interfaces with a cable between them, in memory.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    convert::Infallible,
    num::NonZeroU16,
    rc::Rc,
    time::Duration,
};

use layer::{Offloads, Payload, Rx, TxOffload};
use netif::{Checksums, MacAddr, Netif, RxFrame};
use rt_regions::Region;

use crate::bytes_of;

/// The frames on their way in one direction.
type Queue = Rc<RefCell<VecDeque<(Vec<u8>, TxOffload)>>>;

/// One end of the cable, to be used raw by a test: it puts frames in and takes frames out.
#[derive(Clone, Debug)]
pub struct Wire {
    to_end: Queue,
    from_end: Queue,
    link_up: Rc<Cell<bool>>,
}

impl Wire {
    /// A cable: this end for the test, the other for the layer under test, which has the hardware
    /// address `mac` and an MTU of 1500 bytes.
    pub fn new(mac: MacAddr) -> (Self, End) {
        let link_up = Rc::new(Cell::new(true));
        let wire = Self { to_end: Queue::default(), from_end: Queue::default(), link_up };
        let end = End::new(mac, &wire.link_up, &wire.to_end, &wire.from_end);
        (wire, end)
    }

    /// Lets `frame` arrive at the other end.
    pub fn push(&self, frame: impl Into<Vec<u8>>) {
        self.to_end.borrow_mut().push_back((frame.into(), TxOffload::NONE));
    }

    /// Takes the cable out of the other end, which then loses what it sends, or puts it in again.
    pub fn set_link(&self, up: bool) {
        self.link_up.set(up);
    }

    /// The oldest frame that the other end sent.
    pub fn pop(&self) -> Option<Vec<u8>> {
        self.from_end.borrow_mut().pop_front().map(|(frame, _)| frame)
    }

    /// All the frames that the other end sent.
    pub fn drain(&self) -> Vec<Vec<u8>> {
        self.drain_offloaded().into_iter().map(|(frame, _)| frame).collect()
    }

    /// All the frames that the other end sent, each with what was left undone in it.
    pub fn drain_offloaded(&self) -> Vec<(Vec<u8>, TxOffload)> {
        self.from_end.borrow_mut().drain(..).collect()
    }
}

/// One end of the cable, as an interface.
#[derive(Debug)]
pub struct End {
    /// The hardware address.
    pub mac: MacAddr,
    /// The MTU in bytes.
    pub mtu: usize,
    /// What it says of the checksums of what it receives.
    pub checksums: Checksums,
    /// From how large segments it says that what it receives was joined.
    pub segment_size: Option<NonZeroU16>,
    /// What it says that it does itself, though it does not.
    pub offloads: Offloads,
    /// How often it says that it is to be asked whether frames leave.
    pub link_interval: Option<Duration>,
    link_up: Rc<Cell<bool>>,
    incoming: Queue,
    outgoing: Queue,
}

impl End {
    /// A cable with an interface at either end, with an MTU of 1500 bytes.
    pub fn pair(mac: MacAddr, other: MacAddr) -> (Self, Self) {
        let (wire, end) = Wire::new(mac);
        let other = Self::new(other, &wire.link_up, &wire.from_end, &wire.to_end);
        (end, other)
    }

    /// An end that takes frames from one queue and puts them into another.
    fn new(mac: MacAddr, link_up: &Rc<Cell<bool>>, incoming: &Queue, outgoing: &Queue) -> Self {
        Self {
            mac,
            mtu: 1500,
            checksums: Checksums::NotChecked,
            segment_size: None,
            offloads: Offloads::NONE,
            link_interval: None,
            link_up: link_up.clone(),
            incoming: incoming.clone(),
            outgoing: outgoing.clone(),
        }
    }

    /// This end with another MTU.
    #[must_use]
    pub fn with_mtu(self, mtu: usize) -> Self {
        Self { mtu, ..self }
    }
}

impl Netif for End {
    type Error = Infallible;
    type Event = ();

    fn mac(&self) -> MacAddr {
        self.mac
    }

    fn mtu(&self) -> usize {
        self.mtu
    }

    fn offloads(&self) -> Offloads {
        self.offloads
    }

    fn link_up(&self) -> bool {
        self.link_up.get()
    }

    fn link_interval(&self) -> Option<Duration> {
        self.link_interval
    }

    fn event(&self) {}

    fn receive<'r>(&mut self, region: &'r Region<'_>) -> Result<Rx<RxFrame<'r>>, Infallible> {
        let Some((frame, _)) = self.incoming.borrow_mut().pop_front() else { return Ok(Rx::Idle) };
        Ok(match region.alloc_slice(&frame) {
            Ok(bytes) => Rx::Item(RxFrame {
                bytes,
                checksums: self.checksums,
                segment_size: self.segment_size,
            }),
            Err(_) => Rx::Handled,
        })
    }

    fn transmit(&mut self, frame: impl Payload, offload: TxOffload) -> Result<(), Infallible> {
        if !self.link_up.get() {
            return Ok(());
        }
        self.outgoing.borrow_mut().push_back((bytes_of(frame), offload));
        Ok(())
    }
}
