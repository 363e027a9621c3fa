//! The errors that prevent a runtime from starting.

use core::{error, fmt};

/// What is missing on this machine. It is much smaller than the [`rt::Error`] that it becomes in the end, which contains
/// its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RuntimeError {
    /// The local APIC is turned off.
    ApicIsOff,
    /// The registers of the local APIC are elsewhere than on all PCs.
    ApicIsElsewhere,
    /// The host is neither KVM nor QEMU.
    NoReference,
    /// The timer does not count, or the time stamp counter does not.
    NoFrequency,
    /// There is no line of this number.
    Line(u32),
    /// The device has neither messages nor a line.
    NoInterrupt,
}

impl fmt::Display for RuntimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ApicIsOff => f.write_str("the local APIC is off"),
            Self::ApicIsElsewhere => f.write_str("the local APIC is not at 0xfee00000"),
            Self::NoReference => {
                f.write_str("neither KVM nor QEMU: nothing says how fast the clock is")
            }
            Self::NoFrequency => f.write_str("the timer or the time stamp counter stands still"),
            Self::Line(line) => write!(f, "no I/O APIC has line {line}"),
            Self::NoInterrupt => f.write_str("the network device has no interrupt"),
        }
    }
}

impl error::Error for RuntimeError {}
