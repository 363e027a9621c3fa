//! The signature of a link that finds its neighbours by itself.

use layer::{Instant, Payload, TxOffload};

use crate::{EtherType, Link};

/// A link layer that sends to neighbours with addresses `A` of a network, and finds their hardware addresses by itself:
/// ARP for `Ipv4Addr`, Neighbour Discovery for `Ipv6Addr`.
///
/// It owns our address among them, for it is what finds out whether the address is ours. What is above asks it.
pub trait Neighbours<A>: Link {
    /// Our address, with all that says who is a neighbour: for IPv4 it is a [`Cidr`](layer::Cidr).
    type Address: Copy;

    /// Our address, as long as it is ours: while it is probed for, or after it was given up, and before there is any,
    /// it is the unspecified one.
    fn address(&self) -> Self::Address;

    /// Gives us another address, or takes ours away with the unspecified one. Everything that is known of
    /// neighbours is forgotten but what the configuration said; packets that wait for one are dropped, because they
    /// have the old address in them.
    fn set_address(&mut self, address: Self::Address);

    /// Sends a frame to the neighbour that has `address`, at once or when its hardware address is
    /// known. A packet for a neighbour that does not answer is dropped and counted. `offload` says what
    /// was left undone in the payload.
    ///
    /// # Errors
    /// The device is broken.
    fn send_to(
        &mut self,
        now: Instant,
        address: A,
        ethertype: EtherType,
        payload: impl Payload,
        offload: TxOffload,
    ) -> Result<(), Self::Error>;
}
