use std::string::ToString;

use super::*;
use crate::samples::{OURS, PEER, packet};

/// From `fe80::1` to `fe80::2`: identifier 0x1234, sequence 1, data `ping!`, an odd length.
const ECHO: [u8; 13] = [128, 0, 0x70, 0xad, 0x12, 0x34, 0, 1, b'p', b'i', b'n', b'g', b'!'];

const ASKED: Addresses = [PEER, OURS];
const ANSWERED: Addresses = [OURS, PEER];

#[test]
fn parse() {
    let (header, data) = Icmpv6Header::parse(&ECHO, ASKED, true).unwrap();
    assert_eq!((header.message_type, header.code), (MessageType::ECHO_REQUEST, 0));
    assert_eq!((header.rest.map(U16::get), data), ([0x1234, 1], &b"ping!"[..]));
    assert_eq!(header.to_string(), "echo request 4660 sequence 1");
}

#[test]
fn short_read() {
    for length in 0..HEADER_LEN {
        assert_eq!(Icmpv6Header::parse(&ECHO[..length], ASKED, false), Err(ParseError::Short));
    }
    assert!(Icmpv6Header::parse(&ECHO[..HEADER_LEN], ASKED, false).is_ok());
}

#[test]
fn every_damaged_bit_is_seen() {
    for bit in 0..ECHO.len() * 8 {
        let mut damaged = ECHO;
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(Icmpv6Header::parse(&damaged, ASKED, true), Err(ParseError::Checksum), "{bit}");
        assert!(Icmpv6Header::parse(&damaged, ASKED, false).is_ok());
    }
}

/// RFC 4443 2.3: the checksum covers the addresses, so that a packet that went astray is noticed.
#[test]
fn the_checksum_is_that_of_these_addresses() {
    let other = "fe80::3".parse().unwrap();
    for addresses in [[other, OURS], [PEER, other]] {
        assert_eq!(Icmpv6Header::parse(&ECHO, addresses, true), Err(ParseError::Checksum));
    }
}

#[test]
fn emit() {
    let (request, data) = Icmpv6Header::parse(&ECHO, ASKED, true).unwrap();
    let reply = request.echo_reply(ANSWERED, &data);
    assert_eq!(reply.as_bytes(), [129, 0, 0x6f, 0xad, 0x12, 0x34, 0, 1]);
    assert_eq!(reply.to_string(), "echo reply 4660 sequence 1");
}

#[test]
fn every_problem_is_read_as_it_was_written() {
    for (problem, bytes) in [
        (Problem::NetworkUnreachable, [1, 0, 0, 0, 0, 0]),
        (Problem::Prohibited, [1, 1, 0, 0, 0, 0]),
        (Problem::HostUnreachable, [1, 3, 0, 0, 0, 0]),
        (Problem::PortUnreachable, [1, 4, 0, 0, 0, 0]),
        (Problem::SourceRouteFailed, [1, 7, 0, 0, 0, 0]),
        (Problem::TooBig(0x1_0500), [2, 0, 0, 1, 5, 0]),
        (Problem::TtlExceeded, [3, 0, 0, 0, 0, 0]),
        (Problem::ReassemblyTimedOut, [3, 1, 0, 0, 0, 0]),
        (Problem::Parameter(4), [4, 0, 0, 0, 0, 4]),
        (Problem::ProtocolUnreachable, [4, 1, 0, 0, 0, 6]),
        (Problem::UnknownOption(0x1_0002), [4, 2, 0, 1, 0, 2]),
        (Problem::IncompleteChain, [4, 3, 0, 0, 0, 0]),
    ] {
        let header = Icmpv6Header::error(problem, &packet(Protocol(99), &[]), ANSWERED, &[0u8; 0]);
        let [kind, code, rest @ ..] = bytes;
        assert_eq!(
            (&header.as_bytes()[..2], &header.as_bytes()[4..]),
            (&[kind, code][..], &rest[..])
        );
        assert!(Icmpv6Header::parse(header.as_bytes(), ANSWERED, true).is_ok());
        assert_eq!(header.problem(), Some(problem));
        assert_eq!(header.to_string(), problem.to_string());
    }
}

/// RFC 4443 2.4 (a): the transport hears of every error, whatever its type and code.
#[test]
fn every_type_below_128_is_an_error() {
    for message_type in 0..=255 {
        for code in 0..=255 {
            let header =
                Icmpv6Header::new(MessageType(message_type), code, [U16::ZERO; 2], ASKED, &[0; 0]);
            assert_eq!(header.problem().is_some(), message_type < 128, "{message_type} {code}");
        }
    }
}

/// RFC 4443 3.1.
#[test]
fn every_code_of_destination_unreachable_says_something() {
    let problem = |code| unreachable(code);
    assert!((0..=7).all(|code| problem(code) != Problem::Unreachable));
    assert!((8..=255).all(|code| problem(code) == Problem::Unreachable));
}
