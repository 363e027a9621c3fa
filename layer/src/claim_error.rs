//! Why a port cannot be given to one core.

use core::{error::Error, fmt};

/// Why a port cannot be given to one core of a program, which serves it for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClaimError {
    /// Another core was named for it before.
    Taken {
        /// The core that has it.
        core: usize,
    },
    /// As many ports are on cores of their own as can be.
    Full {
        /// How many that are.
        most: usize,
    },
    /// There is no such core.
    NoSuchCore {
        /// How many cores there are.
        count: usize,
    },
}

impl fmt::Display for ClaimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken { core } => write!(f, "core {core} has it"),
            Self::Full { most } => {
                write!(f, "{most} ports are on cores of their own: no more can be")
            }
            Self::NoSuchCore { count } => write!(f, "there are {count} cores, which count from 0"),
        }
    }
}

impl Error for ClaimError {}
