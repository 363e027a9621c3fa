use std::{boxed::Box, vec, vec::Vec};

use super::*;
/// `VIRTIO_F_VERSION_1`, and a size of a queue.
const VERSION_1: u64 = 1 << 32;
const MAX_SIZE: u16 = 256;

/// The memory of a device that keeps what is written, and does nothing.
struct Memory {
    common: Box<[u32; 67]>,
    notify: Vec<u16>,
    configuration: Vec<u32>,
}

fn range<T>(words: &mut [T]) -> Range {
    NonNull::slice_from_raw_parts(NonNull::from(&mut *words).cast(), size_of_val(words))
}

impl Memory {
    fn new() -> Self {
        let common = Box::new([0; 67]);
        Self { common, notify: vec![0xffff; 8], configuration: vec![0; 3] }
    }

    /// Those of a device on the PCI bus, which live no longer than this.
    fn pci(&mut self, multiplier: u32, has_messages: bool) -> VirtioTransport {
        let notify = (range(&mut self.notify), multiplier);
        let configuration = Some(range(&mut self.configuration));
        let common = range(&mut self.common[..14]);
        assert_eq!(common.len(), layout::PCI_SIZE as usize);
        // SAFETY: the memory is as long and as aligned as registers are, and the tests use it by them, or when they are not
        // used any more.
        unsafe { VirtioTransport::pci(common.cast(), notify, configuration, has_messages) }
    }

    /// Those of a device in memory, which live no longer than this.
    fn mmio(&mut self) -> VirtioTransport {
        // SAFETY: the memory is as long and as aligned as registers are, and the tests use it by them, or when they are not
        // used any more.
        unsafe { VirtioTransport::mmio(range(&mut *self.common)) }
    }

    /// The bytes of the registers.
    fn bytes(&self, register: usize, count: usize) -> u64 {
        let all: Vec<u8> = self.common.iter().flat_map(|word| word.to_le_bytes()).collect();
        let mut value = [0; 8];
        value[..count].copy_from_slice(&all[register..][..count]);
        u64::from_le_bytes(value)
    }
}

/// Has a driver write what it writes.
fn set_up(registers: &mut VirtioTransport) {
    registers.write_driver_features(VERSION_1 | 0x1234);
    registers.set_status(DeviceStatus::ACKNOWLEDGE | DeviceStatus::FAILED);
    registers.queue_set(1, 256, 0x1_2345_6000, 0x2_3456_7000, 0x3_4567_8ace);
    assert_eq!(registers.get_status(), DeviceStatus::ACKNOWLEDGE | DeviceStatus::FAILED);
    assert!(registers.queue_used(1));
}

#[test]
fn on_the_pci_bus_registers_are_those_of_the_specification() {
    // struct virtio_pci_common_cfg, virtio 1.2, 4.1.4.3.
    let mut memory = Memory::new();
    // No message, as after a reset.
    (memory.common[4], memory.common[6]) = (0xffff, 0xffff_0000);
    let mut registers = memory.pci(4, true);
    assert_eq!(registers.max_queue_size(1), 0, "it has none");
    set_up(&mut registers);
    assert!(!registers.requires_legacy_layout());
    for (register, count, value) in [
        (8, 4, 1),
        (12, 4, 1),
        (16, 2, 1),
        (20, 1, 0x81),
        (22, 2, 1),
        (24, 2, 256),
        (26, 2, 0),
        (28, 2, 1),
        (32, 8, 0x1_2345_6000),
        (40, 8, 0x2_3456_7000),
        (48, 8, 0x3_4567_8ace),
    ] {
        assert_eq!(memory.bytes(register, count), value, "register {register}");
    }
}

#[test]
fn in_memory_registers_are_those_of_the_specification() {
    // Virtio 1.2, 4.2.2.
    let mut memory = Memory::new();
    memory.common[0x34 / 4] = 128;
    let mut registers = memory.mmio();
    set_up(&mut registers);
    assert_eq!(registers.max_queue_size(1), 128);
    registers.notify(1);
    assert!(registers.requires_legacy_layout(), "version 0");
    for (register, count, value) in [
        (0x20, 4, 1),
        (0x24, 4, 1),
        (0x30, 4, 1),
        (0x38, 4, 256),
        (0x44, 4, 1),
        (0x50, 4, 1),
        (0x70, 4, 0x81),
        (0x80, 8, 0x1_2345_6000),
        (0x90, 8, 0x2_3456_7000),
        (0xa0, 8, 0x3_4567_8ace),
    ] {
        assert_eq!(memory.bytes(register, count), value, "register {register:#x}");
    }
    memory.common[1] = 2;
    memory.common[0x42] = 1400 << 16;
    let registers = memory.mmio();
    assert!(!registers.requires_legacy_layout());
    assert_eq!(registers.read_config_space::<u16>(10), Ok(1400));
    assert_eq!(registers.read_config_space::<u16>(12), Err(Error::ConfigSpaceTooSmall));
}

