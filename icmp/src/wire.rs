//! The header of an ICMP message (RFC 792).

use core::fmt;

use layer::{Payload, payload_of_bytes};
use network::{Checksum, Problem};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, network_endian::U16};

/// The length of the header in bytes.
pub const HEADER_LEN: usize = size_of::<IcmpHeader>();

/// Destination unreachable, code 4: fragmentation needed and DF set.
const FRAGMENTATION_NEEDED: u8 = 4;

/// The type of a message (IANA's registry of ICMP types).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(transparent)]
pub struct MessageType(pub u8);

impl MessageType {
    /// The answer to an echo request.
    pub const ECHO_REPLY: Self = Self(0);
    /// An error: the packet did not reach its destination; the code says why.
    pub const DESTINATION_UNREACHABLE: Self = Self(3);
    /// An error, deprecated: neither sent nor obeyed (RFC 6633).
    pub const SOURCE_QUENCH: Self = Self(4);
    /// An error: another router is nearer to the destination.
    pub const REDIRECT: Self = Self(5);
    /// A request to send the same bytes back.
    pub const ECHO_REQUEST: Self = Self(8);
    /// An error: the time to live, or the time for reassembly, ran out.
    pub const TIME_EXCEEDED: Self = Self(11);
    /// An error: the packet's header is wrong.
    pub const PARAMETER_PROBLEM: Self = Self(12);

    /// Whether this is a query or the reply to one (RFC 1122 3.2.2): echo, timestamp, information, address mask. All
    /// other types are errors, or may be.
    pub const fn is_query(self) -> bool {
        matches!(self.0, 0 | 8 | 13..=18)
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
/// The second word is `identifier, sequence` in an echo, `pointer, 0` (8 and 24 bits) in a parameter
/// problem, `0, MTU` where fragmentation is needed (RFC 1191 4), and 0 in the other errors.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct IcmpHeader {
    /// The type of the message.
    pub message_type: MessageType,
    /// The code, whose meaning depends on the type.
    pub code: u8,
    /// The Internet checksum of the whole message.
    pub checksum: U16,
    /// The second word, as two halves.
    pub rest: [U16; 2],
}

const _: () = assert!(HEADER_LEN == 8);

payload_of_bytes!(IcmpHeader);

impl IcmpHeader {
    /// The reply to this echo request, whose data is `data`. The code of the reply is 0, whatever the code of the
    /// request is.
    #[must_use]
    pub fn echo_reply(&self, data: &[u8]) -> Self {
        Self::new(MessageType::ECHO_REPLY, 0, self.rest, &data)
    }

    /// The header of an error that reports `problem` about the packet that begins with `quote`.
    pub fn error(problem: Problem, quote: &impl Payload) -> Self {
        let (message_type, code, rest) = match problem {
            Problem::TooBig(mtu) => {
                let mtu = u16::try_from(mtu).unwrap_or(u16::MAX);
                (MessageType::DESTINATION_UNREACHABLE, FRAGMENTATION_NEEDED, [0, mtu])
            }
            Problem::TtlExceeded => (MessageType::TIME_EXCEEDED, 0, [0, 0]),
            Problem::ReassemblyTimedOut => (MessageType::TIME_EXCEEDED, 1, [0, 0]),
            Problem::Parameter(octet) => {
                // A header has 60 octets at most.
                (MessageType::PARAMETER_PROBLEM, 0, [(octet as u16 & 0xff) << 8, 0])
            }
            unreachable => (MessageType::DESTINATION_UNREACHABLE, code_of(unreachable), [0, 0]),
        };
        Self::new(message_type, code, rest.map(U16::new), quote)
    }

    fn new(message_type: MessageType, code: u8, rest: [U16; 2], payload: &impl Payload) -> Self {
        let mut header = Self { message_type, code, checksum: U16::ZERO, rest };
        let sum = Checksum::new().add(header.as_bytes()).add_payload(payload);
        header.checksum = U16::new(sum.finish());
        header
    }

    /// Separates the header of a message from the rest.
    ///
    /// # Errors
    /// The message is too short, or its checksum is wrong. The checksum is only checked if `verify_checksum` is set.
    pub fn parse(message: &[u8], verify_checksum: bool) -> Result<(&Self, &[u8]), ParseError> {
        let parts = Self::ref_from_prefix(message).map_err(|_| ParseError::Short)?;
        if verify_checksum && !Checksum::new().add(message).is_valid() {
            return Err(ParseError::Checksum);
        }
        Ok(parts)
    }

