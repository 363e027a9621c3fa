//! The PCI bus: its functions and their configuration (PCI Local Bus Specification 3.0, section 6; PCI-to-PCI Bridge
//! Architecture Specification 1.2).

pub(crate) mod msix;
pub(crate) mod virtio;

use core::fmt;

use layer::split::split;
use x86_64::instructions::port::Port;

/// The registers of a function's configuration, by their distance from the first, in bytes.
pub(crate) const ID: u8 = 0;
const COMMAND: u8 = 4;
const CLASS: u8 = 8;
const HEADER: u8 = 0xc;
const BAR_0: u8 = 0x10;
const BUSES: u8 = 0x18;
const CAPABILITIES: u8 = 0x34;
const INTERRUPT: u8 = 0x3c;

/// What a function that is not there answers.
const NOTHING: u32 = u32::MAX;
/// The class of a bridge to the processor, and that of a bridge to another bus.
const HOST_BRIDGE: u32 = 0x0600;
const BUS_BRIDGE: u32 = 0x0604;
/// In the header: the device has several functions.
const HAS_SEVERAL: u32 = 1 << 23;

/// Bits of the command: it answers at its addresses, it reaches memory, and its line of interrupts is off.
const MEMORY: u32 = 1 << 1;
const BUS_MASTER: u32 = 1 << 2;
const NO_LINE: u32 = 1 << 10;
/// In the status, which is above the command: it has capabilities.
const HAS_CAPABILITIES: u32 = 1 << 20;

/// The most capabilities that there is room for.
const MOST_CAPABILITIES: usize = 48;

/// A function of a device on a bus: bus, device (5 bits), function (3 bits).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Function(u16);

impl fmt::Display for Function {
    /// As `lspci` writes it: `00:03.0`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Numbers are formatted as 64 bits, so that one copy of the code is enough.
        let number = u64::from(self.0);
        write!(f, "{:02x}:{:02x}.{}", number >> 8, number >> 3 & 31, number & 7)
    }
}

/// Access to the configuration of functions, in words of 32 bits.
pub(crate) trait Configuration {
    /// Reads the word at `register`, a multiple of 4.
    fn read(&self, function: Function, register: u8) -> u32;
    /// Writes the word at `register`, a multiple of 4.
    fn write(&self, function: Function, register: u8, value: u32);
}

/// Access by the two ports of a PC (mechanism 1, section 3.2.2.3.2).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports;

const ADDRESS_PORT: u16 = 0xcf8;
const DATA_PORT: u16 = 0xcfc;
const ENABLE: u32 = 1 << 31;

impl Ports {
    fn select(function: Function, register: u8) {
        let address = ENABLE | u32::from(function.0) << 8 | u32::from(register & !3);
        // SAFETY: the port chooses what the other one means, or is nothing on a machine without PCI.
        unsafe { Port::new(ADDRESS_PORT).write(address) };
    }
}

impl Configuration for Ports {
    fn read(&self, function: Function, register: u8) -> u32 {
        Self::select(function, register);
        // SAFETY: reading the configuration changes nothing.
        unsafe { Port::new(DATA_PORT).read() }
    }

    fn write(&self, function: Function, register: u8, value: u32) {
        Self::select(function, register);
        // SAFETY: this crate writes the command and the interrupts of devices that it hands out, whose driver expects that.
        unsafe { Port::new(DATA_PORT).write(value) };
    }
}

/// Whether the machine has a PCI bus: its first function is a bridge to the processor. The command line of a machine without
/// one may say so (`pci=off`, between spaces, as a monitor writes it), and then it is not asked.
pub(crate) fn is_there(pci: &impl Configuration, line: &str) -> bool {
    !split(line, b' ').any(|word| word == "pci=off")
        && pci.read(Function(0), ID) != NOTHING
        && class(pci, Function(0)) == HOST_BRIDGE
}

/// Calls `visit` with each function and its id: device, and vendor in the lower half.
pub(crate) fn visit(pci: &impl Configuration, mut visit: impl FnMut(Function, u32)) {
    // The firmware numbers the buses behind a bridge in one piece, behind all before.
    let mut last_bus = 0;
    let mut bus = 0;
    while bus <= last_bus {
        for device in 0..32 {
            let first = Function(bus << 8 | device << 3);
            let functions = match pci.read(first, ID) {
                NOTHING => 0,
                _ if pci.read(first, HEADER) & HAS_SEVERAL != 0 => 8,
                _ => 1,
            };
            for number in 0..functions {
                let function = Function(first.0 | number);
                let id = pci.read(function, ID);
                if id == NOTHING {
                    continue;
                }
                if class(pci, function) == BUS_BRIDGE {
                    // The highest bus behind it.
                    last_bus = last_bus.max((pci.read(function, BUSES) >> 16 & 0xff) as u16);
                }
                visit(function, id);
            }
        }
        bus += 1;
    }
}

fn class(pci: &impl Configuration, function: Function) -> u32 {
    pci.read(function, CLASS) >> 16
}

impl Function {
    /// The positions of its capabilities of this kind.
    pub(crate) fn capabilities(
        self,
        pci: &impl Configuration,
        kind: u8,
    ) -> impl Iterator<Item = u8> {
        let mut next = match pci.read(self, COMMAND) & HAS_CAPABILITIES {
            0 => 0,
            _ => pci.read(self, CAPABILITIES) as u8 & !3,
        };
        // A list that goes round in circles ends too.
        (0..MOST_CAPABILITIES)
            .map_while(move |_| {
                // The capabilities are behind the header.
                let at = (next >= 0x40).then_some(next)?;
                let [found, following, ..] = pci.read(self, at).to_le_bytes();
                next = following & !3;
                Some((at, found))
            })
            .filter_map(move |(at, found)| (found == kind).then_some(at))
    }

    /// The address of memory where this base address register says that a part of the function is; `None` if it is none, or
    /// has no address yet.
    pub(crate) fn address(self, pci: &impl Configuration, bar: u8) -> Option<u64> {
        let register = |bar: u8| BAR_0 + 4 * bar;
        let low = (bar < 6).then(|| pci.read(self, register(bar)))?;
        let address = u64::from(low & !0xf);
        // Bit 0: ports and not memory. Bits 1 and 2: the next register has the upper half.
        let address = match low & 0b111 {
            0b000 => address,
            0b100 if bar < 5 => address | u64::from(pci.read(self, register(bar + 1))) << 32,
            _ => return None,
        };
        (address != 0).then_some(address)
    }

    /// Lets the function answer at its addresses and reach memory. Its line of interrupts is on or off.
    pub(crate) fn enable(self, pci: &impl Configuration, has_line: bool) {
        // What is written to the status clears what it says.
        let command = pci.read(self, COMMAND) & 0xffff & !NO_LINE;
        let line = if has_line { 0 } else { NO_LINE };
        pci.write(self, COMMAND, command | MEMORY | BUS_MASTER | line);
    }

    /// The number of its line of interrupts, as the firmware has noted it.
    pub(crate) fn line(self, pci: &impl Configuration) -> Option<u32> {
        let [line, pin, ..] = pci.read(self, INTERRUPT).to_le_bytes();
        (pin != 0 && line != u8::MAX).then_some(line.into())
    }
}

#[cfg(test)]
mod tests;
