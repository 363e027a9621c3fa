//! The trait of a link that finds its neighbours by itself.

use layer::{Instant, Payload, TxOffload};

use crate::{EtherType, Link};

/// A link layer that sends to neighbours with addresses `A` of a network, and finds their hardware addresses by itself:
/// ARP for `Ipv4Addr`, Neighbour Discovery for `Ipv6Addr`.
///
/// It owns our address, because it finds out whether the address is ours. The layers above ask it.
pub trait Neighbours<A>: Link {
    /// Our address, together with the prefix that says which hosts are neighbours: for IPv4 it is a
    /// [`Cidr`](layer::Cidr).
    type Address: Copy;

    /// Our address, as long as it is ours. It is unspecified while the address is probed for, after it was
    /// given up, and before one is set.
    fn address(&self) -> Self::Address;

    /// Gives us another address, or takes ours away if it is the unspecified one. All neighbours are
    /// forgotten except configured ones. Packets that wait for a neighbour are dropped, because they contain
    /// the old address.
    fn set_address(&mut self, address: Self::Address);

    /// Whether another station has the address that was set, so that it is not ours. A link that does not look for such a
    /// station never says so.
    fn is_taken(&self) -> bool {
        false
    }

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
