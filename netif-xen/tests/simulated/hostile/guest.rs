//! What the guest does meanwhile, and how it all ends.

use layer::Rx;
use netif::Netif;
use rt_xen::Guest;

use super::{Backend, Happened, Hostile, Kept, MAC, PAGES};

impl Hostile<'_> {
    /// The guest receives one frame, and keeps it for a while.
    pub(super) fn receive(&mut self) {
        self.turn = (self.turn + 1) % 3;
        let region = &mut self.regions[self.turn];
        for Kept { bytes, copy } in self.kept[self.turn].drain(..) {
            // SAFETY: the region has not been reset since.
            assert!(unsafe { &*bytes } == &copy[..], "a frame was changed after it was received");
        }
        region.reset();
        if let Rx::Item(frame) = self.netfront.receive(region).unwrap() {
            assert!((14..=65_535).contains(&frame.bytes.len()));
            assert!(!self.world.is_granted(frame.bytes), "a frame in a page that is granted");
            if let Ok(reply) = region.alloc_slice(&[1_u8; 200]) {
                assert!(!self.world.is_granted(reply), "memory in a page that is granted");
            }
            self.kept[self.turn].push(Kept { bytes: frame.bytes, copy: frame.bytes.to_vec() });
        }
    }

    pub(super) fn transmit(&mut self) -> Option<()> {
        let length = match self.below(8)? {
            0 => self.below(70_000)?,
            1 => self.below(14)?,
            _ => 14 + self.below(1505)?,
        };
        self.netfront.transmit(&vec![0xa5; length as usize][..], layer::TxOffload::NONE).unwrap();
        Some(())
    }

    /// The guest uses its memory for other things, or not any more.
    pub(super) fn memory(&mut self) -> Option<()> {
        if self.below(3)? == 0 {
            for _ in 0..self.below(PAGES as u32)? {
                self.taken.extend(self.world.pool().page("taken").ok().map(|mut page| {
                    page.zero().fill(0xee);
                    page
                }));
            }
        } else {
            self.taken.clear();
        }
        Some(())
    }

    /// Everything is let go; then an honest backend comes.
    pub(super) fn end(mut self) -> Happened {
        self.taken.clear();
        self.world.limit_grants(1000);
        self.world.store(|store| store.refuse(0, rt_xen::StoreError::Silent));
        self.backend.disconnect();
        self.world.unmap_all();
        self.world.store(|store| store.remove("device/vif"));
        self.come_to_rest();
        assert!(!self.netfront.is_connected());
        let left = self.world.grants();
        assert_eq!(left, 0, "grants of a device that is gone");

        let mut backend = Backend::plug(&self.world, 9, MAC, None);
        for _ in 0..6 {
            backend.turn();
            self.come_to_rest();
        }
        assert!(self.netfront.is_connected(), "{:?}", self.netfront);
        let count = |name| {
            let mut value = 0;
            self.netfront.counters(&mut |counter| {
                value += counter.value * u64::from(counter.name == name);
            });
            value
        };
        let mut happened = Happened {
            steps: 0,
            frames_rx: count("frames_rx"),
            frames_tx: count("frames_tx"),
            connections: count("connections"),
            lies: count("backend_violations"),
            in_use: count("rx_in_use"),
        };
        for number in 0..100_u8 {
            backend.send(&[number; 60]);
            self.netfront.transmit([number; 61], layer::TxOffload::NONE).unwrap();
            backend.turn();
            self.come_to_rest();
        }
        assert_eq!(backend.from_guest, (0..100).map(|n| vec![n; 61]).collect::<Vec<_>>());
        happened.connections -= 1;

        backend.unplug();
        self.come_to_rest();
        assert_eq!(self.world.grants(), 0);
        let Self { world, netfront, regions, backend: _old, .. } = self;
        drop(netfront);
        drop(regions);
        world.end();
        happened
    }

    /// The guest receives until there is nothing more.
    fn come_to_rest(&mut self) {
        for _ in 0..10_000 {
            for region in 0..3 {
                self.kept[region].clear();
                self.regions[region].reset();
            }
            if matches!(self.netfront.receive(&self.regions[0]), Ok(Rx::Idle)) {
                return;
            }
        }
        panic!("it never comes to rest");
    }
}
