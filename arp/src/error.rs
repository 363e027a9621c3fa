//! What cannot be.

use core::{error::Error, fmt, net::Ipv4Addr};

use layer::Dotted;
use netif::MacAddr;

/// Another station has our address (RFC 5227, 2.1.1), or wanted it while we did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressInUse {
    /// The address.
    pub address: Ipv4Addr,
    /// The station.
    pub by: MacAddr,
}

impl fmt::Display for AddressInUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = Dotted(self.address);
        write!(f, "the address {address} is in use by the station {}", self.by)
    }
}

impl Error for AddressInUse {}

/// Why an entry could not be fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StaticError {
    /// It is our own address, or one that no host has.
    NotANeighbour(Ipv4Addr),
    /// The places where the address could be are held by other static entries.
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
