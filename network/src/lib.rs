#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod arrived;
mod bind_on;
mod checksum;
mod completed;
mod fragment_map;
mod packet;
mod port_share;
mod token_bucket;

#[doc(hidden)]
pub use layer;

pub use arrived::{Arrived, Fit};
pub use bind_on::BindOnError;
pub use checksum::Checksum;
pub use completed::completed;
pub use packet::{Delivery, IcmpError, Outgoing, Packet, Problem, Protocol};
pub use port_share::PortShare;
pub use token_bucket::TokenBucket;

use core::{error::Error, fmt, net::IpAddr};

use layer::{ClaimError, Instant, Layer, Offloads, Payload};

/// A layer that carries packets between hosts: `Ipv4`, and every layer above it that passes on packets of other
/// protocols. It carries one family of addresses or both. A call with an address of the other family returns a result
/// that says so.
pub trait Network: for<'r> Layer<Item<'r> = Delivery<'r>> {
    /// Whether it may carry IPv6. A layer over a network that does not has no code for IPv6 in the program. A layer that passes
    /// packets on says what the network below it says.
    const CARRIES_IPV6: bool = true;

    /// Whether `address` is one of our own host addresses. Multicast and broadcast addresses are not.
    fn is_ours(&self, address: IpAddr) -> bool;

    /// Whether `address` can be that of one other host (RFC 1122 3.2.1.3): no multicast group, no broadcast address, and not
    /// one that no host has. A network that knows our own networks knows their broadcast addresses too.
    fn is_unicast(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => layer::is_unicast(address),
            IpAddr::V6(address) => !(address.is_multicast() || address.is_unspecified()),
        }
    }

    /// The source address that a packet to `destination` gets if it names none, or `None` if we have no address of that
    /// family.
    fn source_for(&self, destination: IpAddr) -> Option<IpAddr>;

    /// The longest payload that [`send`](Self::send) accepts for `destination`, in bytes (RFC 1122 3.3.3), fragmented
    /// if need be. It is 0 for an address of a family that the network does not carry.
    fn max_payload(&self, destination: IpAddr) -> usize;

    /// The length in bytes, header included, of the longest packet of `protocol` that reaches `destination` without
    /// fragmentation, as far as is known at `now`.
    fn path_mtu(&self, now: Instant, destination: IpAddr, protocol: Protocol) -> usize;

    /// How many unfragmented packets can be sent before the interface drops one, as far as it knows. A TCP segment that
    /// the interface cuts counts as one packet for each segment that comes of it.
    fn room(&self) -> usize {
        usize::MAX
    }

    /// The work that a sender may leave to the layers below, for packets to `destination`. A layer over several links returns
    /// the work that all of them do.
    fn offloads(&self, destination: IpAddr) -> Offloads {
        let _ = destination;
        Offloads::NONE
    }

    /// Sends a packet, in fragments if it does not fit the link.
    ///
    /// # Errors
    /// The device is broken. A failure of only this packet is [`Sent::NotSent`].
    fn send(
        &mut self,
        now: Instant,
        outgoing: &Outgoing,
        payload: impl Payload,
    ) -> Result<Sent, Self::Error>;

    /// Sends an ICMP error to the sender of `packet`, which could not be delivered, if the rules of RFC 1122 3.2.2 and
    /// the rate limit allow it.
    ///
    /// # Errors
    /// The device is broken.
    fn send_error(
        &mut self,
        now: Instant,
        packet: &Packet<'_>,
        problem: Problem,
    ) -> Result<(), Self::Error>;

    /// Records that packets of `protocol` to `destination` must not be larger than `mtu` bytes, header included (RFC
    /// 1191). A layer that has no use for this ignores it.
    ///
    /// The transport calls this on [`Problem::TooBig`] if it can have sent the packet that the error quotes. Anybody
    /// can forge such an error about other packets. How sure a transport can be depends on the protocol: TCP knows the
    /// numbers that are on their way (RFC 5927 7), UDP only its ports. So what one protocol believes of a path does not
    /// hold for another one.
    fn packet_too_big(&mut self, now: Instant, destination: IpAddr, protocol: Protocol, mtu: u32);

    /// The ports that a transport may choose for itself: on several cores, each has its own, so that the answers can be told
    /// apart.
    fn port_share(&self) -> PortShare {
        PortShare::ALL
    }

    /// Passes `packet`, which was handed up and is for a port or a connection that is not known here, to the core that may
    /// know it. Returns whether there is one: then the transport has nothing to do, not even to send an error.
    fn pass_on(&mut self, packet: &Packet<'_>) -> bool {
        let _ = packet;
        false
    }

    /// Says that the core `core` alone serves this port, for all; each core says so. True on that core, where a transport then binds
    /// a service. A network of one core has core 0.
    ///
    /// # Errors
    /// There is no such core, or another one has the port.
    fn serve_on(&mut self, core: usize, protocol: Protocol, port: u16) -> Result<bool, ClaimError> {
        let _ = (protocol, port);
        if core == 0 { Ok(true) } else { Err(ClaimError::NoSuchCore { count: 1 }) }
    }

    /// Records that packets to `destination` arrive: a transport has the acknowledgment of something that it has sent a short time
    /// ago. So the next hop need not be asked whether it is still there (RFC 4861 7.3.1). A network that does not ask ignores it.
    fn confirm(&mut self, now: Instant, destination: IpAddr) {
        let _ = (now, destination);
    }
}

