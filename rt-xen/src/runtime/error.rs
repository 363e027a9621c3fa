//! Why a runtime does not start, or cannot go on.

use core::{error, fmt};

use rt_regions::Exhausted;

use crate::{Errno, StoreError};

/// What Xen or xenstore refuses. It is much smaller than the [`rt::Error`] that it becomes in the end, which has its
/// message in it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RuntimeError {
    /// What could not be done, and what Xen says of it.
    Xen(&'static str, Errno),
    /// What there is not, in words: free frames, or xenstore.
    Missing(&'static str),
    /// Xen put a ring in this frame, where nothing is mapped.
    Unmapped(u64),
    /// Xenstore does not say when the operator asks for something.
    Operator(StoreError),
    /// No memory for what the runtime keeps.
    Memory(Exhausted),
}

impl fmt::Display for RuntimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Xen(what, errno) => write!(f, "cannot {what}: Xen says {errno}"),
            Self::Missing(what) => f.write_str(what),
            Self::Unmapped(frame) => {
                write!(f, "Xen put a ring where nothing is mapped: frame {frame:#x}")
            }
            Self::Operator(error) => write!(f, "cannot listen to the operator: {error}"),
            Self::Memory(exhausted) => exhausted.fmt(f),
        }
    }
}

impl error::Error for RuntimeError {}

impl From<Exhausted> for RuntimeError {
    fn from(exhausted: Exhausted) -> Self {
        Self::Memory(exhausted)
    }
}
