//! The values that pass between a network layer and the transports.

use core::{fmt, net::IpAddr, num::NonZeroU16};

use layer::PartialChecksum;

/// The number of a protocol above IP (IANA's registry of protocol numbers; RFC 791 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Protocol(pub u8);

impl Protocol {
    /// Internet Control Message Protocol (RFC 792).
    pub const ICMP: Self = Self(1);
    /// Transmission Control Protocol (RFC 9293).
    pub const TCP: Self = Self(6);
    /// User Datagram Protocol (RFC 768).
    pub const UDP: Self = Self(17);
    /// Internet Control Message Protocol for IPv6 (RFC 4443).
    pub const ICMPV6: Self = Self(58);
}

/// Writes `udp`, or the number if the protocol has no name here.
impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::ICMP => f.write_str("icmp"),
            Self::TCP => f.write_str("tcp"),
            Self::UDP => f.write_str("udp"),
            Self::ICMPV6 => f.write_str("icmpv6"),
            Self(number) => write!(f, "protocol {number}"),
        }
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Protocol {
    fn format(&self, f: defmt::Formatter<'_>) {
        match *self {
            Self::ICMP => defmt::write!(f, "icmp"),
            Self::TCP => defmt::write!(f, "tcp"),
            Self::UDP => defmt::write!(f, "udp"),
            Self::ICMPV6 => defmt::write!(f, "icmpv6"),
            Self(number) => defmt::write!(f, "protocol {=u8}", number),
        }
    }
}

/// A received packet, reassembled if it came in fragments, whose header was checked.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'r> {
    /// The source address, which is the address of one host.
    pub source: IpAddr,
    /// The destination address: one of ours, a group that we joined, or a broadcast address.
    pub destination: IpAddr,
    /// What it carries.
    pub protocol: Protocol,
    /// Time to live (IPv4) or hop limit (IPv6), as received.
    pub ttl: u8,
    /// Type of service (IPv4) or traffic class (IPv6), as received.
    pub tos: u8,
    /// Whether the packet was a broadcast or multicast, of the link or of IP. No error is ever sent about such a
    /// packet.
    pub broadcast: bool,
    /// Whether the checksums inside the payload still have to be verified.
    pub verify_checksum: bool,
    /// For a TCP segment that was joined from several on its way (by the peer's host or by the interface): the number
    /// of data bytes in each of them, except the last, which may have fewer. `None` for a packet as it was sent.
    pub segment_size: Option<NonZeroU16>,
    /// The network header as received, options included. For a reassembled packet, it is the header of the first
    /// fragment.
    pub header: &'r [u8],
    /// What it carries.
    pub payload: &'r [u8],
}

impl<'r> Packet<'r> {
    /// The options of an IPv4 header as received, padding included (RFC 1122 3.2.1.8). Empty for IPv6.
    pub fn options(&self) -> &'r [u8] {
        match self.destination {
            IpAddr::V4(_) => self.header.get(20..).unwrap_or_default(),
            IpAddr::V6(_) => &[],
        }
    }

    /// The position, in bytes from the beginning of `header`, of the field that says what [`protocol`](Self::protocol) is. For
    /// IPv6, it is the Next Header field of the last header of the chain (RFC 8200 4).
    pub fn protocol_at(&self) -> usize {
        /// The number of the Fragment header, whose length is always 8 bytes (RFC 8200 4.5).
        const FRAGMENT: u8 = 44;
        if self.destination.is_ipv4() {
            return 9;
        }
        let (mut at, mut end) = (6, 40);
        while let Some(&[_, length, ..]) = self.header.get(end..) {
            let length = match self.header[at] {
                FRAGMENT => 8,
                _ => (usize::from(length) + 1) * 8,
            };
            (at, end) = (end, end + length);
        }
        at
    }
}