    /// The problem that an error reports, or `None` if the message is not a known error.
    pub fn problem(&self) -> Option<Problem> {
        Some(match (self.message_type, self.code) {
            (MessageType::DESTINATION_UNREACHABLE, FRAGMENTATION_NEEDED) => {
                Problem::TooBig(self.rest[1].get().into())
            }
            (MessageType::DESTINATION_UNREACHABLE, code) => unreachable(code),
            (MessageType::TIME_EXCEEDED, 0) => Problem::TtlExceeded,
            (MessageType::TIME_EXCEEDED, 1) => Problem::ReassemblyTimedOut,
            (MessageType::PARAMETER_PROBLEM, _) => {
                Problem::Parameter((self.rest[0].get() >> 8).into())
            }
            _ => return None,
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

/// The problem for a code of Destination Unreachable, except code 4 (RFC 792; RFC 1122 3.2.2.1; RFC 1812 5.2.7.1).
fn unreachable(code: u8) -> Problem {
    match code {
        // Network unreachable, unknown, unreachable for the type of service.
        0 | 6 | 11 => Problem::NetworkUnreachable,
        // Host unreachable, unknown, isolated, unreachable for the type of service.
        1 | 7 | 8 | 12 => Problem::HostUnreachable,
        2 => Problem::ProtocolUnreachable,
        3 => Problem::PortUnreachable,
        5 => Problem::SourceRouteFailed,
        // The network, the host, the communication or a precedence is prohibited.
        9 | 10 | 13..=15 => Problem::Prohibited,
        _ => Problem::Unreachable,
    }
}

/// The code of Destination Unreachable that reports `problem`.
fn code_of(problem: Problem) -> u8 {
    match problem {
        Problem::NetworkUnreachable => 0,
        Problem::ProtocolUnreachable => 2,
        Problem::PortUnreachable => 3,
        Problem::SourceRouteFailed => 5,
        Problem::Prohibited => 13,
        _ => 1,
    }
}

/// Writes the message like `echo request 4660 sequence 1`, `port unreachable`, `type 13 code 0`.
impl fmt::Display for IcmpHeader {
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
impl defmt::Format for IcmpHeader {
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
            Self::Short => "the message is shorter than an ICMP header, 8 bytes",
            Self::Checksum => "the checksum of the message is wrong",
        })
    }
}

impl core::error::Error for ParseError {}

#[cfg(test)]
mod tests {
    use std::{string::ToString, vec::Vec};

    use super::*;

    /// Identifier 0x1234, sequence 1, data `ping!`: an odd length.
    const ECHO: [u8; 13] = [8, 0, 0xe5, 0xf9, 0x12, 0x34, 0, 1, b'p', b'i', b'n', b'g', b'!'];

    #[test]
    fn parse() {
        let (header, data) = IcmpHeader::parse(&ECHO, true).unwrap();
        assert_eq!((header.message_type, header.code), (MessageType::ECHO_REQUEST, 0));
        assert_eq!((header.rest.map(U16::get), data), ([0x1234, 1], &b"ping!"[..]));
        assert_eq!(header.to_string(), "echo request 4660 sequence 1");
    }

    #[test]
    fn short_read() {
        for length in 0..HEADER_LEN {
            assert_eq!(IcmpHeader::parse(&ECHO[..length], false), Err(ParseError::Short));
        }
        assert!(IcmpHeader::parse(&ECHO[..HEADER_LEN], false).is_ok());
    }

    #[test]
    fn every_damaged_bit_is_seen() {
        for bit in 0..ECHO.len() * 8 {
            let mut damaged = ECHO;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(IcmpHeader::parse(&damaged, true), Err(ParseError::Checksum), "{bit}");
            assert!(IcmpHeader::parse(&damaged, false).is_ok());
        }
    }

    #[test]
    fn emit() {
        let (request, data) = IcmpHeader::parse(&ECHO, true).unwrap();
        let reply = request.echo_reply(data);
        assert_eq!(reply.as_bytes(), [0, 0, 0xed, 0xf9, 0x12, 0x34, 0, 1]);
        assert_eq!(reply.to_string(), "echo reply 4660 sequence 1");
    }

    #[test]
    fn every_problem_is_read_as_it_was_written() {
        for (problem, bytes) in [
            (Problem::NetworkUnreachable, [3, 0, 0xfc, 0xff, 0, 0, 0, 0]),
            (Problem::HostUnreachable, [3, 1, 0xfc, 0xfe, 0, 0, 0, 0]),
            (Problem::ProtocolUnreachable, [3, 2, 0xfc, 0xfd, 0, 0, 0, 0]),
            (Problem::PortUnreachable, [3, 3, 0xfc, 0xfc, 0, 0, 0, 0]),
            (Problem::SourceRouteFailed, [3, 5, 0xfc, 0xfa, 0, 0, 0, 0]),
            (Problem::Prohibited, [3, 13, 0xfc, 0xf2, 0, 0, 0, 0]),
            (Problem::TooBig(1400), [3, 4, 0xf7, 0x83, 0, 0, 0x05, 0x78]),
            (Problem::TtlExceeded, [11, 0, 0xf4, 0xff, 0, 0, 0, 0]),
            (Problem::ReassemblyTimedOut, [11, 1, 0xf4, 0xfe, 0, 0, 0, 0]),
            (Problem::Parameter(20), [12, 0, 0xdf, 0xff, 20, 0, 0, 0]),
        ] {
            let header = IcmpHeader::error(problem, &[0u8; 0]);
            assert_eq!(header.as_bytes(), bytes);
            assert!(IcmpHeader::parse(&bytes, true).is_ok());
            assert_eq!(header.problem(), Some(problem));
            assert_eq!(header.to_string(), problem.to_string());
        }
    }

    /// RFC 1122 3.2.2.1: whatever the code, the transport hears of it; every code from 0 to 15 has a meaning.
    #[test]
    fn every_code_of_destination_unreachable_says_something() {
        let problem = |code| {
            let header = IcmpHeader::new(MessageType(3), code, [U16::ZERO; 2], &[0; 0]);
            header.problem().unwrap()
        };
        assert!((0..=15).all(|code| problem(code) != Problem::Unreachable));
        assert!((16..=255).all(|code| problem(code) == Problem::Unreachable));
        assert_eq!(problem(9), Problem::Prohibited);
        assert_eq!(problem(7), Problem::HostUnreachable);
    }

    #[test]
    fn what_is_no_error_says_no_problem() {
        for (message_type, code) in [(0, 0), (8, 0), (4, 0), (5, 1), (11, 2), (13, 0), (255, 255)] {
            let header = IcmpHeader::new(MessageType(message_type), code, [U16::ZERO; 2], &[0; 0]);
            assert_eq!(header.problem(), None, "{header}");
        }
        let queries: Vec<u8> = (0..=255).filter(|&number| MessageType(number).is_query()).collect();
        assert_eq!(queries, [0, 8, 13, 14, 15, 16, 17, 18]);
    }
}
