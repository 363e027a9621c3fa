//! What the guest does meanwhile, and how it all ends.

use std::num::NonZeroU16;

use layer::Rx;
use netif::Netif;
use netif_virtio::Guest;

use super::{Happened, Hostile, IPV6, Kept, PAGES, Registers};

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
        match self.netif.receive(region) {
            Ok(Rx::Item(frame)) => {
                // The longest that was joined may have a VLAN tag.
                let most = if frame.segment_size.is_some() { 65_553 } else { 65_535 };
                assert!((14..=most).contains(&frame.bytes.len()));
                if frame.segment_size.is_some() {
                    self.happened.joined += 1;
                    self.happened.joined_ipv6 += u64::from(frame.bytes.get(12..14) == Some(&IPV6));
                }
                assert!(!self.world.is_shared(frame.bytes), "a frame in a page that is shared");
                if let Ok(reply) = region.alloc_slice(&[0xee_u8; 200]) {
                    assert!(!self.world.is_shared(reply), "memory in a page that is shared");
                }
                self.kept[self.turn].push(Kept { bytes: frame.bytes, copy: frame.bytes.to_vec() });
            }
            Ok(_) => {}
            Err(_) => {
                self.happened.broken += 1;
                self.heal();
            }
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
        self.netif.transmit(&frame[..], offload).unwrap();
        if segment_size.is_some() {
            let sent = self.count("frames_tx") - before;
            self.happened.cut += sent;
            self.happened.cut_ipv6 += if is_ipv6 { sent } else { 0 };
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

    /// Everything is let go; then the device becomes honest.
    pub(super) fn end(mut self) -> Happened {
        self.taken.clear();
        let happened = Happened {
            frames_rx: self.count("frames_rx"),
            frames_tx: self.count("frames_tx"),
            connections: self.count("connections"),
            violations: self.count("device_violations"),
            failures: self.count("device_failures"),
            ..self.happened
        };
        {
            let mut registers = self.device.registers.borrow_mut();
            let Registers { reset_count, driver_status, .. } = *registers;
            // An honest device cannot go on where the other one has stopped.
            *registers = Registers { reset_count, driver_status, ..Registers::default() };
        }
        self.world.change_config();
        self.come_to_rest();
        assert!(self.netif.is_ready(), "{:?}", self.netif);
        self.device.to_guest.clear();
        for number in 0..100_u8 {
            self.device.send_to_guest(&[number; 60]);
            self.netif.transmit([number; 61], layer::TxOffload::NONE).unwrap();
            self.come_to_rest();
            self.device.turn();
            assert_eq!(self.come_to_rest(), 1, "a frame of an honest device");
        }
        let sent = self.device.from_guest.iter().map(|sent| sent.bytes.clone());
        assert!(sent.eq((0..100).map(|number| vec![number; 61])));

        let Self { world, netif, regions, device, .. } = self;
        drop(netif);
        drop(regions);
        assert!(device.registers.borrow().is_dropped);
        world.end();
        happened
    }

    fn count(&self, name: &str) -> u64 {
        let mut value = 0;
        self.netif.counters(&mut |counter| {
            value += counter.value * u64::from(counter.name == name);
        });
        value
    }

    /// The guest receives until there is nothing more: how many frames.
    fn come_to_rest(&mut self) -> usize {
        let mut frames = 0;
        for _ in 0..10_000 {
            for region in 0..3 {
                self.kept[region].clear();
                self.regions[region].reset();
            }
            match self.netif.receive(&self.regions[0]).unwrap() {
                Rx::Idle => return frames,
                Rx::Item(_) => frames += 1,
                Rx::Handled => {}
            }
        }
        panic!("it never comes to rest");
    }
}
