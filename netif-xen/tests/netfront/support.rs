//! A guest with an interface, and its backend.

use std::{cell::RefCell, rc::Rc};

use layer::Rx;
use netif::{Checksums, MacAddr, Netif};
use netif_xen::Netfront;
use rt_regions::Region;
use rt_xen::Guest;

#[cfg(feature = "segmentation")]
use crate::simulated::backend::Left;
use crate::simulated::{World, backend::Backend};

pub(crate) const MAC: MacAddr = MacAddr([0, 0x16, 0x3e, 0, 0, 7]);

/// What came: bytes, and what is known of the checksums.
pub(crate) type Frame = (Vec<u8>, Checksums);

/// A guest with an interface, and its backend.
pub(crate) struct Host {
    pub(crate) world: World,
    pub(crate) netfront: Netfront<World>,
    pub(crate) backend: Rc<RefCell<Backend>>,
    pub(crate) packet: Region<'static>,
}

/// The pages of the guest: as in a domain of 2 MiB.
pub(crate) const PAGES: usize = 430;

impl Host {
    pub(crate) fn new() -> Self {
        Self::with(PAGES, None)
    }

    pub(crate) fn with(pages: usize, mtu: Option<u32>) -> Self {
        Self::at(0, pages, mtu)
    }

    /// A host with rings that have gone round before: whose indices begin at `start`.
    pub(crate) fn at(start: u32, pages: usize, mtu: Option<u32>) -> Self {
        Self::open(start, pages, mtu, false)
    }

    /// A host whose backend does part of the work.
    #[cfg(feature = "segmentation")]
    pub(crate) fn with_offloads(start: u32, pages: usize, mtu: Option<u32>) -> Self {
        Self::open(start, pages, mtu, true)
    }

    fn open(start: u32, pages: usize, mtu: Option<u32>, offloads: bool) -> Self {
        let world = World::new(pages);
        let mut backend = Backend::plug(&world, 0, &MAC.to_string(), mtu);
        backend.expects_segments = Some(offloads);
        let backend = Rc::new(RefCell::new(backend));
        let other = backend.clone();
        world.while_asleep(move || other.borrow_mut().turn());
        let netfront =
            Netfront::attach_at(world.clone(), None, None, offloads, world.memory(), start)
                .unwrap();
        assert!(netfront.is_connected());
        let packet = Region::new(world.pool(), "packet");
        Self { world, netfront, backend, packet }
    }

    /// The backend's turn.
    pub(crate) fn turn(&self) {
        self.backend.borrow_mut().turn();
    }

    /// Receives until nothing is there, as the loop of a runtime does.
    pub(crate) fn receive(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        for _ in 0..10_000 {
            self.packet.reset();
            match self.netfront.receive(&self.packet).unwrap() {
                Rx::Item(frame) => {
                    assert!(!self.world.is_granted(frame.bytes), "a frame in a page that is lent");
                    frames.push((frame.bytes.to_vec(), frame.checksums));
                }
                Rx::Handled => {}
                Rx::Idle => return frames,
            }
        }
        panic!("it never comes to rest");
    }

    /// Lets both take turns until nothing happens any more.
    pub(crate) fn settle(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        for _ in 0..8 {
            self.turn();
            frames.extend(self.receive());
        }
        frames
    }

    pub(crate) fn sent(&self) -> Vec<Vec<u8>> {
        self.backend.borrow_mut().left.clear();
        std::mem::take(&mut self.backend.borrow_mut().from_guest)
    }

    /// What was sent, and what was left undone in it.
    #[cfg(feature = "segmentation")]
    pub(crate) fn sent_with_offloads(&self) -> Vec<(Vec<u8>, Left)> {
        let left = std::mem::take(&mut self.backend.borrow_mut().left);
        self.sent().into_iter().zip(left).collect()
    }

    pub(crate) fn counter(&self, name: &str) -> u64 {
        let mut value = None;
        self.netfront.counters(&mut |counter| {
            assert_eq!(counter.layer, "netfront");
            if counter.name == name {
                value = Some(counter.value);
            }
        });
        value.unwrap_or_else(|| panic!("there is no counter {name}"))
    }

    /// Ends everything, and checks that nothing was left behind.
    pub(crate) fn end(mut self) {
        self.backend.borrow_mut().set("online", "0");
        self.backend.borrow_mut().unplug();
        self.world.unmap_all();
        self.receive();
        drop(self.netfront);
        drop(self.packet);
        self.world.end();
    }
}

/// A frame of so many bytes, none like the other.
pub(crate) fn frame(length: usize, number: usize) -> Vec<u8> {
    (0..length).map(|byte| (byte * 7 + byte / 256 + number * 13) as u8).collect()
}