/// A packet to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// The source address, one of ours: a reply comes from the address that the request was sent to. `None` leaves the
    /// choice to the network; see [`source_for`](crate::Network::source_for).
    pub source: Option<IpAddr>,
    /// The destination address.
    pub destination: IpAddr,
    /// What it carries.
    pub protocol: Protocol,
    /// Time to live (IPv4) or hop limit (IPv6). `None` is the network layer's default.
    pub ttl: Option<u8>,
    /// An upper limit for the time to live, whatever `ttl` is; 255 is no limit. A reply has a lower time to live than
    /// its request, so that a loop of two hosts that answer each other ends.
    pub max_ttl: u8,
    /// Type of service (IPv4) or traffic class (IPv6).
    pub tos: u8,
    /// Whether the packet must never be fragmented. If it does not fit, it is not sent.
    pub dont_fragment: bool,
    /// Whether routers may fragment the packet too (no DF on IPv4). It is set by a sender that would not confirm an
    /// error that says that the packet is too big: the path's MTU could never be learnt. It has no effect if
    /// `dont_fragment` is set.
    pub routers_fragment: bool,
    /// The checksum in the payload that the layers below complete. It is set only if
    /// [`offloads`](crate::Network::offloads) says that they do.
    pub checksum: Option<PartialChecksum>,
    /// For a TCP segment that is longer than the path's MTU: the number of data bytes in each of the segments into which
    /// the interface cuts it. Each of these fits the path's MTU with its headers. Only the last has the FIN and PSH
    /// flags of the whole. The payload is the TCP header, whose checksum is [left below](PartialChecksum::TCP), and the
    /// data; the packet has at most [`LONGEST_TCP_PACKET`](layer::Offloads::LONGEST_TCP_PACKET) bytes.
    ///
    /// It is set only if [`offloads`](crate::Network::offloads) says that they do. It has no effect on a packet that
    /// fits the path's MTU.
    pub segment_size: Option<NonZeroU16>,
}

impl Outgoing {
    /// A packet with the network's default source address and TTL, a TOS of 0 and a complete checksum, which may be
    /// fragmented.
    pub const fn new(destination: IpAddr, protocol: Protocol) -> Self {
        Self {
            source: None,
            destination,
            protocol,
            ttl: None,
            max_ttl: u8::MAX,
            tos: 0,
            dont_fragment: false,
            routers_fragment: false,
            checksum: None,
            segment_size: None,
        }
    }
}

/// What went wrong with a packet, independent of the address family. The crate `icmp` has the numbers of ICMP (RFC
/// 792).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Problem {
    /// No route leads to its network.
    NetworkUnreachable,
    /// No route leads to the host, or the host does not answer.
    HostUnreachable,
    /// The host is on our link, and does not answer there (RFC 4861 7.2.2). This host itself says so: no ICMP error that is received
    /// means it.
    NeighbourSilent,
    /// The destination does not support the protocol, or a header of IPv6, which is at
    /// [`protocol_at`](Packet::protocol_at).
    ProtocolUnreachable,
    /// No service is bound to the port.
    PortUnreachable,
    /// The source route failed: the packet should go on from the reporting host, which does not forward it (RFC 1122
    /// 3.3.5).
    SourceRouteFailed,
    /// A host or router on the path prohibits the packet (RFC 1812 5.2.7.1).
    Prohibited,
    /// The packet did not arrive, for another reason.
    Unreachable,
    /// The packet is longer than the MTU of the next link, which is given in bytes (RFC 1191, RFC 8201). In a received
    /// error it is 0 if the MTU that the router gave cannot be true.
    TooBig(u32),
    /// The time to live, or the hop limit, ran out.
    TtlExceeded,
    /// A fragment was missing when the time for reassembly ran out.
    ReassemblyTimedOut,
    /// The header is wrong at this octet.
    Parameter(u32),
    /// The destination does not know the option at this octet, and must not ignore it (RFC 8200 4.2). Its sender is told even if
    /// the packet was sent to a group (RFC 4443 2.4 (e)).
    UnknownOption(u32),
    /// The first fragment does not have the whole chain of headers (RFC 7112).
    IncompleteChain,
}

