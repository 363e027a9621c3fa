//! The local APIC: the interrupts of the processor, and its timer (Intel SDM volume 3, chapter 12).

use core::ptr;

use rt_pvh::{interrupts::FIRST_VECTOR, physical};
use x86_64::{instructions::port::Port, registers::model_specific::Msr};

use crate::{error::RuntimeError, platform::APICS};

/// The vectors of the timer, of devices, and of interrupts that are gone when the processor asks for them. The first two
/// are of one priority, so that one interrupt at a time is in service.
const TIMER_VECTOR: u8 = FIRST_VECTOR;
pub(crate) const DEVICE_VECTOR: u8 = FIRST_VECTOR + 1;
const SPURIOUS_VECTOR: u8 = FIRST_VECTOR + 2;
/// The vectors of interrupts that are acknowledged.
pub(crate) const VECTORS: [u8; 2] = [TIMER_VECTOR, DEVICE_VECTOR];

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
const TIMER: u32 = 0x320;
const PIN_0: u32 = 0x350;
const INITIAL_COUNT: u32 = 0x380;
const CURRENT_COUNT: u32 = 0x390;
const DIVIDE: u32 = 0x3e0;

const SOFTWARE_ENABLE: u32 = 1 << 8;
const MASKED: u32 = 1 << 16;
const DIVIDE_BY_16: u32 = 0b0011;
/// How long a tick of the timer takes, in nanoseconds. The timers of KVM and QEMU count 1 GHz, here divided by 16.
pub(crate) const TICK: u64 = 16;

/// The data ports of the two interrupt controllers of a PC, which hold the masks of their pins.
const PIC_MASKS: [u16; 2] = [0x21, 0xa1];

/// The local APIC of the only processor, ready to interrupt.
#[derive(Debug)]
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
            return Err(RuntimeError::Apic(address));
        }
        let apic = Self { address: (base & IS_X2APIC == 0).then_some(address) };
        for port in PIC_MASKS {
            // SAFETY: the port masks the pins of the controller, or does nothing where there is none.
            unsafe { Port::new(port).write(0xff_u8) };
        }
        apic.write(TASK_PRIORITY, 0);
        apic.write(PIN_0, MASKED);
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

    /// Says that the interrupt that is in service was handled.
    pub(crate) fn end_interrupt(&self) {
        self.write(END_OF_INTERRUPT, 0);
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
    }
}
