//! The header of an ICMPv6 message (RFC 4443 2.1).

use core::{fmt, net::IpAddr};

use layer::{Payload, payload_of_bytes};
use network::{Checksum, Packet, Problem, Protocol};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, network_endian::U16};

/// The length of the header in bytes.
pub const HEADER_LEN: usize = size_of::<Icmpv6Header>();

/// The type of a message (IANA's registry of ICMPv6 types).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(transparent)]
pub struct MessageType(pub u8);

impl MessageType {
    /// An error: the packet did not reach its destination; the code says why.
    pub const DESTINATION_UNREACHABLE: Self = Self(1);
    /// An error: the packet is longer than the MTU of the next link.
    pub const PACKET_TOO_BIG: Self = Self(2);
    /// An error: the hop limit, or the time for reassembly, ran out.
    pub const TIME_EXCEEDED: Self = Self(3);
    /// An error: a header of the packet is wrong or unknown.
    pub const PARAMETER_PROBLEM: Self = Self(4);
    /// A request to send the same bytes back.
    pub const ECHO_REQUEST: Self = Self(128);
    /// The answer to an echo request.
    pub const ECHO_REPLY: Self = Self(129);
    /// Another router is nearer to the destination, or it is on the link (RFC 4861 4.5). It is for Neighbour Discovery, but
    /// no error may be sent about it.
    pub const REDIRECT: Self = Self(137);

    /// Whether this is an error; all other messages inform (RFC 4443 2.1).
    pub const fn is_error(self) -> bool {
        self.0 < 128
    }

    /// Whether this is a message of Neighbour Discovery (RFC 4861) or of Multicast Listener Discovery (RFC 9777), which the link
    /// takes out of what it hands up. Those that come up nevertheless were in fragments or behind extension headers, where they
    /// are not accepted (RFC 6980).
    pub const fn is_of_the_link(self) -> bool {
        matches!(self.0, 130..=137 | 143)
    }
}

/// The header of a message.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |     Type      |     Code      |          Checksum             |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                        differs by type                        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |            echo: data; error: the packet's beginning ...
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-
/// ```
///
/// The second word is `identifier, sequence` (16 bits each) in an echo, the MTU where a packet was too big, the pointer in a
/// parameter problem, and 0 in the other errors.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct Icmpv6Header {
    /// The type of the message.
    pub message_type: MessageType,
    /// The code, whose meaning depends on the type.
    pub code: u8,
    /// The Internet checksum of the pseudo header (RFC 8200 8.1) and the whole message.
    pub checksum: U16,
    /// The second word, as two halves.
    pub rest: [U16; 2],
}

const _: () = assert!(HEADER_LEN == 8);

payload_of_bytes!(Icmpv6Header);

/// The addresses of a message, source first: the checksum covers them.
pub type Addresses = [IpAddr; 2];

impl Icmpv6Header {
    /// The reply to this echo request, whose data is `data`.
    #[must_use]
    pub fn echo_reply(&self, addresses: Addresses, data: &impl Payload) -> Self {
        Self::new(MessageType::ECHO_REPLY, 0, self.rest, addresses, data)
    }

    /// The header of an error that reports `problem` about `packet`, of which `quote` is the beginning.
    pub fn error(
        problem: Problem,
        packet: &Packet<'_>,
        addresses: Addresses,
        quote: &impl Payload,
    ) -> Self {
        let (message_type, code, word) = match problem {
            Problem::TooBig(mtu) => (MessageType::PACKET_TOO_BIG, 0, mtu),
            Problem::TtlExceeded => (MessageType::TIME_EXCEEDED, 0, 0),
            Problem::ReassemblyTimedOut => (MessageType::TIME_EXCEEDED, 1, 0),
            Problem::Parameter(octet) => (MessageType::PARAMETER_PROBLEM, 0, octet),
            Problem::ProtocolUnreachable => {
                (MessageType::PARAMETER_PROBLEM, 1, packet.protocol_at() as u32)
            }
            Problem::UnknownOption(octet) => (MessageType::PARAMETER_PROBLEM, 2, octet),
            Problem::IncompleteChain => (MessageType::PARAMETER_PROBLEM, 3, 0),
            unreachable => (MessageType::DESTINATION_UNREACHABLE, code_of(unreachable), 0),
        };
        let rest = [(word >> 16) as u16, word as u16].map(U16::new);
        Self::new(message_type, code, rest, addresses, quote)
    }

    fn new(
        message_type: MessageType,
        code: u8,
        rest: [U16; 2],
        [source, destination]: Addresses,
        payload: &impl Payload,
    ) -> Self {
        let mut header = Self { message_type, code, checksum: U16::ZERO, rest };
        let length = HEADER_LEN + payload.len();
        let pseudo = Checksum::pseudo_header(source, destination, Protocol::ICMPV6, length);
        let sum = pseudo.add(header.as_bytes()).add_payload(payload);
        header.checksum = U16::new(sum.finish());
        header
    }