impl Problem {
    /// Whether nobody accepts what was sent, and this is not expected to pass: a connection that is to be opened, or a question, is
    /// given up (RFC 9293 3.9.2.2). Of the others, RFC 1122 4.2.3.9 says that they may pass.
    pub fn is_hard(self) -> bool {
        matches!(
            self,
            Self::PortUnreachable
                | Self::ProtocolUnreachable
                | Self::Prohibited
                | Self::NeighbourSilent
        )
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NetworkUnreachable => "network unreachable",
            Self::HostUnreachable => "host unreachable",
            Self::NeighbourSilent => "host unreachable: it does not answer on the link",
            Self::ProtocolUnreachable => "protocol unreachable",
            Self::PortUnreachable => "port unreachable",
            Self::SourceRouteFailed => "source route failed",
            Self::Prohibited => "prohibited on the way",
            Self::Unreachable => "destination unreachable",
            Self::TooBig(mtu) => return write!(f, "too big, MTU {mtu}"),
            Self::TtlExceeded => "time to live exceeded",
            Self::ReassemblyTimedOut => "fragment reassembly time exceeded",
            Self::Parameter(octet) => return write!(f, "parameter problem at octet {octet}"),
            Self::UnknownOption(octet) => return write!(f, "unknown option at octet {octet}"),
            Self::IncompleteChain => "the first fragment does not have all headers",
        })
    }
}

/// A received ICMP error about a packet of ours.
#[derive(Clone, Copy, Debug)]
pub struct IcmpError<'r> {
    /// What went wrong.
    pub problem: Problem,
    /// The host or router that sent the error.
    pub reporter: IpAddr,
    /// The packet, as far as the error quotes it: its payload may be cut after 8 bytes. Its source is one of our
    /// addresses. It is only a hint, because anybody can forge it.
    pub packet: Packet<'r>,
}

/// An item that a network layer hands up. It lives in the region of the packet, so that little is moved from layer to
/// layer.
#[derive(Clone, Copy, Debug)]
pub enum Delivery<'r> {
    /// A received packet.
    Packet(&'r Packet<'r>),
    /// An ICMP error about a packet of ours.
    Error(&'r IcmpError<'r>),
    /// A packet to us that could not be accepted, as far as it arrived, and the reason. ICMP tells its sender with
    /// [`send_error`](crate::Network::send_error).
    Rejected(&'r Packet<'r>, Problem),
}

#[cfg(test)]
mod tests {
    use core::net::{Ipv4Addr, Ipv6Addr};
    use std::{vec, vec::Vec};

    use super::*;

    fn protocol_at(address: IpAddr, header: &[u8]) -> usize {
        let packet = Packet {
            source: address,
            destination: address,
            protocol: Protocol::UDP,
            ttl: 64,
            tos: 0,
            broadcast: false,
            verify_checksum: true,
            segment_size: None,
            header,
            payload: &[],
        };
        packet.protocol_at()
    }

    #[test]
    fn the_protocol_is_named_by_the_last_header() {
        let v6 = |next: u8, chain: &[u8]| {
            let mut header: Vec<u8> = vec![0; 40];
            header[6] = next;
            header.extend(chain);
            protocol_at(Ipv6Addr::UNSPECIFIED.into(), &header)
        };
        assert_eq!(protocol_at(Ipv4Addr::UNSPECIFIED.into(), &[0; 24]), 9);
        assert_eq!(v6(17, &[]), 6);
        // Destination Options of 8 bytes; of 16, then a Fragment header, whose second byte is no length.
        assert_eq!(v6(60, &[17, 0, 1, 4, 0, 0, 0, 0]), 40);
        let long = [44, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(v6(60, &[&long[..], &[17, 9, 0, 0, 0, 0, 0, 7]].concat()), 56);
        // What is cut off ends it.
        assert_eq!((v6(60, &[17]), v6(60, &[17, 3, 0])), (6, 40));
    }
}
