//! Why a service is not on a port of one core.

use core::{error::Error, fmt};

use layer::ClaimError;

/// Why a service was not bound to a port of one core. `E` is the transport's own reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindOnError<E> {
    /// The port cannot be given to that core.
    Core(ClaimError),
    /// The service cannot be bound there.
    Bind(E),
}

impl<E: fmt::Display> fmt::Display for BindOnError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Core(error) => error.fmt(f),
            Self::Bind(error) => error.fmt(f),
        }
    }
}

impl<E: Error + 'static> Error for BindOnError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Core(_) => None,
            Self::Bind(error) => error.source(),
        }
    }
}
