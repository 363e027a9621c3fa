use std::{string::ToString, vec::Vec};

use testkit::{Random, bytes_of};

use super::*;
use crate::{SackBlocks, Timestamps};

const PEER: IpAddr = IpAddr::V4(core::net::Ipv4Addr::new(10, 0, 0, 1));
const OURS: IpAddr = IpAddr::V4(core::net::Ipv4Addr::new(10, 0, 0, 2));

fn packet(payload: &[u8]) -> Packet<'_> {
    Packet {
        source: PEER,
        destination: OURS,
        protocol: Protocol::TCP,
        ttl: 63,
        tos: 0,
        broadcast: false,
        verify_checksum: true,
        segment_size: None,
        header: &[],
        payload,
    }
}

/// From 10.0.0.1:5000 to 10.0.0.2:80, PSH ACK: `hello`.
#[rustfmt::skip]
const DATA: [u8; 25] = [
    0x13, 0x88, 0x00, 0x50, 0x00, 0x00, 0x03, 0xe8, 0x00, 0x00, 0x07, 0xd0, 0x50, 0x18, 0x01, 0x00,
    0x37, 0x63, 0x00, 0x00, b'h', b'e', b'l', b'l', b'o',
];

/// From 10.0.0.1:40000 to 10.0.0.2:80: the SYN of a Linux client.
#[rustfmt::skip]
const SYN: [u8; 40] = [
    0x9c, 0x40, 0x00, 0x50, 0x12, 0x34, 0x56, 0x78, 0x00, 0x00, 0x00, 0x00, 0xa0, 0x02, 0xfa, 0xf0,
    0x2f, 0xca, 0x00, 0x00,
    2, 4, 0x05, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7,
];

fn data_header() -> Header {
    Header {
        ports: [5000, 80],
        seq: Seq(1000),
        ack: Seq(2000),
        flags: Flags::ACK.with(Flags::PSH),
        window: 256,
        ..Header::default()
    }
}

fn syn_header() -> Header {
    let options = Options {
        mss: Some(1460),
        window_scale: Some(7),
        sack_permitted: true,
        timestamps: Some(Timestamps { value: 0x0102_0304, echo: 0 }),
        sack: SackBlocks::NONE,
    };
    Header {
        ports: [40_000, 80],
        seq: Seq(0x1234_5678),
        flags: Flags::SYN,
        window: 64_240,
        options,
        ..Header::default()
    }
}

fn as_sent<'a>(segment: &Segment<'a>) -> (Header, &'a [u8]) {
    let Segment { ports, seq, ack, flags, window, urgent, options, payload, joined } = *segment;
    assert_eq!(joined, 1);
    (Header { ports, seq, ack, flags, window, urgent, options }, payload)
}

#[test]
fn literal_segments_are_read() {
    let data = parse(&packet(&DATA)).unwrap();
    assert_eq!(as_sent(&data), (data_header(), &b"hello"[..]));
    assert_eq!(data.len(), 5);
    let syn = parse(&packet(&SYN)).unwrap();
    assert_eq!(as_sent(&syn), (syn_header(), &[][..]));
    assert_eq!(syn.len(), 1);
    let (header, _) = TcpHeader::ref_from_prefix(&DATA).unwrap();
    assert_eq!(header.to_string(), "5000 > 80, PSH ACK, seq 1000, ack 2000, win 256");
}

#[test]
fn literal_segments_are_written() {
    let header = data_header().with_checksum([PEER, OURS], b"hello");
    assert_eq!(bytes_of((header, b"hello")), DATA);
    // The pieces that a payload comes in make no difference.
    assert_eq!(data_header().with_checksum([PEER, OURS], &(b"hel", b"lo")), header);
    let header = syn_header().with_checksum([PEER, OURS], b"");
    assert_eq!((header.as_bytes(), header.len()), (&SYN[..], 40));
    let mut pieces = Vec::new();
    header.visit(4, 30, &mut |piece| pieces.extend_from_slice(piece));
    assert_eq!(pieces, SYN[4..34]);
}

/// The field holds the sum of addresses, protocol and length; who sums header and payload over it and complements
/// gets the whole checksum.
#[test]
fn a_partial_checksum_is_completed_as_an_interface_does() {
    let header = data_header().with_partial([PEER, OURS], 5);
    // 0x0a00 + 0x0001 + 0x0a00 + 0x0002 + 6 + 25
    assert_eq!(header.fixed().checksum.get(), 0x1422);
    let mut bytes = bytes_of((header, b"hello"));
    let layer::PartialChecksum { start, offset } = layer::PartialChecksum::TCP;
    let at = usize::from(start + offset.get());
    let sum = Checksum::new().add(&bytes).finish();
    bytes[at..at + 2].copy_from_slice(&sum.to_be_bytes());
    assert_eq!(bytes, DATA);
}

