//! Where the virtio devices of the machine are, with registers in memory (virtio 1.2, 4.2).

use core::{ops::Range, ptr};

use rt_pvh::physical;

use crate::platform::{FIRECRACKER, MICROVM};

/// The word with which a monitor names a device, as Linux takes it (`drivers/virtio/virtio_mmio.c`): the number of its
/// bytes, its address and its line.
const WORD: &str = "virtio_mmio.device=";

/// Where QEMU's microvm has room for devices, if its ACPI tables say so and not the command line: the first device is in
/// the last of these places.
const PLACES: u32 = 24;
const PLACES_START: u64 = 0xfeb0_0000;
const PLACE_SIZE: u64 = 512;
/// The line of the first place.
const FIRST_LINE: u32 = 24;

/// The size of the registers that every device has; those of its configuration follow.
const REGISTERS: u64 = 0x100;
/// The registers, by their distance from the first, in bytes.
const MAGIC: u64 = 0;
const DEVICE_ID: u64 = 8;
const INTERRUPT_STATUS: u64 = 0x60;
const INTERRUPT_ACK: u64 = 0x64;
/// `virt`.
const MAGIC_VALUE: u32 = 0x7472_6976;
const NETWORK: u32 = 1;

/// Where a device may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The address of its registers.
    ///
    /// INVARIANT: it is a multiple of 4, and `size` bytes from there on, no fewer than those of the registers, are in a
    /// range of devices, which is mapped.
    address: u64,
    size: u64,
    /// The number of its line.
    pub(crate) line: u32,
}

/// The places that `line` names, or else those of QEMU's microvm. A place that is not mapped is left out.
pub(crate) fn places(line: &str) -> impl Iterator<Item = Place> {
    let microvm = (0..if names_any(line) { 0 } else { PLACES }).rev().map(|index| Place {
        address: PLACES_START + u64::from(index) * PLACE_SIZE,
        size: PLACE_SIZE,
        line: FIRST_LINE + index,
    });
    named(line).filter_map(|word| place(word).filter(Place::is_mapped)).chain(microvm)
}

/// Whether the line names devices where Firecracker has them.
pub(crate) fn names_firecracker(line: &str) -> bool {
    named(line).filter_map(place).any(|place| FIRECRACKER.contains(&place.address))
}

/// The words for devices that cannot be used: they make no sense, or name addresses that are not mapped.
pub(crate) fn unusable(line: &str) -> impl Iterator<Item = &str> {
    named(line).filter(|word| !place(word).is_some_and(|place| place.is_mapped()))
}

fn names_any(line: &str) -> bool {
    named(line).next().is_some()
}

/// What follows `virtio_mmio.device=` in the words of a line.
fn named(line: &str) -> impl Iterator<Item = &str> {
    line.split_ascii_whitespace().filter_map(|word| word.strip_prefix(WORD))
}

/// The place that `512@0xfeb00e00:12` or `4K@0xc0001000:5` means; more may follow behind another colon.
fn place(word: &str) -> Option<Place> {
    let (size, rest) = word.split_once('@')?;
    let (address, rest) = rest.split_once(':')?;
    let line = rest.split(':').next()?;
    let (size, unit) = match size.strip_suffix(['K', 'k']) {
        Some(size) => (size, 1024),
        None => (size, 1),
    };
    let place = Place {
        address: number(address)?,
        size: number(size)?.checked_mul(unit)?,
        line: number(line)?.try_into().ok()?,
    };
    (place.address.is_multiple_of(4) && place.size >= REGISTERS).then_some(place)
}

/// A number in hexadecimal behind `0x`, or in decimal.
fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

impl Place {
    /// Whether all of it is mapped, if `FIRECRACKER` is, which is so if the line names anything there.
    fn is_mapped(&self) -> bool {
        let is_in = |range: &Range<u64>| {
            range.contains(&self.address) && self.size <= range.end - self.address
        };
        is_in(&MICROVM) || is_in(&FIRECRACKER)
    }

