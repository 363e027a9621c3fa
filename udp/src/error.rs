//! Why a service could not be bound to a port.

use core::{error::Error, fmt};

use rt_regions::Exhausted;
use tasks::SpawnError;

/// Why a service, or a listener for its ICMP errors, could not be bound to a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BindError {
    /// Port 0 cannot be bound: it means that there is no port to answer to (RFC 768).
    Zero,
    /// A service is bound to the port already.
    InUse(u16),
    /// No service is bound to the port.
    NotBound(u16),
    /// The table of ports is full.
    Full {
        /// How many ports the table holds.
        most: usize,
    },
    /// There is no memory for the state of the service.
    Exhausted(Exhausted),
    /// The task was not started, because the program ends.
    Closed,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Zero => f.write_str("no service can be bound to port 0"),
            Self::InUse(port) => {
                write!(f, "a service is bound to port {} already", u64::from(port))
            }
            Self::NotBound(port) => write!(f, "no service is bound to port {}", u64::from(port)),
            Self::Full { most } => write!(f, "all {most} places for ports are taken"),
            Self::Exhausted(_) => f.write_str("no memory for what the service keeps"),
            Self::Closed => f.write_str("the program ends"),
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

impl From<SpawnError> for BindError {
    fn from(error: SpawnError) -> Self {
        match error {
            SpawnError::Exhausted(exhausted) => Self::Exhausted(exhausted),
            _ => Self::Closed,
        }
    }
}
