//! The errors of the interface, and the protocol violations of a device.

use core::{error, fmt};

use netif::MacAddr;
use rt_regions::Exhausted;

/// Why an interface could not be opened. The message says what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The device cannot be used.
    Device(DeviceError),
    /// Not enough memory for the buffers and tables.
    Memory(Exhausted),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device(error) => error.fmt(f),
            Self::Memory(exhausted) => {
                write!(f, "no memory for a network device: {exhausted}; give the guest more")
            }
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Device(error) => Some(error),
            Self::Memory(exhausted) => Some(exhausted),
        }
    }
}

impl From<DeviceError> for Error {
    fn from(error: DeviceError) -> Self {
        Self::Device(error)
    }
}

impl From<Exhausted> for Error {
    fn from(exhausted: Exhausted) -> Self {
        Self::Memory(exhausted)
    }
}

/// Why a device cannot be used, or why an interface is broken: the device was reset after a failure, and did not come
/// back. The value is small, because each layer above passes it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviceError {
    /// It is a device of another type.
    NotNetwork,
    /// It is a legacy device.
    Legacy,
    /// It does not confirm a reset: its status is not 0 in time. That of a device which is gone has all bits.
    NoReset(u8),
    /// It refuses the features that were accepted of those that it offers.
    FeaturesRefused,
    /// It wants to be reset (`DEVICE_NEEDS_RESET`) right after it was.
    NeedsReset,
    /// A queue, by its number, does not have a usable size.
    QueueSize(u16, u32),
    /// Its configuration is missing, or too short.
    NoConfiguration,
    /// Its configuration changes again whenever it is read.
    UnstableConfiguration,
    /// It has no hardware address, and none was given.
    NoMac,
    /// Its hardware address is none that a station can have.
    Mac(MacAddr),
    /// It does not use as many pairs of queues as it was told to, though it says that it has them.
    #[cfg(feature = "cores")]
    NoPairs,
    /// Its MTU is below 68 bytes, or above the largest frame.
    Mtu(u16),
}

impl fmt::Display for DeviceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("network device: ")?;
        // All numbers are formatted as 64 bits, so that one copy of the code is enough.
        match *self {
            Self::NotNetwork => f.write_str("it is a virtio device of another type"),
            Self::Legacy => f.write_str(
                "it is a legacy device, without VIRTIO_F_VERSION_1; with QEMU, give it \
                 disable-legacy=on, or -global virtio-mmio.force-legacy=false",
            ),
            Self::NoReset(status) => {
                write!(f, "it does not confirm a reset: its status is {}", u64::from(status))
            }
            Self::FeaturesRefused => f.write_str(
                "it refuses the features that were accepted; one that insists on an IOMMU \
                 (iommu_platform=on) is not supported",
            ),
            Self::NeedsReset => f.write_str("it asks for another reset after each reset"),
            Self::QueueSize(queue, size) => {
                let (queue, size) = (u64::from(queue), u64::from(size));
                write!(f, "queue {queue} has {size} entries; expected a power of two from 32 on")
            }
            Self::NoConfiguration => f.write_str("its configuration is missing or too short"),
            Self::UnstableConfiguration => {
                f.write_str("its configuration changes whenever it is read")
            }
            Self::NoMac => f.write_str(
                "it has no hardware address; give it one (with QEMU: mac=52:54:00:00:00:01), or \
                 give one to the service (--mac)",
            ),
            #[cfg(feature = "cores")]
            Self::NoPairs => f.write_str("it does not use the pairs of queues that it has"),
            Self::Mac(mac) => write!(f, "its hardware address, {mac}, is not one of a station"),
            Self::Mtu(mtu) => {
                let mtu = u64::from(mtu);
                write!(f, "its MTU is {mtu} bytes; expected 68 to 65517")
            }
        }
    }
}

impl error::Error for DeviceError {}

/// An impossible value that a device wrote into a queue or a header. The device is reset, and made ready again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProtocolViolation {
    /// An impossible number of used buffers, more than were available or fewer than before: the index.
    Index(u16),
    /// A used buffer that was not available, or that was used before: its id.
    Id(u32),
    /// A received buffer with more bytes than it has, none, or less than a header in the first: the length in bytes.
    Length(u32),
    /// A frame that is spread over no buffers, or over more than were used: their number.
    Buffers(u16),
    /// A frame that was joined, though that was not agreed for its family, or from segments of 0 bytes or of another kind
    /// than TCP: its `gso_type`.
    Segments(u8),
}

impl fmt::Display for ProtocolViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the device's queue is wrong: ")?;
        match *self {
            Self::Index(index) => {
                write!(f, "used index {} is not one that can be", u64::from(index))
            }
            Self::Id(id) => write!(f, "buffer {} was used, and is not with it", u64::from(id)),
            Self::Length(length) => {
                write!(f, "a received buffer of {} bytes", u64::from(length))
            }
            Self::Buffers(count) => {
                write!(f, "a frame in {} buffers, which were not used", u64::from(count))
            }
            Self::Segments(kind) => write!(f, "a frame with gso_type {:#x}", u64::from(kind)),
        }
    }
}

impl error::Error for ProtocolViolation {}
