//! What passes between a network layer and the transports.

use core::{fmt, net::IpAddr};

use layer::PartialChecksum;

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

/// A packet to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Which of our addresses it comes from, for an answer is to come from the address that was asked; none is the
    /// network's choice, see [`source_for`](crate::Network::source_for).
    pub source: Option<IpAddr>,
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
    /// The checksum in the payload that is to be completed below. Only where
    /// [`offloads`](crate::Network::offloads) says that it will be.
    pub checksum: Option<PartialChecksum>,
}

impl Outgoing {
    /// A packet from the network's own choice of our addresses, with the network's own TTL, TOS 0, complete, in
    /// fragments if need be.
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
        }
    }
}

/// What went wrong with a packet, in no family's numbers: `icmp` has those of ICMP (RFC 792).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Problem {
    /// No route leads to its network.
    NetworkUnreachable,
    /// A router knows no way to the host, or the host does not answer it.
    HostUnreachable,
    /// Nobody there speaks the protocol.
    ProtocolUnreachable,
    /// No service is bound to the port.
    PortUnreachable,
    /// It was to go on from the place that says so, and is not forwarded (RFC 1122 3.3.5).
    SourceRouteFailed,
    /// Somebody on the way does not let it through (RFC 1812 5.2.7.1).
    Prohibited,
    /// It did not get there, for another reason.
    Unreachable,
    /// It is longer than the next link takes: the MTU of that in bytes (RFC 1191, RFC 8201). Of a received error: 0
    /// if what the router said cannot be true.
    TooBig(u32),
    /// Its time to live, or its hop limit, ran out.
    TtlExceeded,
    /// A fragment of it was missing when the time for reassembly ran out.
    ReassemblyTimedOut,
    /// Its header is wrong at this octet.
    Parameter(u32),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NetworkUnreachable => "network unreachable",
            Self::HostUnreachable => "host unreachable",
            Self::ProtocolUnreachable => "protocol unreachable",
            Self::PortUnreachable => "port unreachable",
            Self::SourceRouteFailed => "source route failed",
            Self::Prohibited => "prohibited on the way",
            Self::Unreachable => "destination unreachable",
            Self::TooBig(mtu) => return write!(f, "too big, MTU {mtu}"),
            Self::TtlExceeded => "time to live exceeded",
            Self::ReassemblyTimedOut => "fragment reassembly time exceeded",
            Self::Parameter(octet) => return write!(f, "parameter problem at octet {octet}"),
        })
    }
}

/// Word of an ICMP error: something went wrong with a packet of ours.
#[derive(Clone, Copy, Debug)]
pub struct IcmpError<'r> {
    /// What went wrong.
    pub problem: Problem,
    /// The host or router that says so.
    pub reporter: IpAddr,
    /// The packet, as far as it was quoted: its payload may be cut after 8 bytes. Its source is one of our addresses.
    /// It is a hint, and anybody can forge it.
    pub packet: Packet<'r>,
}

/// What a network layer hands up. It lies in the region of the packet, so that little is moved from layer to layer.
#[derive(Clone, Copy, Debug)]
pub enum Delivery<'r> {
    /// A packet.
    Packet(&'r Packet<'r>),
    /// Word about a packet of ours.
    Error(&'r IcmpError<'r>),
    /// A packet to us, as far as it came, that could not be taken, and why: its sender is to be told, by
    /// [`send_error`](crate::Network::send_error).
    Rejected(&'r Packet<'r>, Problem),
}
