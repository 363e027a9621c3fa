//! Why an interface cannot be steered.

use core::{error::Error, fmt};

/// Why an interface cannot be for several cores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SteerError {
    /// The cores have no rings for frames.
    NoWire,
    /// A frame of the interface is longer than the rings ever take.
    TooShort {
        /// The longest frame, in bytes.
        longest: usize,
        /// The longest that the rings take, in bytes.
        most: usize,
    },
    /// This is the first core, or the only one, which has the device.
    IsFirst,
    /// This is not the first core, which alone has the device.
    NotFirst,
    /// The first core has not opened the device.
    NotOpen,
}

impl fmt::Display for SteerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoWire => f.write_str(
                "there are no rings for the frames of one interface: make the cores with Sizes::with_wire",
            ),
            Self::TooShort { longest, most } => write!(
                f,
                "the interface has frames of {longest} bytes, and the rings between cores take {most}: \
                 give the program more memory, or --offloads=off"
            ),
            Self::IsFirst => f.write_str("the first core has the interface: other cores share it"),
            Self::NotFirst => f.write_str("only the first core has the interface"),
            Self::NotOpen => f.write_str(
                "the first core has not opened the interface: the other cores start after that",
            ),
        }
    }
}

impl Error for SteerError {}
