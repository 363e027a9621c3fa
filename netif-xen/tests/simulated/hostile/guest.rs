//! What the guest does meanwhile, and how it all ends.

use std::num::NonZeroU16;

use layer::Rx;
use netif::Netif;
use rt_xen::Guest;

use super::{Backend, Happened, Hostile, IPV6, Kept, MAC, PAGES};

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
            // The longest that was joined may have a VLAN tag.
            let most = if frame.segment_size.is_some() { 65_553 } else { 65_535 };
            assert!((14..=most).contains(&frame.bytes.len()));
            self.joined += u64::from(frame.segment_size.is_some());
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
        let tcp = layer::PartialChecksum { start: 34, ..layer::PartialChecksum::TCP };
        let checksum = (self.below(2)? == 0).then_some(tcp);
        // 0 is no size.
        let segment_size = NonZeroU16::new((self.below(4)? * 724) as u16);
        let length = if segment_size.is_some() { self.below(66_000)? } else { length };
        let offload = layer::TxOffload { checksum, segment_size };
        let before = self.count("frames_tx");
        let mut frame = vec![0xa5; length as usize];
        let is_ipv6 = self.below(2)? == 0 && length >= 14;
        if is_ipv6 {
            frame[12..14].copy_from_slice(&IPV6);
        }
        self.netfront.transmit(&frame[..], offload).unwrap();
        if segment_size.is_some() {
            let sent = self.count("frames_tx") - before;
            self.cut += sent;
            self.cut_ipv6 += if is_ipv6 { sent } else { 0 };
        }
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
        backend.expects_segments = None;
        for _ in 0..6 {
            backend.turn();
            self.come_to_rest();
        }
        assert!(self.netfront.is_connected(), "{:?}", self.netfront);
        let count = |name| self.count(name);
        let mut happened = Happened {
            steps: 0,
            frames_rx: count("frames_rx"),
            frames_tx: count("frames_tx"),
            connections: count("connections"),
            lies: count("backend_violations"),
            in_use: count("rx_in_use"),
            joined: self.joined,
            cut: self.cut,
            cut_ipv6: self.cut_ipv6,
            said_ipv6: self.said_ipv6,
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

    fn count(&self, name: &str) -> u64 {
        let mut value = 0;
        self.netfront.counters(&mut |counter| {
            value += counter.value * u64::from(counter.name == name);
        });
        value
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
