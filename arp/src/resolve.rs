//! The signature of a link that finds its neighbours by itself.

use core::net::Ipv4Addr;

use ethernet::{EtherType, Link};
use layer::{Instant, Payload};

/// A link layer that sends to IPv4 neighbours, finding their hardware addresses by itself.
pub trait Resolve: Link {
    /// Sends a frame to the neighbour that has `address`, at once or when its hardware address is
    /// known. A packet for a neighbour that does not answer is dropped and counted.
    ///
    /// # Errors
    /// The device is broken.
    fn send_to(
        &mut self,
        now: Instant,
        address: Ipv4Addr,
        ethertype: EtherType,
        payload: impl Payload,
    ) -> Result<(), Self::Error>;
}
