//! The local APIC: the interrupts of the processor, and its timer (Intel SDM volume 3, chapter 12).

use core::ptr;

use rt_pvh::{interrupts::FIRST_VECTOR, physical};
use x86_64::{instructions::port::Port, registers::model_specific::Msr};

use crate::{error::RuntimeError, platform::APICS};

/// The vectors of the timer, of used buffers of the device, of interrupts that are gone when the processor asks for them, and
/// of changes of the device's configuration, and of the power button. All are of one priority, so that one interrupt at a time is in service.
const TIMER_VECTOR: u8 = FIRST_VECTOR;
pub(crate) const DEVICE_VECTOR: u8 = FIRST_VECTOR + 1;
const SPURIOUS_VECTOR: u8 = FIRST_VECTOR + 2;
pub(crate) const CONFIGURATION_VECTOR: u8 = FIRST_VECTOR + 3;
pub(crate) const BUTTON_VECTOR: u8 = FIRST_VECTOR + 4;
/// The vector by which a processor wakes another.
#[cfg(feature = "cores")]
pub(crate) const BELL_VECTOR: u8 = FIRST_VECTOR + 5;
/// The vectors of interrupts that are acknowledged.
#[cfg(not(feature = "cores"))]
pub(crate) const VECTORS: [u8; 4] =
    [TIMER_VECTOR, DEVICE_VECTOR, CONFIGURATION_VECTOR, BUTTON_VECTOR];
/// The vectors of interrupts that are acknowledged.
#[cfg(feature = "cores")]
pub(crate) const VECTORS: [u8; 5] =
    [TIMER_VECTOR, DEVICE_VECTOR, CONFIGURATION_VECTOR, BUTTON_VECTOR, BELL_VECTOR];

/// `IA32_APIC_BASE` says where the registers are, whether the APIC is on, and whether its registers are MSRs (x2APIC).
const APIC_BASE: u32 = 0x1b;
const IS_ON: u64 = 1 << 11;
const IS_X2APIC: u64 = 1 << 10;
const ADDRESS: u64 = 0xf_ffff_ffff_f000;
/// The MSR of the first register of an x2APIC. A register is 16 bytes from the next in memory, and 1 as an MSR.
const FIRST_MSR: u32 = 0x800;

/// The registers, by their distance from the first, in bytes.
const ID: u32 = 0x20;
const TASK_PRIORITY: u32 = 0x80;
const END_OF_INTERRUPT: u32 = 0xb0;
const SPURIOUS: u32 = 0xf0;
/// What sends interrupts to processors: the command, and before it the number of the processor.
#[cfg(feature = "cores")]
const COMMAND: u32 = 0x300;
#[cfg(feature = "cores")]
const COMMAND_PROCESSOR: u32 = 0x310;
/// The first of eight with a bit for each vector that is pending.
const REQUESTS: u32 = 0x200;
const TIMER: u32 = 0x320;
const PIN_0: u32 = 0x350;
const PIN_1: u32 = 0x360;
const INITIAL_COUNT: u32 = 0x380;
const CURRENT_COUNT: u32 = 0x390;
const DIVIDE: u32 = 0x3e0;

/// A command (figure 12-12): INIT or SIPI, asserted, to all processors but this one.
#[cfg(feature = "cores")]
const INIT: u32 = 0b101 << 8;
#[cfg(feature = "cores")]
const STARTUP: u32 = 0b110 << 8;
#[cfg(feature = "cores")]
const TO_ALL_OTHERS: u32 = 0b11 << 18 | 1 << 14;

const SOFTWARE_ENABLE: u32 = 1 << 8;
const MASKED: u32 = 1 << 16;
/// What comes at the pin is a non-maskable interrupt, which an operator sends (`nmi` of QEMU's monitor, `virsh inject-nmi`).
const NON_MASKABLE: u32 = 0b100 << 8;
const DIVIDE_BY_16: u32 = 0b0011;
/// How long a tick of the timer takes, in nanoseconds. The timers of KVM and QEMU count 1 GHz, here divided by 16.
pub(crate) const TICK: u64 = 16;

/// The data ports of the two interrupt controllers of a PC, which hold the masks of their pins.
const PIC_MASKS: [u16; 2] = [0x21, 0xa1];

/// The local APIC of the processor that uses it, ready to interrupt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LocalApic {
    /// Where the registers are: in memory at this address, or, without one, MSRs.
    ///
    /// INVARIANT: it is the address that `IA32_APIC_BASE` says, and the page is mapped.
    address: Option<u64>,
}

