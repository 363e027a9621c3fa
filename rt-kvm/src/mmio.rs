//! Virtio devices with registers in memory (virtio 1.2, 4.2): where they are.

use core::ptr;

use layer::{
    decimal,
    split::{split, split_once},
};
use rt_pvh::physical;

use crate::devices::Registers;

/// The word with which a monitor names a device, as Linux takes it (`drivers/virtio/virtio_mmio.c`): the number of its
/// bytes, its address and its line.
const WORD: &str = "virtio_mmio.device=";

/// Where QEMU's microvm has room for devices, if its ACPI tables say so and not the command line: the first device is in
/// the last of these places.
const PLACES: u32 = 24;
const PLACES_START: u64 = 0xfeb0_0000;
const PLACE_SIZE: u32 = 512;
/// The line of the first place.
const FIRST_LINE: u32 = 24;

/// The size of the registers that every device has; those of its configuration follow.
const REGISTERS: u64 = 0x100;
/// The most bytes that are used of a device.
const LARGEST: u64 = 64 << 10;
/// The registers, by their distance from the first, in bytes.
const MAGIC: u64 = 0;
const DEVICE_ID: u64 = 8;
const INTERRUPT_STATUS: u64 = 0x60;
const INTERRUPT_ACK: u64 = 0x64;
/// How often a device is asked in a row what raised its line: it adds something once or twice meanwhile.
const ACKNOWLEDGMENTS: u32 = 8;
/// `virt`.
const MAGIC_VALUE: u32 = 0x7472_6976;

/// Where a device may be.
///
/// INVARIANT: the registers begin at a multiple of 4, and are no fewer than those that every device has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) registers: Registers,
    /// The number of its line.
    pub(crate) line: u32,
}

/// What follows `virtio_mmio.device=` in the words of a line, each with the place that it means, if it means any. There are
/// spaces between the words, as a monitor writes them.
pub(crate) fn named(line: &str) -> impl Iterator<Item = (&str, Option<Place>)> {
    split(line, b' ').filter_map(|word| {
        let word = word.strip_prefix(WORD)?;
        Some((word, place(word)))
    })
}

/// The places of QEMU's microvm, in the order of its devices.
pub(crate) fn microvm() -> impl Iterator<Item = Place> {
    (0..PLACES).rev().map(|index| {
        let address = PLACES_START + u64::from(index * PLACE_SIZE);
        Place { registers: Registers { address, size: PLACE_SIZE }, line: FIRST_LINE + index }
    })
}

/// The place that `512@0xfeb00e00:12` or `4K@0xc0001000:5` means; more may follow behind another colon.
#[inline(never)]
fn place(word: &str) -> Option<Place> {
    let (size, rest) = split_once(word, b'@');
    let (address, rest) = split_once(rest?, b':');
    let (line, _) = split_once(rest?, b':');
    let (digits, unit) = match size.as_bytes() {
        [digits @ .., b'K' | b'k'] => (digits, 1024),
        digits => (digits, 1),
    };
    let size = decimal(digits, u32::MAX.into())? * unit;
    let address = hexadecimal(address)?;
    let registers = Registers { address, size: size.min(LARGEST) as u32 };
    let line = decimal(line.as_bytes(), u32::MAX.into())? as u32;
    (address.is_multiple_of(4) && size >= REGISTERS).then_some(Place { registers, line })
}

/// A number in hexadecimal behind `0x`, as all monitors write an address.
fn hexadecimal(text: &str) -> Option<u64> {
    let mut number = 0_u64;
    for byte in text.strip_prefix("0x")?.bytes() {
        let digit = char::from(byte).to_digit(16)?;
        number = number.checked_mul(16)? | u64::from(digit);
    }
    // There is no device at 0.
    (number > 0).then_some(number)
}

impl Place {
    /// Whether there is a device of the kind with this number. The registers are mapped.
    pub(crate) fn has(&self, kind: u32) -> bool {
        self.read(MAGIC) == MAGIC_VALUE && self.read(DEVICE_ID) == kind
    }

    /// Takes back what raised the line, and returns it: bit 0 for used buffers, bit 1 for the configuration.
    pub(crate) fn acknowledge(&self) -> u32 {
        let mut all = 0;
        // The line falls only if nothing was added between the two accesses.
        for _ in 0..ACKNOWLEDGMENTS {
            let status = self.read(INTERRUPT_STATUS);
            if status == 0 {
                break;
            }
            all |= status;
            let register = physical(self.registers.address + INTERRUPT_ACK);
            // SAFETY: the register is one that every device has, and mapped, as that of a place in use. Its effect is that the
            // line falls.
            unsafe { ptr::write_volatile(register, status) };
        }
        all
    }

    fn read(&self, register: u64) -> u32 {
        // SAFETY: the register is one that every device has, and mapped: only places that are mapped are asked. Reading it
        // changes nothing, and without a device it is all ones or all zeroes.
        unsafe { ptr::read_volatile(physical(self.registers.address + register)) }
    }
}

#[cfg(test)]
mod tests {
    use std::{format, vec::Vec};

    use super::*;

    fn at(address: u64, size: u32, line: u32) -> Place {
        Place { registers: Registers { address, size }, line }
    }

    #[test]
    fn the_words_of_monitors_are_places() {
        let line = "--ipv4=10.0.0.2/24 virtio_mmio.device=512@0xfeb00e00:12 reboot=k \
                    virtio_mmio.device=4K@0xc0001000:5 virtio_mmio.device=4k@0xc0002000:6:1 \
                    virtio_mmio.device=1024k@0xC0FFEE00:7 virtio_mmio.device=131072@0xC0FFEE00:7";
        let expected = [
            at(0xfeb0_0e00, 512, 12),
            at(0xc000_1000, 4096, 5),
            at(0xc000_2000, 4096, 6),
            at(0xc0ff_ee00, 64 << 10, 7),
            at(0xc0ff_ee00, 64 << 10, 7),
        ];
        let places: Option<Vec<_>> = named(line).map(|(_, place)| place).collect();
        assert_eq!(places.as_deref(), Some(&expected[..]));
    }

    #[test]
    fn the_first_device_of_microvm_is_in_the_last_place() {
        let places: Vec<_> = microvm().collect();
        assert_eq!(places.len(), 24);
        assert_eq!(places[0], at(0xfeb0_2e00, 512, 47));
        assert_eq!(places[23], at(0xfeb0_0000, 512, 24));
    }

    #[test]
    fn other_words_are_no_places() {
        for word in [
            "",
            "512",
            "512@0xfeb00e00",
            "512@0xfeb00e00:",
            "512@0xfeb00e00:-1",
            "512@0xfeb00e00:4294967296",
            "512@3221233664:12",
            "512@0x:12",
            "512@0x0:12",
            "512@:12",
            "512@feb00e00:12",
            "@0xfeb00e00:12",
            "512@0xfeb00e02:12",
            "255@0xfeb00e00:12",
            "18446744073709551615K@0xfeb00e00:12",
            "512@18446744073709551616:12",
        ] {
            let line = format!("virtio_mmio.device={word}");
            assert_eq!(named(&line).collect::<Vec<_>>(), [(word, None)]);
        }
    }
}