/// Implements the methods of [`Network`], except `send_error`, by forwarding them to the network `I` in the named
/// field. It is for a layer above that network which sends packets down unchanged.
#[macro_export]
macro_rules! forward {
    ($below:ident: $Below:ident) => {
        fn is_ours(&self, address: ::core::net::IpAddr) -> bool {
            self.$below.is_ours(address)
        }

        fn is_unicast(&self, address: ::core::net::IpAddr) -> bool {
            self.$below.is_unicast(address)
        }

        fn source_for(&self, destination: ::core::net::IpAddr) -> Option<::core::net::IpAddr> {
            self.$below.source_for(destination)
        }

        fn max_payload(&self, destination: ::core::net::IpAddr) -> usize {
            self.$below.max_payload(destination)
        }

        fn path_mtu(
            &self,
            now: $crate::layer::Instant,
            destination: ::core::net::IpAddr,
            protocol: $crate::Protocol,
        ) -> usize {
            self.$below.path_mtu(now, destination, protocol)
        }

        fn room(&self) -> usize {
            self.$below.room()
        }

        fn offloads(&self, destination: ::core::net::IpAddr) -> $crate::layer::Offloads {
            self.$below.offloads(destination)
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
            protocol: $crate::Protocol,
            mtu: u32,
        ) {
            self.$below.packet_too_big(now, destination, protocol, mtu);
        }

        fn port_share(&self) -> $crate::PortShare {
            self.$below.port_share()
        }

        fn pass_on(&mut self, packet: &$crate::Packet<'_>) -> bool {
            self.$below.pass_on(packet)
        }

        fn serve_on(
            &mut self,
            core: usize,
            protocol: $crate::Protocol,
            port: u16,
        ) -> Result<bool, $crate::layer::ClaimError> {
            self.$below.serve_on(core, protocol, port)
        }

        #[inline]
        fn confirm(&mut self, now: $crate::layer::Instant, destination: ::core::net::IpAddr) {
            self.$below.confirm(now, destination);
        }
    };
}

/// The result of sending a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Sent {
    /// The packet was queued, or waits for the neighbour's hardware address.
    Queued,
    /// The packet was not sent. The device works.
    NotSent(SendError),
}

/// Why a packet was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// The payload is longer than a packet can carry, or than the path carries and `dont_fragment` is set.
    TooLong {
        /// The length of the payload in bytes.
        length: usize,
        /// The longest payload that could be sent, in bytes.
        most: usize,
    },
    /// There is no route: the destination is not in our network, and there is no gateway.
    NoRoute(IpAddr),
    /// The network does not carry such addresses (IPv6 on IPv4), or the destination is unspecified (0.0.0.0).
    BadAddress(IpAddr),
    /// The packet names a source address that is not ours, or we have no address.
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
