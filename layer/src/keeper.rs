//! Where an address is kept from one run of the program to the next.

use core::{fmt, net::Ipv4Addr, ptr};

/// A place that outlives the program, such as a file, for our address of IPv4.
pub trait KeptAddress: fmt::Debug {
    /// The address that was kept when the program started, if there was one.
    fn load(&self) -> Option<Ipv4Addr>;

    /// Keeps the address, or that there is none. The place itself says so to people if it fails.
    fn store(&self, address: Option<Ipv4Addr>);
}

/// A handle on such a place. Two are equal if they are of the same place.
#[derive(Clone, Copy, Debug)]
pub struct Keeper(pub &'static dyn KeptAddress);

impl PartialEq for Keeper {
    fn eq(&self, other: &Self) -> bool {
        ptr::addr_eq(self.0, other.0)
    }
}

impl Eq for Keeper {}