impl LocalApic {
    /// Turns the local APIC on, with its timer stopped, and the interrupt controllers of a PC off.
    ///
    /// # Errors
    /// The APIC is off, or not where it is on all PCs.
    pub(crate) fn open() -> Result<Self, RuntimeError> {
        // SAFETY: every processor of 64 bits has the register, and reading it changes nothing.
        let base = unsafe { Msr::new(APIC_BASE).read() };
        let address = base & ADDRESS;
        if base & IS_ON == 0 {
            return Err(RuntimeError::ApicIsOff);
        }
        if base & IS_X2APIC == 0 && !APICS.contains(&address) {
            return Err(RuntimeError::ApicIsElsewhere);
        }
        let apic = Self { address: (base & IS_X2APIC == 0).then_some(address) };
        for port in PIC_MASKS {
            // SAFETY: the port masks the pins of the controller, or does nothing where there is none.
            unsafe { Port::new(port).write(0xff_u8) };
        }
        apic.write(TASK_PRIORITY, 0);
        apic.write(PIN_0, MASKED);
        apic.write(PIN_1, NON_MASKABLE);
        apic.write(SPURIOUS, SOFTWARE_ENABLE | u32::from(SPURIOUS_VECTOR));
        apic.write(DIVIDE, DIVIDE_BY_16);
        apic.write(TIMER, u32::from(TIMER_VECTOR));
        apic.start_timer(0);
        Ok(apic)
    }

    /// The number by which an I/O APIC knows this processor.
    pub(crate) fn id(&self) -> u32 {
        let id = self.read(ID);
        if self.address.is_some() { id >> 24 } else { id }
    }

    /// Has the timer interrupt once after so many ticks, and not after the ticks of an earlier call; 0 stops it.
    pub(crate) fn start_timer(&self, ticks: u32) {
        self.write(INITIAL_COUNT, ticks);
    }

    /// How many ticks are left until the timer interrupts.
    pub(crate) fn ticks_left(&self) -> u32 {
        self.read(CURRENT_COUNT)
    }

    /// Whether an interrupt with this vector has come, and was not taken yet.
    pub(crate) fn has_pending(&self, vector: u8) -> bool {
        let (register, bit) = (u32::from(vector) / 32, vector % 32);
        self.read(REQUESTS + 16 * register) >> bit & 1 != 0
    }

    /// Says that the interrupt that is in service was handled.
    pub(crate) fn end_interrupt(&self) {
        self.write(END_OF_INTERRUPT, 0);
    }

    /// Has all other processors begin at the page with this number (Intel SDM volume 3, 9.4.4.1). `pause` waits for some
    /// microseconds.
    #[cfg(feature = "cores")]
    pub(crate) fn start_others(&self, page: u8, pause: impl Fn(u64)) {
        self.command(0, INIT | TO_ALL_OTHERS);
        pause(10_000);
        for _ in 0..2 {
            self.command(0, STARTUP | TO_ALL_OTHERS | u32::from(page));
            pause(200);
        }
    }

    /// Interrupts the processor with this number, with this vector.
    #[cfg(feature = "cores")]
    pub(crate) fn interrupt(&self, processor: u32, vector: u8) {
        self.command(processor, u32::from(vector) | 1 << 14);
    }

    /// The registers of an x2APIC have the whole command in one.
    #[cfg(feature = "cores")]
    fn command(&self, processor: u32, command: u32) {
        if self.address.is_some() {
            self.write(COMMAND_PROCESSOR, processor << 24);
            self.write(COMMAND, command);
        } else {
            let whole = u64::from(processor) << 32 | u64::from(command);
            // SAFETY: the register sends interrupts, whose vectors have handlers on each processor, or starts processors at a
            // page that is there for that.
            unsafe { Msr::new(msr(COMMAND)).write(whole) };
        }
    }

    fn read(&self, register: u32) -> u32 {
        match self.address {
            // SAFETY: the page of the registers is mapped, by the invariant, and this is one of them.
            Some(address) => unsafe { ptr::read_volatile(physical(address + u64::from(register))) },
            // SAFETY: an x2APIC has all registers of this file that are read as MSRs.
            None => unsafe { Msr::new(msr(register)).read() as u32 },
        }
    }

    fn write(&self, register: u32, value: u32) {
        match self.address {
            // SAFETY: the page of the registers is mapped, by the invariant, and this is one of them. It has no effect but
            // interrupts, all of which have handlers.
            Some(address) => unsafe {
                ptr::write_volatile(physical(address + u64::from(register)), value);
            },
            // SAFETY: an x2APIC has all registers of this file that are written as MSRs. They have no effect but
            // interrupts, all of which have handlers.
            None => unsafe { Msr::new(msr(register)).write(value.into()) },
        }
    }
}

/// The MSR that is this register of an x2APIC.
fn msr(register: u32) -> u32 {
    FIRST_MSR + (register >> 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_of_an_x2apic_are_those_of_the_manual() {
        // Intel SDM volume 3, table 12-6.
        let numbers = [ID, TASK_PRIORITY, END_OF_INTERRUPT, SPURIOUS, TIMER, PIN_0, DIVIDE];
        let expected = [0x802, 0x808, 0x80b, 0x80f, 0x832, 0x835, 0x83e];
        assert_eq!(numbers.map(msr), expected);
        assert_eq!([INITIAL_COUNT, CURRENT_COUNT].map(msr), [0x838, 0x839]);
        #[cfg(feature = "cores")]
        assert_eq!(msr(COMMAND), 0x830);
        // Of the vectors from 32 to 63.
        assert_eq!([PIN_1, REQUESTS, REQUESTS + 16].map(msr), [0x836, 0x820, 0x821]);
    }
}
