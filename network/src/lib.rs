#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod checksum;
mod packet;
mod token_bucket;

pub use checksum::Checksum;
pub use packet::{Delivery, IcmpError, Outgoing, Packet, Problem, Protocol};
pub use token_bucket::TokenBucket;

use core::{error::Error, fmt, net::IpAddr};

use layer::{Instant, Layer, Payload};
use netif::Offloads;

/// A layer that carries packets between hosts: `Ipv4`, and every layer above it that hands on what
/// is not its own.
pub trait Network: for<'r> Layer<Item<'r> = Delivery<'r>> {
    /// Our own address, which is the source of what is sent.
    fn address(&self) -> IpAddr;

    /// The largest payload that [`send`](Self::send) takes, in bytes (RFC 1122 3.3.3).
    fn max_payload(&self) -> usize;

    /// What may be left undone in a packet with a payload of `length` bytes, because the interface does it.
    fn offloads(&self, now: Instant, outgoing: &Outgoing, length: usize) -> Offloads {
        let _ = (now, outgoing, length);
        Offloads::NONE
    }

    /// Sends a packet, in fragments where it does not fit the link.
    ///
    /// # Errors
    /// The device is broken. What only this packet suffers is [`Sent::NotSent`].
    fn send(
        &mut self,
        now: Instant,
        outgoing: Outgoing,
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
    /// The transport calls it when it hears of [`Problem::FragmentationNeeded`] and the packet is one that it
    /// can have sent: anybody can forge such an error about anything else.
    fn packet_too_big(&mut self, now: Instant, destination: IpAddr, mtu: usize);
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
        }
    }
}

impl Error for SendError {}
