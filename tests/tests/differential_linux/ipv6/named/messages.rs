//! RFC 4443, RFC 768 and RFC 8200 8.1, RFC 8201.

use std::net::Ipv6Addr;

use lab::soak::frames::{
    UDP, ethernet,
    ipv6::{
        ALL_NODES, ETHERTYPE, ICMPV6, Ipv6, group_mac, icmpv6, solicited_node, transport_sum, udp,
    },
};
use testkit::Random;

use super::{CLIENT, Case, carries, case, datagram, request, to_nobody};
use crate::differential_linux::{
    frames::{ALL, CLOSED, IP, OUR_MAC, PEER_MAC, PORT, STRANGER_MAC},
    ipv6::{
        frames::{FAR, GATEWAY, GROUP, PEER, STRANGER, US, from, to_us},
        tower::our_link_local,
    },
};

/// Identifier and sequence number of an echo request.
const ID: [u8; 4] = [0x12, 0x34, 0, 1];

/// An echo request of any host to any address.
fn echo(source: Ipv6Addr, destination: Ipv6Addr) -> Vec<u8> {
    icmpv6(source, destination, (128, 0), &[&ID[..], b"ping!"].concat())
}

/// A message from the peer.
fn message(kind: u8, code: u8, rest: &[u8]) -> Vec<u8> {
    carries(ICMPV6, &icmpv6(PEER, US, (kind, code), rest))
}

/// A packet of the peer to us with a header that was changed.
fn with(next: u8, payload: &[u8], change: impl FnOnce(&mut Ipv6)) -> Vec<u8> {
    let mut header = Ipv6::new(PEER, US, next);
    change(&mut header);
    to_us(&header.packet(payload))
}

/// What we would have sent to the peer's client.
fn reply(port: u16, length: usize) -> Vec<u8> {
    Ipv6::new(US, PEER, UDP).packet(&udp((US, port), (PEER, CLIENT), &vec![7; length]))
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = pings();
    cases.extend(addresses());
    cases.extend(datagrams());
    cases.extend(first_header());
    cases.extend(errors());
    cases.extend(too_big());
    cases
}

fn pings() -> Vec<Case> {
    let plain = echo(PEER, US);
    let mut damaged = plain.clone();
    damaged[9] ^= 0x80;
    let mut cases = vec![
        case("a ping", [carries(ICMPV6, &plain)]),
        case("a ping with a wrong checksum", [carries(ICMPV6, &damaged)]),
        case("a ping without a checksum", [carries(ICMPV6, &no_sum(&plain, 2))]),
        case(
            "a ping with bytes after the packet",
            [[carries(ICMPV6, &plain), vec![9; 30]].concat()],
        ),
        case("a ping with another code", [message(128, 7, &[&ID[..], b"ping!"].concat())]),
        case("an echo reply", [message(129, 0, &[&ID[..], b"ping!"].concat())]),
        case(
            "a ping with a traffic class",
            [with(ICMPV6, &plain, |header| header.first |= 0xb8 << 20)],
        ),
        case("a ping with congestion", [with(ICMPV6, &plain, |header| header.first |= 3 << 20)]),
        case("a ping with a flow label", [with(ICMPV6, &plain, |header| header.first |= 0x12345)]),
    ];
    for length in [0, 1, 2, 17, 56, 1451, 1452, 1453, 2900, 20_000, 65_527] {
        let data = Random::new(length as u64).bytes(length);
        let whole = icmpv6(PEER, US, (128, 0), &[&ID[..], &data].concat());
        let header = Ipv6::new(PEER, US, 0);
        let frames = match length {
            0..=1452 => vec![carries(ICMPV6, &whole)],
            _ => header.fragments(ICMPV6, 1, &whole, 1448).iter().map(|f| to_us(f)).collect(),
        };
        cases.push(case(format!("a ping of {length} bytes"), frames));
    }
    for length in 0..8 {
        let mut bytes = plain[..length].to_vec();
        cases.push(case(format!("{length} bytes of a ping"), [carries(ICMPV6, &bytes)]));
        if length >= 4 {
            bytes[2..4].fill(0);
            let sum = transport_sum(PEER, US, ICMPV6, &bytes).to_be_bytes();
            bytes[2..4].copy_from_slice(&sum);
            let name = format!("{length} bytes of a ping with a checksum of their own");
            cases.push(case(name, [carries(ICMPV6, &bytes)]));
        }
    }
    cases
}

