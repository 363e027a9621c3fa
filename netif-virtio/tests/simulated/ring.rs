//! The device's end of a split virtqueue.

use std::sync::atomic::Ordering::SeqCst;

use super::World;

/// Where the parts of a queue are, as the driver told.
#[derive(Clone, Copy, Debug)]
pub struct Places {
    pub size: u16,
    pub descriptors: u64,
    pub driver_area: u64,
    pub device_area: u64,
}

/// A descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor {
    pub address: u64,
    pub length: u32,
    pub flags: u16,
    pub next: u16,
}

/// The device's end of a queue.
#[derive(Clone, Copy, Debug)]
pub struct DeviceRing {
    pub places: Places,
    pub event_idx: bool,
    /// How many available buffers were taken.
    pub taken: u16,
    /// How many used buffers were written, and how many of them are visible.
    pub written: u16,
    pub used: u16,
}

impl DeviceRing {
    pub fn new(places: Places, event_idx: bool) -> Self {
        Self { places, event_idx, taken: 0, written: 0, used: 0 }
    }

    fn half(&self, world: &World, address: u64) -> u16 {
        world.half(address).map_or(0, |half| half.load(SeqCst))
    }

    /// How many buffers are available and not taken.
    pub fn available(&self, world: &World) -> u16 {
        self.half(world, self.places.driver_area + 2).wrapping_sub(self.taken)
    }

    /// Takes the next available buffer: its first descriptor.
    pub fn take(&mut self, world: &World) -> Option<u16> {
        if self.available(world) == 0 {
            return None;
        }
        let place = 4 + 2 * u64::from(self.taken % self.places.size);
        self.taken = self.taken.wrapping_add(1);
        Some(self.half(world, self.places.driver_area + place))
    }

    pub fn descriptor(&self, world: &World, index: u16) -> Option<Descriptor> {
        let start = self.places.descriptors + 16 * u64::from(index % self.places.size);
        let mut words = [0; 4];
        for (number, word) in words.iter_mut().enumerate() {
            *word = world.word(start + 4 * number as u64)?.load(SeqCst);
        }
        let [low, high, length, last] = words;
        let address = u64::from(low) | u64::from(high) << 32;
        Some(Descriptor { address, length, flags: last as u16, next: (last >> 16) as u16 })
    }

    /// The descriptors of a buffer.
    pub fn chain(&self, world: &World, head: u16) -> Vec<Descriptor> {
        let mut chain = Vec::new();
        let mut next = Some(head);
        while let Some(descriptor) = next.and_then(|index| self.descriptor(world, index)) {
            assert!(chain.len() < usize::from(self.places.size), "a chain without an end");
            chain.push(descriptor);
            next = (descriptor.flags & 1 != 0).then_some(descriptor.next);
        }
        chain
    }

    /// Writes a used buffer, which the driver does not see yet.
    pub fn write_used(&mut self, world: &World, id: u32, length: u32) {
        let start = self.places.device_area + 4 + 8 * u64::from(self.written % self.places.size);
        for (offset, value) in [(0, id), (4, length)] {
            if let Some(word) = world.word(start + offset) {
                word.store(value, SeqCst);
            }
        }
        self.written = self.written.wrapping_add(1);
    }

    /// Shows the used buffers that were written; returns whether the driver wants an interrupt for that.
    pub fn show_used(&mut self, world: &World) -> bool {
        let before = std::mem::replace(&mut self.used, self.written);
        if let Some(half) = world.half(self.places.device_area + 2) {
            half.store(self.used, SeqCst);
        }
        if before == self.used {
            return false;
        }
        if !self.event_idx {
            return self.half(world, self.places.driver_area) & 1 == 0;
        }
        let place = 4 + 2 * u64::from(self.places.size);
        let event = self.half(world, self.places.driver_area + place);
        self.used.wrapping_sub(event).wrapping_sub(1) < self.used.wrapping_sub(before)
    }

    /// Asks for a notification at the next available buffer; returns whether one is there already.
    pub fn rest(&self, world: &World) -> bool {
        if self.event_idx {
            let place = 4 + 8 * u64::from(self.places.size);
            if let Some(half) = world.half(self.places.device_area + place) {
                half.store(self.taken.wrapping_add(self.available(world)), SeqCst);
            }
        }
        self.available(world) > 0
    }
}