#[test]
fn a_segment_over_ipv6_has_the_pseudo_header_of_ipv6() {
    let [source, destination] = ["fe80::1", "fe80::2"].map(|text| text.parse().unwrap());
    let header = data_header().with_checksum([source, destination], b"hello");
    let bytes = bytes_of((header, b"hello"));
    assert_ne!(bytes, DATA);
    let over_6 = Packet { source, destination, ..packet(&bytes) };
    assert_eq!(as_sent(&parse(&over_6).unwrap()), (data_header(), &b"hello"[..]));
    assert_eq!(parse(&packet(&bytes)), Err(ParseError::Checksum));
}

#[test]
fn every_damaged_bit_is_noticed() {
    for bit in 0..DATA.len() * 8 {
        let mut damaged = DATA;
        damaged[bit / 8] ^= 1 << (bit % 8);
        // A data offset that is impossible is noticed before.
        let expected = if bit / 8 == 12 && bit % 8 >= 4 && parse_unverified(&damaged).is_err() {
            ParseError::DataOffset
        } else {
            ParseError::Checksum
        };
        assert_eq!(parse(&packet(&damaged)), Err(expected), "{bit}");
    }
    let swapped_hosts = Packet { destination: PEER, source: PEER, ..packet(&DATA) };
    assert_eq!(parse(&swapped_hosts), Err(ParseError::Checksum));
}

fn parse_unverified(bytes: &[u8]) -> Result<Segment<'_>, ParseError> {
    parse(&Packet { verify_checksum: false, ..packet(bytes) })
}

#[test]
fn a_checksum_that_needs_no_verifying_is_not_looked_at() {
    let mut bytes = DATA;
    bytes[16..18].fill(0xab);
    assert_eq!(parse(&packet(&bytes)), Err(ParseError::Checksum));
    assert_eq!(parse_unverified(&bytes).unwrap().payload, b"hello");
}

#[test]
fn lengths_that_cannot_be_true_are_errors() {
    for length in 0..HEADER_LEN {
        assert_eq!(parse_unverified(&SYN[..length]), Err(ParseError::Short), "{length}");
    }
    for words in 0..16_u8 {
        let mut bytes = SYN;
        bytes[12] = words << 4;
        let parsed = parse_unverified(&bytes);
        match words {
            5..=10 => assert_eq!(parsed.unwrap().payload, &SYN[usize::from(words) * 4..]),
            _ => assert_eq!(parsed, Err(ParseError::DataOffset), "{words}"),
        }
    }
}

#[test]
fn the_urgent_pointer_counts_only_with_its_flag() {
    let mut bytes = DATA;
    bytes[18..20].copy_from_slice(&[1, 2]);
    assert_eq!(parse_unverified(&bytes).unwrap().urgent, 0);
    bytes[13] |= Flags::URG.0;
    assert_eq!(parse_unverified(&bytes).unwrap().urgent, 0x0102);
}

/// RFC 9293 3.1: the reserved bits are ignored when they are received, and zero when they are sent.
#[test]
fn reserved_bits_are_ignored() {
    let mut bytes = DATA;
    bytes[12] |= 0xf;
    assert_eq!(as_sent(&parse_unverified(&bytes).unwrap()), (data_header(), &b"hello"[..]));
}

/// Whatever comes: what is read lies in the input, and what was read is written in the same way.
#[test]
fn random_bytes_are_read_without_harm() {
    let mut random = Random::new(1);
    let (mut read, mut with_options) = (0, 0);
    for round in 0..300_000 {
        let length = random.below(90);
        let mut bytes = if random.once_in(2) { random.bytes(length) } else { SYN.to_vec() };
        for _ in 0..random.below(5) {
            if let Some(at) = bytes.len().checked_sub(1).map(|last| random.below(last + 1)) {
                bytes[at] = random.bits() as u8;
            }
        }
        if bytes.len() > 12 && random.once_in(2) {
            // Most offsets are possible.
            bytes[12] = (5 + random.below(6) as u8) << 4;
        }
        let Ok(segment) = parse_unverified(&bytes) else { continue };
        read += 1;
        let (header, payload) = as_sent(&segment);
        assert!(bytes.ends_with(payload));
        assert!(bytes.len() - payload.len() <= MAX_HEADER_LEN);
        with_options += u32::from(header.options != Options::default());
        let again = header.with_checksum([PEER, OURS], &payload);
        let again = bytes_of((again, payload));
        let parsed = parse(&packet(&again)).unwrap_or_else(|error| panic!("{round}: {error}"));
        assert_eq!(as_sent(&parsed), (header, payload), "{round}: {bytes:02x?}");
    }
    assert!(read > 100_000 && with_options > 50_000, "{read}, {with_options}");
}