/// From and to all kinds of addresses.
fn addresses() -> Vec<Case> {
    let local = our_link_local();
    let mut cases = Vec::new();
    let packet = |source, destination, next, bytes: &[u8]| {
        to_us(&Ipv6::new(source, destination, next).packet(bytes))
    };
    let any = Ipv6Addr::UNSPECIFIED;
    for (source, destination) in [
        (GATEWAY, local),
        (PEER, local),
        (GATEWAY, US),
        (FAR, US),
        (STRANGER, US),
        (US, US),
        (local, US),
        (any, US),
        (any, ALL_NODES),
        (Ipv6Addr::LOCALHOST, US),
        (GROUP, US),
        (ALL_NODES, US),
        ("::ffff:10.0.0.1".parse().expect("an address"), US),
        ("fec0::1".parse().expect("an address"), US),
        ("fd00::1".parse().expect("an address"), US),
        (PEER, ALL_NODES),
        (GATEWAY, ALL_NODES),
        (PEER, solicited_node(US)),
        (PEER, solicited_node(STRANGER)),
        (PEER, GROUP),
        (PEER, "ff01::1".parse().expect("an address")),
        (PEER, "ff00::1".parse().expect("an address")),
        (PEER, "ff05::1".parse().expect("an address")),
        (PEER, any),
        (PEER, Ipv6Addr::LOCALHOST),
        (PEER, STRANGER),
        (PEER, FAR),
        (PEER, "2001:db8::".parse().expect("an address")),
    ] {
        let way = format!("from {source} to {destination}");
        let ping = echo(source, destination);
        cases.push(case(format!("a ping {way}"), [packet(source, destination, ICMPV6, &ping)]));
        for port in [PORT, CLOSED] {
            let bytes = udp((source, CLIENT), (destination, port), b"hello");
            let name = format!("a datagram to port {port} {way}");
            cases.push(case(name, [packet(source, destination, UDP, &bytes)]));
        }
        let name = format!("an unknown protocol {way}");
        cases.push(case(name, [packet(source, destination, 253, b"what?")]));
    }
    let bytes = &request()[IP..];
    cases.extend([
        case("to us, in a frame for all", [ethernet(ALL, PEER_MAC, ETHERTYPE, bytes)]),
        case(
            "to us, in a frame for a group",
            [ethernet(group_mac(ALL_NODES), PEER_MAC, ETHERTYPE, bytes)],
        ),
        case("to another station", [ethernet([2, 0, 10, 0, 0, 8], PEER_MAC, ETHERTYPE, bytes)]),
        case("from another station", [from(STRANGER_MAC, bytes)]),
        case("in a frame of IPv4", [ethernet(OUR_MAC, PEER_MAC, 0x0800, bytes)]),
    ]);
    cases
}

/// The bytes with 0 instead of their checksum, which is there.
fn no_sum(bytes: &[u8], at: usize) -> Vec<u8> {
    [&bytes[..at], &[0, 0], &bytes[at + 2..]].concat()
}