    /// Whether there is a network device.
    pub(crate) fn has_network(&self) -> bool {
        self.read(MAGIC) == MAGIC_VALUE && self.read(DEVICE_ID) == NETWORK
    }

    /// Takes back what raised the line, and returns it: bit 0 for used buffers, bit 1 for the configuration.
    pub(crate) fn acknowledge(&self) -> u32 {
        let status = self.read(INTERRUPT_STATUS);
        if status != 0 {
            // SAFETY: the register is mapped, by the invariant. Its effect is that the line falls.
            unsafe { ptr::write_volatile(physical(self.address + INTERRUPT_ACK), status) };
        }
        status
    }

    fn read(&self, register: u64) -> u32 {
        // SAFETY: the registers are mapped, by the invariant. Reading one changes nothing, and without a device it is all
        // ones or all zeroes.
        unsafe { ptr::read_volatile(physical(self.address + register)) }
    }
}

/// A device with its registers, which is handed out once.
#[derive(Debug)]
pub struct Device {
    /// INVARIANT: the device is there, as long as the guest runs.
    pub(crate) place: Place,
}

impl Device {
    /// The address of its registers. They are mapped, as many bytes as [`size`](Self::size) says, and are used by nobody
    /// else, except for the two registers of interrupts.
    pub fn registers(&self) -> *mut u8 {
        physical(self.place.address)
    }

    /// The number of bytes of its registers, with its configuration.
    pub fn size(&self) -> usize {
        self.place.size as usize
    }
}

#[cfg(test)]
mod tests {
    use std::{vec, vec::Vec};

    use super::*;

    fn at(address: u64, size: u64, line: u32) -> Place {
        Place { address, size, line }
    }

    #[test]
    fn the_words_of_monitors_are_places() {
        let line = "--ipv4=10.0.0.2/24 virtio_mmio.device=512@0xfeb00e00:12 reboot=k \
                    virtio_mmio.device=4K@0xc0001000:5 virtio_mmio.device=4k@3221233664:6:1";
        let expected =
            [at(0xfeb0_0e00, 512, 12), at(0xc000_1000, 4096, 5), at(0xc000_2000, 4096, 6)];
        assert_eq!(places(line).collect::<Vec<_>>(), expected);
        assert!(names_firecracker(line) && unusable(line).next().is_none());
        let microvm = "virtio_mmio.device=512@0xfeb00e00:12";
        assert!(!names_firecracker(microvm));
        assert_eq!(places(microvm).collect::<Vec<_>>(), [expected[0]]);
    }

    #[test]
    fn without_words_the_first_device_of_microvm_is_in_the_last_place() {
        let places: Vec<_> = places("--ipv4=10.0.0.2/24").collect();
        assert_eq!(places.len(), 24);
        assert_eq!(places[0], at(0xfeb0_2e00, 512, 47));
        assert_eq!(places[23], at(0xfeb0_0000, 512, 24));
        assert!(places.iter().all(Place::is_mapped));
    }

    #[test]
    fn what_is_not_mapped_or_no_place_is_left_out_and_named() {
        for word in [
            "512",
            "512@0xfeb00e00",
            "512@0xfeb00e00:",
            "512@0xfeb00e00:-1",
            "512@0xfeb00e00:4294967296",
            "@0xfeb00e00:12",
            "512@0xfeb00e02:12",
            "255@0xfeb00e00:12",
            "512@0x1000:12",
            "512@0xfebfff00:12",
            "18446744073709551615K@0xfeb00e00:12",
            "512@0xfffffffffffffffc:12",
            "18446744073709551615@0xfeb00e00:12",
        ] {
            let line = std::format!("virtio_mmio.device={word}");
            assert_eq!(places(&line).collect::<Vec<_>>(), [], "{word}");
            assert_eq!(unusable(&line).collect::<Vec<_>>(), vec![word]);
        }
    }
}
