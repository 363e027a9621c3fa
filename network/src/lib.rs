#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod checksum;
mod completed;
mod packet;
mod token_bucket;

#[doc(hidden)]
pub use layer;

pub use checksum::Checksum;
pub use completed::Completed;
pub use packet::{Delivery, IcmpError, Outgoing, Packet, Problem, Protocol};
pub use token_bucket::TokenBucket;

use core::{error::Error, fmt, net::IpAddr};

use layer::{Instant, Layer, Offloads, Payload};

/// A layer that carries packets between hosts: `Ipv4`, and every layer above it that hands on what
/// is not its own. It may carry one family of addresses or both; who asks it about the wrong one gets an answer that says so.
pub trait Network: for<'r> Layer<Item<'r> = Delivery<'r>> {
    /// Whether `address` is one of ours, of one host: no group, no broadcast.
    fn is_ours(&self, address: IpAddr) -> bool;

    /// Which of our addresses a packet to `destination` comes from that names none; nothing where there is none of
    /// the family.
    fn source_for(&self, destination: IpAddr) -> Option<IpAddr>;

    /// The longest payload that [`send`](Self::send) takes for `destination`, in bytes (RFC 1122 3.3.3), in fragments
    /// if need be; 0 for an address of a family that is not carried.
    fn max_payload(&self, destination: IpAddr) -> usize;

    /// The longest packet that goes to `destination` in one piece as far as is known at `now`, its header included,
    /// in bytes.
    fn path_mtu(&self, now: Instant, destination: IpAddr) -> usize;

    /// How many packets in one piece can be sent before the interface drops one, as far as it knows.
    fn room(&self) -> usize {
        usize::MAX
    }

    /// What may be left undone in what is sent, because it is done below, whatever the destination: over several links it
    /// is what all of them do.
    fn offloads(&self) -> Offloads {
        Offloads::NONE
    }

    /// Sends a packet, in fragments where it does not fit the link.
    ///
    /// # Errors
    /// The device is broken. What only this packet suffers is [`Sent::NotSent`].
    fn send(
        &mut self,
        now: Instant,
        outgoing: &Outgoing,
        payload: impl Payload,
    ) -> Result<Sent, Self::Error>;

    /// Tells the sender of `packet` that it could not be delivered (ICMP), where the rules of
    /// RFC 1122 3.2.2 allow it and the rate limit does.
    ///
    /// # Errors
    /// The device is broken.
    fn send_error(
        &mut self,
        now: Instant,
        packet: &Packet<'_>,
        problem: Problem,
    ) -> Result<(), Self::Error>;

    /// Notes that packets to `destination` must not be larger than `mtu` bytes, header included
    /// (RFC 1191). A layer that cannot use that ignores it.
    ///
    /// The transport calls it when it hears of [`Problem::TooBig`] and the packet is one that it
    /// can have sent: anybody can forge such an error about anything else.
    fn packet_too_big(&mut self, now: Instant, destination: IpAddr, mtu: u32);
}

/// Implements all of [`Network`] but `send_error` by the network `I` in the field that is named, for a layer that
/// stands over it: what it sends goes down unchanged.
#[macro_export]
macro_rules! forward {
    ($below:ident: $Below:ident) => {
        fn is_ours(&self, address: ::core::net::IpAddr) -> bool {
            self.$below.is_ours(address)
        }

        fn source_for(&self, destination: ::core::net::IpAddr) -> Option<::core::net::IpAddr> {
            self.$below.source_for(destination)
        }

        fn max_payload(&self, destination: ::core::net::IpAddr) -> usize {
            self.$below.max_payload(destination)
        }

        fn path_mtu(&self, now: $crate::layer::Instant, destination: ::core::net::IpAddr) -> usize {
            self.$below.path_mtu(now, destination)
        }

        fn room(&self) -> usize {
            self.$below.room()
        }

        fn offloads(&self) -> $crate::layer::Offloads {
            self.$below.offloads()
        }

        fn send(
            &mut self,
            now: $crate::layer::Instant,
            outgoing: &$crate::Outgoing,
            payload: impl $crate::layer::Payload,
        ) -> Result<$crate::Sent, $Below::Error> {
            self.$below.send(now, outgoing, $crate::layer::share(&payload))
        }

        fn packet_too_big(
            &mut self,
            now: $crate::layer::Instant,
            destination: ::core::net::IpAddr,
            mtu: u32,
        ) {
            self.$below.packet_too_big(now, destination, mtu);
        }
    };
}

/// What became of a packet that was to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Sent {
    /// It is on its way, or waits for the neighbour's hardware address.
    Queued,
    /// It was not sent; the device is well.
    NotSent(SendError),
}

/// Why a packet was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// The payload is longer than a packet can carry, or than the path takes and `dont_fragment` is set.
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// The most that would have been taken, in bytes.
        most: usize,
    },
    /// No neighbour leads there: it is not in our network, and there is no gateway.
    NoRoute(IpAddr),
    /// The network below carries no such address (IPv6 on IPv4), or it names nobody (0.0.0.0).
    BadAddress(IpAddr),
    /// The packet names a source that is not ours, or we have none.
    BadSource(Option<IpAddr>),
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { length, most } => {
                write!(f, "{length} bytes are too many for one packet: {most} at most")
            }
            Self::NoRoute(address) => {
                write!(f, "no route to {address}: not in our network, and no gateway is set")
            }
            Self::BadAddress(address) => write!(f, "{address} cannot be sent to"),
            Self::BadSource(Some(address)) => write!(f, "{address} is not our address"),
            Self::BadSource(None) => f.write_str("we have no address"),
        }
    }
}

impl Error for SendError {}
