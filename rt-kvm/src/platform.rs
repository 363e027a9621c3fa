//! The host, as the ground under a guest knows it.

use core::{
    fmt,
    ops::Range,
    ptr,
    sync::atomic::{AtomicBool, Ordering},
};

use rt_pvh::{Line, Platform, Shutdown, debug, physical, pvclock::VcpuTimeInfo, turn_off_pc};
use x86_64::instructions::port::Port;

use crate::clock;

/// The ACPI register of sleep of a machine without those of a PC, where QEMU's microvm has it (`SLEEP_CONTROL_REG`, ACPI
/// 6.5, 4.8.3.7), and the value: S5, enabled.
const SLEEP_CONTROL: u64 = 0xfea0_0200;
const SLEEP_5: u8 = 5 << 2 | 1 << 5;
/// The command port of the keyboard controller, and the command that resets the processor. It is how a guest of
/// Firecracker ends.
const KEYBOARD_PORT: u16 = 0x64;
const RESET: u8 = 0xfe;

/// QEMU's microvm: the registers of ACPI and of virtio devices.
pub(crate) const MICROVM: Range<u64> = 0xfea0_0000..0xfec0_0000;
/// The registers of the I/O APICs and of the local APIC.
pub(crate) const APICS: Range<u64> = 0xfec0_0000..0xff00_0000;
/// Whether [`MICROVM`] is mapped.
static HAS_SLEEP_CONTROL: AtomicBool = AtomicBool::new(false);
/// Whether the clock runs.
static HAS_CLOCK: AtomicBool = AtomicBool::new(false);

/// Says that [`MICROVM`] is mapped.
pub(crate) fn has_sleep_control() {
    HAS_SLEEP_CONTROL.store(true, Ordering::Relaxed);
}

/// Says that the clock runs.
pub(crate) fn clock_started() {
    HAS_CLOCK.store(true, Ordering::Relaxed);
}

/// The platform of a guest of KVM. Its console is the first serial port.
#[derive(Debug)]
pub(crate) struct OnKvm;

impl Platform for OnKvm {
    fn print(&self, _: Line, line: fmt::Arguments<'_>) {
        debug(line);
    }

    /// A host has one way to end, so it does not see the reason. What follows is the reset of `rt-pvh`.
    fn shut_down(&self, _: Shutdown) {
        turn_off_pc();
        if HAS_SLEEP_CONTROL.load(Ordering::Relaxed) {
            // SAFETY: the address is mapped, and no memory is there. Where it is no register, nothing matters any more.
            unsafe { ptr::write_volatile(physical(SLEEP_CONTROL), SLEEP_5) };
        }
        // SAFETY: the machine is reset, or nothing happens.
        unsafe { Port::new(KEYBOARD_PORT).write(RESET) };
    }

    fn clock_page(&self) -> Option<&'static VcpuTimeInfo> {
        HAS_CLOCK.load(Ordering::Relaxed).then(clock::page)
    }
}
