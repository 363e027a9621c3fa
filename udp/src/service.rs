//! The types of a service, which is a function from a request to a reply.

use core::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use layer::Instant;
use network::{Packet, Problem};
use rt_regions::Exhausted;
use zerocopy::FromBytes;

use crate::UdpHeader;

/// A request, with its addresses and header fields.
#[derive(Clone, Copy)]
pub struct Datagram<'r> {
    /// Its payload begins with the header of the datagram.
    pub(crate) packet: &'r Packet<'r>,
    pub(crate) payload: &'r [u8],
    pub(crate) now: Instant,
}

impl<'r> Datagram<'r> {
    /// The source port and the destination port.
    pub(crate) fn ports(&self) -> [u16; 2] {
        UdpHeader::ref_from_prefix(self.packet.payload)
            .map_or([0; 2], |(header, _)| [header.source_port.get(), header.destination_port.get()])
    }

    /// The source address and port. Port 0 means that there is no port to answer to (RFC 768).
    pub fn source(&self) -> SocketAddr {
        SocketAddr::new(self.packet.source, self.ports()[0])
    }

    /// The destination address and port. The address is one of ours, a group that we joined, or a broadcast address.
    pub fn destination(&self) -> SocketAddr {
        SocketAddr::new(self.packet.destination, self.ports()[1])
    }

    /// Time to live (IPv4) or hop limit (IPv6), as received.
    pub fn ttl(&self) -> u8 {
        self.packet.ttl
    }

    /// Type of service (IPv4) or traffic class (IPv6), as received.
    pub fn tos(&self) -> u8 {
        self.packet.tos
    }

    /// The IP options as received, padding included (RFC 1122 4.1.3.2). Most packets have none.
    pub fn options(&self) -> &'r [u8] {
        self.packet.options()
    }

    /// Whether the request was a broadcast or multicast, of the link or of IP.
    pub fn broadcast(&self) -> bool {
        self.packet.broadcast
    }

    /// The time at which it was received.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// The payload of the request.
    pub fn payload(&self) -> &'r [u8] {
        self.payload
    }
}

impl fmt::Debug for Datagram<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Datagram")
            .field("source", &self.source())
            .field("destination", &self.destination())
            .field("ttl", &self.ttl())
            .field("tos", &self.tos())
            .field("options", &self.options())
            .field("broadcast", &self.broadcast())
            .field("payload", &self.payload())
            .finish()
    }
}

/// A report that a datagram of ours did not arrive (RFC 1122 4.1.3.3). It is only a hint, because anybody can forge it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Undelivered<'r> {
    /// What went wrong.
    pub problem: Problem,
    /// The host or router that sent the ICMP error.
    pub reporter: IpAddr,
    /// The address and port that the datagram was sent to.
    pub destination: SocketAddr,
    /// The payload of the datagram, as far as the error quotes it: often it is empty.
    pub payload: &'r [u8],
}

/// The result of a service: the bytes of the reply, in the packet's region or one that lives longer, or the reason why
/// there are none.
pub type Reply<'r> = Result<&'r [u8], Failure<'r>>;

/// Why a service has no reply. The first two are sent to the client as one line of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure<'r> {
    /// The region had no room for the work.
    Exhausted(Exhausted),
    /// The request cannot be served. The text says what is wrong with it and what would be right, without a newline at
    /// its end.
    Refused(&'r str),
    /// No reply is sent.
    Silent,
    /// No reply is sent now: a task sends it later.
    Deferred,
}

/// An error with which `?` ends a request. Errors of your own may implement it, to say in words what the client is told.
// Of this, the compiler shows only the label where `?` meets the error.
#[diagnostic::on_unimplemented(
    message = "a service does not say what the client is told of a `{Self}`",
    label = "say what the client is told of a `{Self}`: `.map_err(|_| Failure::Refused(\"expected ...\"))?`, or send nothing: `.map_err(|_| Failure::Silent)?`"
)]
pub trait IntoFailure<'r> {
    /// What becomes of the request.
    fn into_failure(self) -> Failure<'r>;
}

impl<'r> IntoFailure<'r> for Exhausted {
    #[inline]
    fn into_failure(self) -> Failure<'r> {
        Failure::Exhausted(self)
    }
}

impl<'r, E: IntoFailure<'r>> From<E> for Failure<'r> {
    #[inline]
    fn from(error: E) -> Self {
        error.into_failure()
    }
}

impl fmt::Display for Failure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exhausted(exhausted) => write!(f, "out of memory: {exhausted}"),
            Self::Refused(reason) => f.write_str(reason),
            Self::Silent | Self::Deferred => f.write_str("no answer"),
        }
    }
}

impl core::error::Error for Failure<'_> {}