    /// Separates the header of a message from the rest.
    ///
    /// # Errors
    /// The message is too short, or its checksum is wrong. The checksum is only checked if `verify_checksum` is set.
    pub fn parse(
        message: &[u8],
        [source, destination]: Addresses,
        verify_checksum: bool,
    ) -> Result<(&Self, &[u8]), ParseError> {
        let parts = Self::ref_from_prefix(message).map_err(|_| ParseError::Short)?;
        let pseudo =
            || Checksum::pseudo_header(source, destination, Protocol::ICMPV6, message.len());
        if verify_checksum && !pseudo().add(message).is_valid() {
            return Err(ParseError::Checksum);
        }
        Ok(parts)
    }

    /// The second word.
    fn word(&self) -> u32 {
        u32::from(self.rest[0].get()) << 16 | u32::from(self.rest[1].get())
    }

    /// The problem that an error reports, or `None` if the message is not an error. The transport hears of each error, also of one
    /// whose type or code is unknown (RFC 4443 2.4 (a)).
    pub fn problem(&self) -> Option<Problem> {
        if !self.message_type.is_error() {
            return None;
        }
        Some(match (self.message_type, self.code) {
            (MessageType::DESTINATION_UNREACHABLE, code) => unreachable(code),
            (MessageType::PACKET_TOO_BIG, _) => Problem::TooBig(self.word()),
            (MessageType::TIME_EXCEEDED, 0) => Problem::TtlExceeded,
            (MessageType::TIME_EXCEEDED, 1) => Problem::ReassemblyTimedOut,
            (MessageType::PARAMETER_PROBLEM, 1) => Problem::ProtocolUnreachable,
            (MessageType::PARAMETER_PROBLEM, 2) => Problem::UnknownOption(self.word()),
            (MessageType::PARAMETER_PROBLEM, 3) => Problem::IncompleteChain,
            (MessageType::PARAMETER_PROBLEM, _) => Problem::Parameter(self.word()),
            _ => Problem::Unreachable,
        })
    }

    /// The name of an echo message.
    fn echo(&self) -> Option<&'static str> {
        match self.message_type {
            MessageType::ECHO_REQUEST => Some("echo request"),
            MessageType::ECHO_REPLY => Some("echo reply"),
            _ => None,
        }
    }
}

/// The problem for a code of Destination Unreachable (RFC 4443 3.1).
fn unreachable(code: u8) -> Problem {
    match code {
        // No route; a route that rejects.
        0 | 6 => Problem::NetworkUnreachable,
        // Prohibited; the source address is prohibited.
        1 | 5 => Problem::Prohibited,
        // Beyond the scope of the source address; the address is unreachable.
        2 | 3 => Problem::HostUnreachable,
        4 => Problem::PortUnreachable,
        // The source route was wrong (RFC 6554).
        7 => Problem::SourceRouteFailed,
        _ => Problem::Unreachable,
    }
}

/// The code of Destination Unreachable that reports `problem`.
fn code_of(problem: Problem) -> u8 {
    match problem {
        Problem::NetworkUnreachable => 0,
        Problem::Prohibited => 1,
        Problem::PortUnreachable => 4,
        Problem::SourceRouteFailed => 7,
        _ => 3,
    }
}

/// Writes the message like `echo request 4660 sequence 1`, `port unreachable`, `type 144 code 0`.
impl fmt::Display for Icmpv6Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = self.echo() {
            let [identifier, sequence] = self.rest;
            write!(f, "{name} {identifier} sequence {sequence}")
        } else if let Some(problem) = self.problem() {
            problem.fmt(f)
        } else {
            write!(f, "type {} code {}", self.message_type.0, self.code)
        }
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Icmpv6Header {
    fn format(&self, f: defmt::Formatter<'_>) {
        if let Some(name) = self.echo() {
            let [identifier, sequence] = self.rest.map(U16::get);
            defmt::write!(f, "{=str} {} sequence {}", name, identifier, sequence);
        } else if let Some(problem) = self.problem() {
            defmt::write!(f, "{}", problem);
        } else {
            defmt::write!(f, "type {} code {}", self.message_type.0, self.code);
        }
    }
}

/// Why a message could not be parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// The message is shorter than its header.
    Short,
    /// The checksum is wrong.
    Checksum,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Short => "the message is shorter than an ICMPv6 header, 8 bytes",
            Self::Checksum => "the checksum of the message is wrong",
        })
    }
}

impl core::error::Error for ParseError {}

#[cfg(test)]
mod tests;
