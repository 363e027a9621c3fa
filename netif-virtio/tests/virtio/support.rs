//! A guest with an interface, and its device.

use std::{cell::RefCell, rc::Rc};

use layer::Rx;
use netif::{Checksums, MacAddr, Netif};
use netif_virtio::{DeviceError, Error, Guest, VirtioNet};
use rt_regions::Region;

use crate::simulated::{
    World,
    device::{Device, Sent},
    transport::{Registers, SimulatedTransport, feature},
};

pub(crate) const MAC: MacAddr = MacAddr([0x52, 0x54, 0, 0, 0, 7]);

/// The pages of the guest: as in one of 2 MiB.
pub(crate) const PAGES: usize = 430;

/// How many receive buffers such a guest has: an eighth of its pool, which has a few pages more.
pub(crate) const BUFFERS: u16 = 54;

/// What came: bytes, and what is known of the checksums.
pub(crate) type Frame = (Vec<u8>, Checksums);

/// The driver under test.
pub(crate) type Netdev = VirtioNet<SimulatedTransport, World>;

/// A guest with an interface, and its device.
pub(crate) struct Host {
    pub(crate) world: World,
    /// In a box: what it borrows ends in [`end`](Self::end), to which it is passed.
    pub(crate) netif: Box<Netdev>,
    pub(crate) device: Rc<RefCell<Device>>,
    pub(crate) packet: Region<'static>,
}

/// All that a device may offer or leave out, with what the rings have in common.
pub(crate) fn offers() -> impl Iterator<Item = u64> {
    let optional = [
        feature::EVENT_IDX,
        feature::MRG_RXBUF,
        feature::STATUS,
        feature::GUEST_CSUM,
        feature::MTU,
    ];
    (0..1 << optional.len()).map(move |bits: usize| {
        let left_out = optional.iter().enumerate().filter(|(at, _)| bits >> at & 1 == 1);
        left_out.fold(feature::ALL, |offered, (_, feature)| offered & !feature)
    })
}

/// Opens the device with these registers.
pub(crate) fn open(registers: Registers, offloads: bool) -> Result<Host, DeviceError> {
    open_in(PAGES, registers, offloads, None)
}

/// Opens the device with these registers in a guest with so many pages.
pub(crate) fn open_in(
    pages: usize,
    registers: Registers,
    offloads: bool,
    mac: Option<MacAddr>,
) -> Result<Host, DeviceError> {
    let world = World::new(pages);
    let device = Rc::new(RefCell::new(Device::with(&world, registers)));
    let transport = device.borrow().transport();
    let other = device.clone();
    world.while_asleep(move || other.borrow_mut().turn());
    match VirtioNet::attach_with(transport, world.clone(), mac, offloads, world.memory()) {
        Ok(netif) => {
            let packet = Region::new(world.pool(), "packet");
            Ok(Host { world, netif: Box::new(netif), device, packet })
        }
        Err(Error::Device(error)) => {
            let kept = world.shared_pages();
            world.end_with(kept);
            Err(error)
        }
        Err(error) => panic!("{error}"),
    }
}

impl Host {
    pub(crate) fn new() -> Self {
        open(Registers::default(), false).unwrap()
    }

    /// A host whose device offers this.
    pub(crate) fn offering(offered: u64) -> Self {
        open(Registers { offered, ..Registers::default() }, false).unwrap()
    }

    /// The device's turn.
    pub(crate) fn turn(&self) {
        self.device.borrow_mut().turn();
    }

    pub(crate) fn send_to_guest(&self, bytes: &[u8]) {
        self.device.borrow_mut().send_to_guest(bytes);
    }

    /// Receives until nothing is there, as the loop of a runtime does.
    pub(crate) fn receive(&mut self) -> Vec<Frame> {
        receive(&self.world, &mut *self.netif, &mut self.packet)
    }

    /// Lets both take turns until nothing happens any more. After the first time the guest runs only if it was
    /// interrupted.
    pub(crate) fn settle(&mut self) -> Vec<Frame> {
        let mut frames = self.receive();
        for _ in 0..100 {
            self.turn();
            if !self.world.take_interrupt() {
                return frames;
            }
            frames.extend(self.receive());
        }
        panic!("it never comes to rest");
    }

    pub(crate) fn sent(&self) -> Vec<Sent> {
        std::mem::take(&mut self.device.borrow_mut().from_guest)
    }

    /// The frames that were sent, without their headers.
    pub(crate) fn frames_sent(&self) -> Vec<Vec<u8>> {
        self.sent().into_iter().map(|sent| sent.bytes).collect()
    }

    pub(crate) fn counter(&self, name: &str) -> u64 {
        let mut value = None;
        self.netif.counters(&mut |counter| {
            assert_eq!(counter.layer, "virtio");
            if counter.name == name {
                value = Some(counter.value);
            }
        });
        value.unwrap_or_else(|| panic!("there is no counter {name}"))
    }

    /// Ends everything, and checks that nothing was left behind.
    pub(crate) fn end(self) {
        let Self { world, netif, packet, device } = self;
        drop(netif);
        assert!(device.borrow().registers.borrow().is_dropped);
        assert_eq!(device.borrow().registers.borrow().status, 0, "the device goes on");
        drop(packet);
        world.end();
    }
}

/// Receives from the interface of this guest until nothing is there, as the loop of a runtime does.
pub(crate) fn receive(
    world: &World,
    netif: &mut impl Netif<Error = DeviceError>,
    packet: &mut Region<'_>,
) -> Vec<Frame> {
    let mut frames = Vec::new();
    for _ in 0..10_000 {
        packet.reset();
        match netif.receive(packet).unwrap() {
            Rx::Item(frame) => {
                assert!(!world.is_shared(frame.bytes), "a frame in a page that is lent");
                frames.push((frame.bytes.to_vec(), frame.checksums));
            }
            Rx::Handled => {}
            Rx::Idle => return frames,
        }
    }
    panic!("it never comes to rest");
}

/// A frame of so many bytes, none like the other.
pub(crate) fn frame(length: usize, number: usize) -> Vec<u8> {
    (0..length).map(|byte| (byte * 7 + byte / 256 + number * 13) as u8).collect()
}
