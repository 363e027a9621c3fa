//! The I/O APICs, which route the lines of devices to the processor (Intel 82093AA).

use core::ptr;

use rt_pvh::physical;

use crate::{apic::LocalApic, error::RuntimeError};

/// The addresses of the I/O APICs, and the number of the first line of each: that of all PCs, and the second one of QEMU's
/// microvm, which has it with ACPI tables.
const IO_APICS: [(u64, u32); 2] = [(0xfec1_0000, 24), (0xfec0_0000, 0)];

/// The register that says which one the data register is, and the data register.
const SELECT: u64 = 0;
const DATA: u64 = 0x10;
/// The number of the last line is in bits 16 to 23 of this register.
const VERSION: u32 = 1;
/// The first of two registers for each line.
const LINES: u32 = 0x10;
/// In the first of them: the line interrupts while it is up.
const LEVEL: u32 = 1 << 15;

/// When a line interrupts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trigger {
    /// When it rises: one device has it alone.
    Edge,
    /// While it is up: a line of the PCI bus, which several devices may have. It interrupts once until the interrupt has
    /// ended at the local APIC.
    Level,
}

/// Routes a line to the processor, where it has this vector from now on. Whoever acts on its interrupt takes back what raised
/// the line, ends the interrupt, and then looks at the device.
///
/// # Errors
/// There is no such line.
pub(crate) fn route(
    line: u32,
    trigger: Trigger,
    vector: u8,
    apic: &LocalApic,
) -> Result<(), RuntimeError> {
    let missing = RuntimeError::Line(line);
    let (address, first) = IO_APICS.into_iter().find(|(_, first)| line >= *first).ok_or(missing)?;
    let number = line - first;
    let version = read(address, VERSION);
    // Where there is no I/O APIC, reads are all ones or all zeroes.
    if matches!(version, 0 | u32::MAX) || number > version >> 16 & 0xff {
        return Err(missing);
    }
    let [low, high] = entry(apic.id(), trigger, vector);
    write(address, LINES + 2 * number + 1, high);
    write(address, LINES + 2 * number, low);
    Ok(())
}

/// What routes a line to the processor with this number: active high, to one processor, not masked.
fn entry(processor: u32, trigger: Trigger, vector: u8) -> [u32; 2] {
    let level = if trigger == Trigger::Level { LEVEL } else { 0 };
    [u32::from(vector) | level, processor << 24]
}

fn read(address: u64, register: u32) -> u32 {
    select(address, register);
    // SAFETY: the registers of the I/O APICs are mapped, and reading one changes nothing.
    unsafe { ptr::read_volatile(physical(address + DATA)) }
}

fn write(address: u64, register: u32, value: u32) {
    select(address, register);
    // SAFETY: the registers of the I/O APICs are mapped. They have no effect but interrupts with a vector that has a handler.
    unsafe { ptr::write_volatile(physical(address + DATA), value) };
}

fn select(address: u64, register: u32) {
    // SAFETY: the registers of the I/O APICs are mapped, and this one chooses what the data register is.
    unsafe { ptr::write_volatile(physical(address + SELECT), register) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_that_of_the_data_sheet() {
        // Vector 33; fixed, physical, active high, edge, not masked: all other bits are 0. The processor is in bits 56 to 59.
        assert_eq!(entry(0, Trigger::Edge, 33), [33, 0]);
        assert_eq!(entry(3, Trigger::Level, 33), [0x8000 | 33, 0x0300_0000]);
    }
}
