//! The errors that prevent a runtime from starting.

use core::{error, fmt};

/// What is missing on this machine. It is much smaller than the [`rt::Error`] that it becomes in the end, which contains
/// its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RuntimeError {
    /// The local APIC is turned off.
    ApicIsOff,
    /// The local APIC is at this address.
    Apic(u64),
    /// The host is neither KVM nor QEMU.
    NoReference,
    /// The timer does not count, or the time stamp counter does not.
    NoFrequency,
    /// There is no line of this number.
    Line(u32),
}

impl fmt::Display for RuntimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ApicIsOff => f.write_str("the local APIC is off"),
            Self::Apic(address) => {
                write!(f, "the local APIC is at {address:#x}, not at 0xfee00000")
            }
            Self::NoReference => {
                f.write_str("neither KVM nor QEMU: nothing says how fast the clock is")
            }
            Self::NoFrequency => {
                f.write_str("the timer of the local APIC or the time stamp counter stands still")
            }
            Self::Line(line) => write!(f, "no I/O APIC has line {line}"),
        }
    }
}

impl error::Error for RuntimeError {}
