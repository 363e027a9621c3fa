//! Why an interface is broken.

use core::{error, fmt};

use netif_virtio::DeviceError;
use netif_xen::Broken;

/// Why an interface is broken, on one of the hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// On Xen.
    Xen(Broken),
    /// On KVM.
    Kvm(DeviceError),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Xen(error) => error.fmt(f),
            Self::Kvm(error) => error.fmt(f),
        }
    }
}

impl error::Error for Error {}
