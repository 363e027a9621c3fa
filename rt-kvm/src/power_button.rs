//! The power button, with which an operator asks the guest to end: QEMU's `system_powerdown`, libvirt's `shutdown`,
//! Firecracker's `SendCtrlAltDel`.
//!
//! It is where these have it. On QEMU's pc and q35 it is that of a PC (PM1, ACPI 6.5, 4.8.3.1), at the address that `SeaBIOS`
//! sets; on microvm it is the only event of the generic event device (ACPI 6.5, 5.6.9; `hw/i386/microvm.c` of QEMU).
//! Firecracker has a keyboard on which nobody presses other keys (`devices/legacy/i8042.rs`). Nothing else is on their line,
//! so an interrupt says enough there. What has raised the line is not taken back: the guest is about to end, and the line interrupts
//! when it rises.

use x86_64::instructions::port::Port;

use crate::{
    apic::{BUTTON_VECTOR, LocalApic},
    devices::Devices,
    io_apic::{self, Trigger},
};

/// The line of ACPI, on both (`SCI_INT`, `GED_MMIO_IRQ`), and the line of the keyboard.
const ACPI_LINE: u32 = 9;
const KEYBOARD_LINE: u32 = 1;
/// The registers of a PC with what has happened and with what interrupts (`PM1a_EVT_BLK`), and the bit of the button in both
/// (`PWRBTN_STS`, `PWRBTN_EN`).
const STATUS: u16 = 0x600;
const ENABLED: u16 = STATUS + 2;
const BUTTON: u16 = 1 << 8;

/// Has the button interrupt from now on, if the machine has one.
///
/// A machine without a PCI bus is microvm, where its ACPI tables would be, or one that names its devices in the command line,
/// as Firecracker does. On any of them, nobody raises the line if there is no button.
pub(crate) fn enable(devices: &Devices, apic: &LocalApic) {
    let line = match (devices.has_pci, devices.may_be_microvm) {
        (true, _) | (false, true) => ACPI_LINE,
        (false, false) => KEYBOARD_LINE,
    };
    // Without an I/O APIC, there is no button.
    let is_routed = io_apic::route(line, Trigger::Edge, BUTTON_VECTOR, apic).is_ok();
    if is_routed && devices.has_pci {
        // Last: the line rises now if the button was pressed before, and it rises once.
        // SAFETY: the button interrupts, and its vector has a handler. Where this is no such register, no host of this runtime
        // is known to do anything.
        unsafe { Port::new(ENABLED).write(BUTTON) };
    }
}

/// Whether an interrupt on the line is that of the button. On a PC, other devices may have that line too.
pub(crate) fn is_pressed(devices: &Devices) -> bool {
    // SAFETY: reading it changes nothing.
    !devices.has_pci || unsafe { Port::<u16>::new(STATUS).read() } & BUTTON != 0
}
