//! The errors of the interface, and the protocol violations of a backend.

use core::{error, fmt};

use rt_regions::Exhausted;
use rt_xen::{Errno, GrantError, StoreError};

/// Why an interface could not be opened or connected. The message says what to do about it.
///
/// A fault of the backend is not among these: see [`ProtocolViolation`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// `--interface` is not the number of a network device.
    Name(&'static str),
    /// The domain has no network device, or none of this number.
    NoDevice(Option<u32>),
    /// The entry in xenstore for the network device of this number is missing or wrong.
    Device(u32, &'static str),
    /// The request to xenstore failed.
    Store(StoreError),
    /// Not enough memory for the buffers and tables.
    Memory(Exhausted),
    /// The grant table has no room for the two rings.
    Grants(GrantError),
    /// Xen refused an operation on the event channel.
    Channel(Errno),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // All numbers are formatted as 64 bits, so that one copy of the code is enough.
        match *self {
            Self::Name(name) => write!(
                f,
                "'{name}' is not the number of a network device: 0 is the first in the domain's \
                 vif=[...]"
            ),
            Self::NoDevice(None) => f.write_str(
                "this domain has no network device: add one to the domain file, \
                 vif=['bridge=xenbr0']",
            ),
            Self::NoDevice(Some(number)) => write!(
                f,
                "this domain has no network device {}: see 'xl network-list DOMAIN', or \
                 leave the choice out",
                u64::from(number)
            ),
            Self::Device(number, key) => write!(
                f,
                "network device {number}: '{key}' in xenstore is missing or wrong; see \
                 'xenstore-ls' below device/vif/{number} and its backend",
                number = u64::from(number)
            ),
            Self::Store(error) => write!(f, "network device: {error}"),
            Self::Memory(exhausted) => {
                write!(f, "no memory for a network device: {exhausted}; give the domain more")
            }
            Self::Grants(error) => write!(f, "network device: {error}"),
            Self::Channel(errno) => write!(f, "network device: event channel: {errno}"),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Store(error) => Some(error),
            Self::Memory(exhausted) => Some(exhausted),
            Self::Grants(error) => Some(error),
            Self::Channel(errno) => Some(errno),
            Self::Name(_) | Self::NoDevice(_) | Self::Device(..) => None,
        }
    }
}

impl From<Exhausted> for Error {
    fn from(exhausted: Exhausted) -> Self {
        Self::Memory(exhausted)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<GrantError> for Error {
    fn from(error: GrantError) -> Self {
        Self::Grants(error)
    }
}

impl From<Errno> for Error {
    fn from(errno: Errno) -> Self {
        Self::Channel(errno)
    }
}

/// Why an interface is broken: Xen refuses to notify the backend. The value is small, because each layer above passes
/// it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken(pub Errno);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Error::Channel(self.0).fmt(f)
    }
}

impl error::Error for Broken {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(&self.0)
    }
}

impl From<Broken> for Error {
    fn from(broken: Broken) -> Self {
        Self::Channel(broken.0)
    }
}

impl From<Errno> for Broken {
    fn from(errno: Errno) -> Self {
        Self(errno)
    }
}

/// An impossible value that a backend wrote into a ring. The connection is closed, and stays closed until the backend
/// has closed its end and begins again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProtocolViolation {
    /// An impossible number of responses, more than requests or fewer than before: the value of `rsp_prod`.
    Index(u32),
    /// A response to a request that was not made, or that was answered before: its id.
    Id(u16),
    /// A received piece that extends beyond its page: its offset and length in bytes.
    Bounds(u16, u16),
    /// A status that a transmit response cannot have.
    Status(i16),
    /// Flags of a received piece that are unknown or not permitted there.
    Flags(u16),
    /// An extra information of this type, which was not negotiated, or is about segments of 0 bytes or of another kind
    /// than TCP.
    Extra(u8),
    /// A frame that continues after every buffer was used.
    Endless,
}

impl fmt::Display for ProtocolViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the backend's ring is wrong: ")?;
        match *self {
            Self::Index(index) => {
                write!(f, "response index {} is not one that was asked for", u64::from(index))
            }
            Self::Id(id) => {
                write!(f, "response to request {}, which is not under way here", u64::from(id))
            }
            Self::Bounds(offset, length) => {
                let (offset, length) = (u64::from(offset), u64::from(length));
                write!(f, "{length} bytes at offset {offset} are not in one page")
            }
            Self::Status(status) => {
                let sign = if status < 0 { "-" } else { "" };
                write!(f, "transmit status {sign}{}", u64::from(status.unsigned_abs()))
            }
            Self::Flags(flags) => write!(f, "receive flags {:#x}", u64::from(flags)),
            Self::Extra(kind) => write!(f, "extra information of type {}", u64::from(kind)),
            Self::Endless => f.write_str("a frame that is longer than all the buffers"),
        }
    }
}

impl error::Error for ProtocolViolation {}