fn datagrams() -> Vec<Case> {
    let mut cases = Vec::new();
    for port in [PORT, CLOSED] {
        let plain = datagram(port, b"hello");
        let damaged = |at: usize| {
            let mut bytes = plain.clone();
            bytes[at] ^= 1;
            carries(UDP, &bytes)
        };
        // With the checksum that belongs to what was changed.
        let with = |change: &dyn Fn(&mut [u8])| {
            let mut bytes = plain.clone();
            change(&mut bytes);
            bytes[6..8].fill(0);
            let sum = transport_sum(PEER, US, UDP, &bytes).to_be_bytes();
            bytes[6..8].copy_from_slice(&sum);
            carries(UDP, &bytes)
        };
        let and = |name: &str| format!("{name}, port {port}");
        cases.extend([
            case(and("a datagram"), [carries(UDP, &plain)]),
            case(and("no checksum"), [carries(UDP, &no_sum(&plain, 6))]),
            case(and("a wrong checksum"), [damaged(7)]),
            case(and("damage in the data"), [damaged(12)]),
            case(and("damage in a port"), [damaged(0)]),
            case(
                and("bytes after the datagram"),
                [carries(UDP, &[&plain[..], &[0xee; 5]].concat())],
            ),
            case(and("from port 0"), [with(&|header| header[..2].fill(0))]),
            case(
                and("from the same port"),
                [with(&|header| header[..2].copy_from_slice(&port.to_be_bytes()))],
            ),
            case(and("a checksum that is computed as 0"), [carries(UDP, &sums_to_zero(port))]),
        ]);
        for length in [0, 7, 8, 9, 12, 14, 65_535] {
            let said = |header: &mut [u8]| header[4..6].copy_from_slice(&u16::to_be_bytes(length));
            cases.push(case(and(&format!("length {length} of 13")), [with(&said)]));
        }
        for length in [0, 1, 7, 8] {
            let name = format!("{length} bytes of a datagram");
            cases.push(case(and(&name), [carries(UDP, &plain[..length])]));
        }
    }
    for length in [0, 1, 2, 17, 500, 1188, 1189, 1232, 1451, 1452] {
        let bytes = Random::new(length as u64).bytes(length);
        let frame = carries(UDP, &datagram(PORT, &bytes));
        cases.push(case(format!("an echo of {length} bytes"), [frame]));
        let frame = carries(UDP, &datagram(CLOSED, &bytes));
        cases.push(case(format!("{length} bytes to a closed port"), [frame]));
    }
    for protocol in [1, 2, 4, 41, 47, 50, 51, 89, 132, 135, 139, 140, 253, 255] {
        let name = format!("protocol {protocol}");
        cases.push(case(name, [carries(protocol, &[0; 24])]));
    }
    cases
}

/// A datagram of which the checksum is 0, and therefore written as all ones.
fn sums_to_zero(port: u16) -> Vec<u8> {
    // Two bytes that are what the sum is without them.
    let sum = datagram(port, &[0, 0])[6..8].to_vec();
    let bytes = datagram(port, &sum);
    assert_eq!(bytes[6..8], [0xff, 0xff]);
    bytes
}

fn first_header() -> Vec<Case> {
    let (plain, nobody, ping) = (datagram(PORT, b"hello"), to_nobody(), echo(PEER, US));
    let mut cases = Vec::new();
    for hops in [0, 1, 2, 63, 255] {
        for (what, next, bytes) in
            [("a request", UDP, &plain), ("to nobody", UDP, &nobody), ("a ping", ICMPV6, &ping)]
        {
            let name = format!("hop limit {hops}, {what}");
            cases.push(case(name, [with(next, bytes, |header| header.hop_limit = hops)]));
        }
    }
    for version in [0, 4, 5, 7, 15] {
        let change = |header: &mut Ipv6| header.first = version << 28;
        cases.push(case(format!("version {version}"), [with(UDP, &plain, change)]));
    }
    for length in [0, 1, 7, 8, 12, 14, 1000, 65_535] {
        let change = |header: &mut Ipv6| header.payload_length = Some(length);
        let name = format!("payload length {length} of 13");
        cases.push(case(name, [with(UDP, &plain, change)]));
    }
    for length in 0..40 {
        let packet = &request()[IP..IP + length];
        let frame = ethernet(OUR_MAC, PEER_MAC, ETHERTYPE, packet);
        cases.push(case(format!("{length} bytes of a packet"), [frame]));
    }
    let change = |header: &mut Ipv6| header.first |= 0x0ff0_0000 | 0xfffff;
    cases.push(case("a traffic class, to nobody", [with(UDP, &nobody, change)]));
    cases.push(case("a traffic class, a request", [with(UDP, &plain, change)]));
    cases
}

