//! What can go wrong when a service is bound.

use core::{error::Error, fmt};

use rt_regions::Exhausted;

/// Why a service was not bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BindError {
    /// Nothing can be sent to port 0.
    Zero,
    /// A service has the port.
    InUse(u16),
    /// As many services listen as can.
    Full,
    /// There is no memory for the service.
    Exhausted(Exhausted),
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zero => f.write_str("port 0 cannot be bound: a port is 1 to 65535"),
            Self::InUse(port) => write!(f, "a service is bound to TCP port {port} already"),
            Self::Full => f.write_str("no more services can listen: 16 do"),
            Self::Exhausted(exhausted) => write!(f, "no memory for the service: {exhausted}"),
        }
    }
}

impl Error for BindError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Exhausted(exhausted) => Some(exhausted),
            _ => None,
        }
    }
}

impl From<Exhausted> for BindError {
    fn from(exhausted: Exhausted) -> Self {
        Self::Exhausted(exhausted)
    }
}
