//! The errors of the layer.

use core::{error::Error, fmt, net::Ipv4Addr};

use layer::Dotted;
use netif::MacAddr;

/// Another station uses our address, or probed for it while we did (RFC 5227, 2.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressInUse {
    /// The address.
    pub address: Ipv4Addr,
    /// The hardware address of the station.
    pub by: MacAddr,
}

impl fmt::Display for AddressInUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = Dotted(self.address);
        write!(f, "the address {address} is in use by the station {}", self.by)
    }
}

impl Error for AddressInUse {}

/// Why a static entry could not be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StaticError {
    /// The address is our own, or one that no host can have.
    NotANeighbour(Ipv4Addr),
    /// Other static entries hold the places where the address could be.
    Full,
}

impl fmt::Display for StaticError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotANeighbour(address) => {
                write!(f, "no neighbour can have the address {address}")
            }
            Self::Full => f.write_str("too many static entries for the ARP cache"),
        }
    }
}

impl Error for StaticError {}
