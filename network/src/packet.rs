//! What passes between a network layer and the transports.

use core::{fmt, net::IpAddr};

/// The number of a protocol above IP (IANA's registry; RFC 791 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Protocol(pub u8);

impl Protocol {
    /// Internet Control Message Protocol (RFC 792).
    pub const ICMP: Self = Self(1);
    /// Transmission Control Protocol (RFC 9293).
    pub const TCP: Self = Self(6);
    /// User Datagram Protocol (RFC 768).
    pub const UDP: Self = Self(17);
}

/// `udp`, or the number.
impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::ICMP => f.write_str("icmp"),
            Self::TCP => f.write_str("tcp"),
            Self::UDP => f.write_str("udp"),
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
            Self(number) => defmt::write!(f, "protocol {=u8}", number),
        }
    }
}

/// A received packet, whole (reassembled where it came in fragments), header checks done.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'r> {
    /// Who sent it: one host.
    pub source: IpAddr,
    /// Whom it was sent to: us, a group we joined, or a broadcast.
    pub destination: IpAddr,
    /// What it carries.
    pub protocol: Protocol,
    /// Time to live (IPv4) or hop limit (IPv6), as received.
    pub ttl: u8,
    /// Type of service (IPv4) or traffic class (IPv6), as received.
    pub tos: u8,
    /// Whether it was a broadcast or multicast, of the link or of IP: never answered by an error.
    pub broadcast: bool,
    /// Whether the checksums inside the payload still have to be verified.
    pub verify_checksum: bool,
    /// The network header as received, options included; of the first fragment, if there were several.
    pub header: &'r [u8],
    /// What it carries.
    pub payload: &'r [u8],
}

impl<'r> Packet<'r> {
    /// The options of an IPv4 header as received, with what fills them up (RFC 1122 3.2.1.8); nothing
    /// for IPv6, which has none.
    pub fn options(&self) -> &'r [u8] {
        match self.destination {
            IpAddr::V4(_) => self.header.get(20..).unwrap_or_default(),
            IpAddr::V6(_) => &[],
        }
    }
}

/// A packet to be sent; the source is the network's own address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Whom to send it to.
    pub destination: IpAddr,
    /// What it carries.
    pub protocol: Protocol,
    /// Time to live (IPv4) or hop limit (IPv6); none is what the network layer was set up with.
    pub ttl: Option<u8>,
    /// The time to live is never above this, whatever it is set to: 255 is no limit. An answer has less than what
    /// it answers, so that two hosts which answer each other come to an end.
    pub max_ttl: u8,
    /// Type of service (IPv4) or traffic class (IPv6).
    pub tos: u8,
    /// Never send it in fragments: refuse it instead.
    pub dont_fragment: bool,
    /// Routers may fragment it too (no DF on IPv4): whoever sends it would not confirm an error that says
    /// that it is too big, so the path's MTU would never be known. Without effect beside `dont_fragment`.
    pub routers_fragment: bool,
}

impl Outgoing {
    /// A packet with the network's own TTL, TOS 0, in fragments if need be.
    pub const fn new(destination: IpAddr, protocol: Protocol) -> Self {
        let (dont_fragment, routers_fragment) = (false, false);
        let (ttl, max_ttl) = (None, u8::MAX);
        Self { destination, protocol, ttl, max_ttl, tos: 0, dont_fragment, routers_fragment }
    }
}

/// What went wrong with a packet: what an ICMP error says (RFC 792).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Problem {
    /// Destination unreachable, by code (RFC 792; RFC 1122 3.2.2.1).
    Unreachable(u8),
    /// Destination unreachable, code 4: fragmentation needed and DF set; the next link's MTU in bytes
    /// (RFC 1191). Of a received error: 0 if what the router said cannot be true.
    FragmentationNeeded(u16),
    /// Time exceeded, code 0: the time to live ran out.
    TtlExceeded,
    /// Time exceeded, code 1: a fragment was missing when the time for reassembly ran out.
    ReassemblyTimeExceeded,
    /// Parameter problem: the offset of the octet in the header.
    Parameter(u8),
}

impl Problem {
    /// Nobody there speaks the protocol (code 2).
    pub const PROTOCOL_UNREACHABLE: Self = Self::Unreachable(2);
    /// No service is bound to the port (code 3).
    pub const PORT_UNREACHABLE: Self = Self::Unreachable(3);
    /// The packet was to go on from here, and is not forwarded (code 5; RFC 1122 3.3.5).
    pub const SOURCE_ROUTE_FAILED: Self = Self::Unreachable(5);
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(0) => f.write_str("network unreachable"),
            Self::Unreachable(1) => f.write_str("host unreachable"),
            Self::Unreachable(2) => f.write_str("protocol unreachable"),
            Self::Unreachable(3) => f.write_str("port unreachable"),
            Self::Unreachable(5) => f.write_str("source route failed"),
            Self::Unreachable(code) => write!(f, "destination unreachable, code {code}"),
            Self::FragmentationNeeded(mtu) => write!(f, "fragmentation needed, MTU {mtu}"),
            Self::TtlExceeded => f.write_str("time to live exceeded"),
            Self::ReassemblyTimeExceeded => f.write_str("fragment reassembly time exceeded"),
            Self::Parameter(octet) => write!(f, "parameter problem at octet {octet}"),
        }
    }
}

/// Word that something went wrong with a packet.
#[derive(Clone, Copy, Debug)]
pub struct IcmpError<'r> {
    /// What went wrong.
    pub problem: Problem,
    /// The host or router that said so; nothing if this host found out by itself.
    pub reporter: Option<IpAddr>,
    /// The packet, as far as it is known: its payload may be cut after 8 bytes. When somebody else
    /// reported it, `source` is us; it is a hint, and anybody can forge it.
    pub packet: Packet<'r>,
}

/// What a network layer hands up.
#[derive(Clone, Copy, Debug)]
pub enum Delivery<'r> {
    /// A packet.
    Packet(Packet<'r>),
    /// Word about a packet: one of ours from an ICMP error, or one to us that could not be put
    /// together again.
    Error(IcmpError<'r>),
}