fn errors() -> Vec<Case> {
    let mut cases = Vec::new();
    let about = reply(PORT, 5);
    for (kind, code) in
        [(1, 0), (1, 1), (1, 3), (1, 4), (1, 5), (1, 99), (3, 0), (3, 1), (4, 0), (4, 1), (4, 2)]
    {
        for (what, quote) in [
            ("what we sent", about.clone()),
            ("the beginning of it", about[..48].to_vec()),
            ("less than 8 bytes of it", about[..47].to_vec()),
            ("less than a header of it", about[..39].to_vec()),
            ("nothing", Vec::new()),
            ("what we did not send", Ipv6::new(FAR, PEER, UDP).packet(&to_nobody())),
        ] {
            let name = format!("type {kind}, code {code} about {what}");
            let error = message(kind, code, &[&[0; 4], &quote[..]].concat());
            cases.push(case(name, [error, request()]));
        }
    }
    // Errors and messages that nobody knows, errors behind a bad option, and those that came to the wrong place.
    for kind in [
        0, 5, 100, 101, 127, 138, 139, 140, 141, 142, 144, 145, 146, 147, 151, 152, 153, 160, 200,
        255,
    ] {
        let rest = [&[0; 4], &about[..]].concat();
        let name = format!("a message of type {kind}, and then a request");
        cases.push(case(name, [message(kind, 0, &rest), request()]));
    }
    for kind in [1, 2, 3, 4, 100, 127, 137] {
        let error = icmpv6(PEER, US, (kind, 0), &[&[0; 4], &about[..]].concat());
        for option in [0x80, 0xc0, 0x40] {
            let headers = lab::soak::frames::ipv6::options(ICMPV6, &[option | 0x1e, 0]);
            let frame = carries(60, &[headers, error.clone()].concat());
            let name = format!("no error about an error: type {kind} behind option {option:#x}");
            cases.push(case(name, [frame]));
        }
    }
    cases
}

/// A packet of the peer that is too long for a path of `mtu` bytes, and one that is not.
fn after_too_big(about: &[u8], mtu: u32) -> [Vec<u8>; 5] {
    let said = [&mtu.to_be_bytes()[..], &about[..about.len().min(1232)]].concat();
    let asks = |length: usize| carries(UDP, &datagram(PORT, &vec![7; length]));
    [asks(1400), message(2, 0, &said), asks(1400), asks(1232), asks(20)]
}

fn too_big() -> Vec<Case> {
    let mut cases = Vec::new();
    let about = reply(PORT, 1400);
    for mtu in [1400, 1300, 1281, 1280] {
        let name = format!("a path of {mtu} bytes");
        cases.push(case(name, after_too_big(&about, mtu)).alone());
    }
    for mtu in [1279, 1000, 68, 1, 0, 1500, 65_535, u32::MAX] {
        let name = format!("a path of {mtu} bytes, which is none");
        cases.push(case(name, after_too_big(&about, mtu)).alone());
    }
    for (name, packet) in [
        ("a path of what a closed port sent", reply(CLOSED, 1400)),
        ("a path of what fits", reply(PORT, 1000)),
        ("a path of what we did not send", Ipv6::new(FAR, PEER, UDP).packet(&[0; 1400])),
    ] {
        cases.push(case(name, after_too_big(&packet, 1300)).alone());
    }
    let [large, longer, ..] = after_too_big(&about, 1400);
    let [_, shorter, ..] = after_too_big(&about, 1300);
    cases.push(case("a path grows", [shorter, longer, large]).alone());
    cases
}