#[test]
fn a_queue_is_notified_at_its_place() {
    let mut memory = Memory::new();
    // The size of the queue that is selected, and the number of its notification.
    memory.common[6] = u32::from(MAX_SIZE);
    memory.common[7] = 3 << 16;
    let mut registers = memory.pci(4, false);
    assert_eq!(registers.max_queue_size(1), MAX_SIZE.into());
    registers.notify(0);
    registers.notify(1);
    registers.notify(2);
    assert_eq!(memory.notify, [0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 1, 0xffff]);
    assert_eq!(memory.bytes(26, 2), 0, "it has no messages");
}

#[test]
fn a_queue_that_is_notified_elsewhere_is_none() {
    for (number, multiplier, is_there) in [
        (0, 0, true),
        (7, 2, true),
        (8, 2, false),
        (3, 5, false),
        (2, 5, true),
        (u32::from(u16::MAX), u32::MAX, false),
        (1, 14, true),
        (1, 15, false),
    ] {
        let mut memory = Memory::new();
        memory.common[6] = 64;
        memory.common[7] = number << 16;
        let mut registers = memory.pci(multiplier, false);
        let size = registers.max_queue_size(0);
        assert_eq!(size, if is_there { 64 } else { 0 }, "{number} times {multiplier}");
        registers.notify(0);
        assert_eq!(memory.notify.contains(&0), is_there);
    }
}

#[test]
fn the_configuration_is_read_where_it_is() {
    let mut memory = Memory::new();
    memory.configuration = vec![0x0403_0201, 0x0001_0605, 1400 << 16];
    let mut registers = memory.pci(4, false);
    for (offset, octet) in (0..6).zip(1..) {
        assert_eq!(registers.read_config_space::<u8>(offset), Ok(octet));
    }
    assert_eq!(registers.read_config_space::<u16>(10), Ok(1400));
    for offset in [11, 12, usize::MAX] {
        assert_eq!(registers.read_config_space::<u16>(offset), Err(Error::ConfigSpaceTooSmall));
    }
    assert_eq!(registers.write_config_space(0, 1_u8), Err(Error::Unsupported));
    registers.configuration = None;
    assert_eq!(registers.read_config_space::<u8>(0), Err(Error::ConfigSpaceMissing));
}

/// The queues of other cores have a message each, or are none: nothing else would wake those cores.
#[cfg(feature = "cores")]
#[test]
fn queues_of_other_cores_are_there_if_each_has_a_message() {
    let mut memory = Memory::new();
    (memory.common[6], memory.common[7]) = (u32::from(MAX_SIZE), 1 << 16);
    for queue in [2, 5] {
        assert_eq!(memory.pci(4, false).max_queue_size(queue), 0, "there are no messages");
    }
    let mut in_memory = Memory::new();
    in_memory.common[0x34 / 4] = 128;
    assert_eq!(in_memory.mmio().max_queue_size(2), 0, "one interrupt for all");
    // A table for two cores.
    // SAFETY: nothing is written there: no core interrupts a processor.
    unsafe { queues::set_entries(0x1000, 4) };
    let mut registers = memory.pci(4, true);
    for (queue, message) in [(0, 0), (1, 0), (2, 2), (3, 2), (4, 3), (5, 3)] {
        assert_eq!(queues::entry(queue), Some(message), "queue {queue}");
        assert_eq!(registers.max_queue_size(queue), MAX_SIZE.into());
        assert_eq!([16, 26].map(|at| memory.bytes(at, 2)), [1, message.into()]);
    }
    for queue in [6, 7, 64, u16::MAX] {
        assert_eq!(queues::entry(queue), None);
        assert_eq!(registers.max_queue_size(queue), 0);
    }
    // At the place of the queue, with its number, by the first core and by any other.
    registers.notify(3);
    assert_eq!(memory.notify[2], 3);
    queues::notify(2);
    assert_eq!(memory.notify[2], 2);
    for queue in [40, u16::MAX] {
        queues::notify(queue);
    }
    assert_eq!(memory.notify.iter().filter(|it| **it != 0xffff).count(), 1);
    assert!(!queues::interrupt(0, 1) && !queues::interrupt(3, 1) && !queues::interrupt(1, 256));
    // The memory of the test ends.
    for queue in 2..8 {
        // SAFETY: it is none.
        unsafe { queues::set_notification(queue, None, 2) };
    }
}
