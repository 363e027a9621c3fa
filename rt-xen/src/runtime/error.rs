//! The errors that prevent a runtime from starting or going on.

use core::{error, fmt};

use crate::{Errno, StoreError};

/// An operation that Xen or xenstore refused. It is much smaller than the [`rt::Error`] that it becomes in the end,
/// which contains its message.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RuntimeError {
    /// The operation that failed, and the error that Xen returned.
    Xen(&'static str, Errno),
    /// A description of what is missing: free frames, or xenstore.
    Missing(&'static str),
    /// Xen put a ring into this frame, where nothing is mapped.
    Unmapped(u64),
    /// Xenstore cannot be watched for the operator's requests.
    Operator(StoreError),
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
        }
    }
}

impl error::Error for RuntimeError {}
