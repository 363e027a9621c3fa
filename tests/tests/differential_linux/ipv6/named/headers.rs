//! Extension headers (RFC 8200 4, RFC 5095, RFC 8504 5.3).

use std::net::Ipv6Addr;

use lab::soak::frames::{
    UDP,
    ipv6::{
        ALL_NODES, DESTINATION, HOP_BY_HOP, ICMPV6, Ipv6, NO_NEXT, ROUTING, icmpv6, options,
        routing, udp,
    },
};

use super::{CLIENT, Case, carries, case, datagram, to_nobody};
use crate::differential_linux::{
    frames::{CLOSED, PORT},
    ipv6::frames::{FAR, PEER, US, to_us},
};

/// Headers of these kinds, each empty, before bytes of this protocol.
fn chain(kinds: &[u8], next: u8, bytes: &[u8]) -> (u8, Vec<u8>) {
    kinds.iter().rev().fold((next, bytes.to_vec()), |(next, rest), &kind| {
        let header = match kind {
            ROUTING => routing(next, 0, 0, &[0; 4]),
            51 => [&[next, 4, 0, 0][..], &[0; 20]].concat(),
            44 => vec![next, 0, 0, 0, 0, 0, 0, 1],
            _ => options(next, &[]),
        };
        (kind, [header, rest].concat())
    })
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = with_options();
    cases.extend(with_routing());
    cases.extend(chains());
    cases
}

/// Each option, in both headers, before a datagram that is answered, and in one to a group.
fn with_options() -> Vec<Case> {
    let mut cases = Vec::new();
    let request = datagram(PORT, b"hello");
    let many = udp((PEER, CLIENT), (ALL_NODES, CLOSED), b"hello");
    for (header, where_) in [(HOP_BY_HOP, "hop by hop"), (DESTINATION, "for the destination")] {
        for &(name, bytes) in OPTIONS {
            let with = |next, payload: &[u8]| [options(next, bytes), payload.to_vec()].concat();
            let name = format!("{name} {where_}");
            cases.push(case(name.clone(), [carries(header, &with(UDP, &request))]));
            cases.push(case(
                format!("{name}, to nobody"),
                [carries(header, &with(UDP, &to_nobody()))],
            ));
            let packet = Ipv6::new(PEER, ALL_NODES, header).packet(&with(UDP, &many));
            cases.push(case(format!("{name}, to all nodes"), [to_us(&packet)]));
        }
        let piece = [&[UDP, 0, 1, 4, 0, 0, 0, 0][..], &request].concat();
        for length in [0, 1, 2, 7, 8] {
            let name = format!("{length} bytes of a header with options {where_}");
            cases.push(case(name, [carries(header, &piece[..length])]));
        }
        for units in [1, 2, 3, 255] {
            let mut bytes = piece.clone();
            bytes[1] = units;
            let name = format!("a header of {units} units more {where_}");
            cases.push(case(name, [carries(header, &bytes)]));
        }
        for number in [7, 8, 9] {
            let bytes = options(UDP, &[0x1e, 0].repeat(number));
            let name = format!("{number} options {where_}");
            cases.push(case(name, [carries(header, &[&bytes[..], &request].concat())]));
        }
    }
    cases
}

fn with_routing() -> Vec<Case> {
    let mut cases = Vec::new();
    let request = datagram(PORT, b"hello");
    let address = FAR.octets();
    for kind in [0, 1, 2, 3, 4, 5, 43, 253, 255] {
        for left in [0, 1, 2, 255] {
            for (how, data) in [
                ("nothing", vec![0; 4]),
                ("an address", [&[0; 4][..], &address].concat()),
                ("two addresses", [&[0; 4][..], &address, &US.octets()].concat()),
            ] {
                let bytes = [routing(UDP, kind, left, &data), request.clone()].concat();
                let name = format!("a route of type {kind} with {how}, {left} segments left");
                cases.push(case(name, [carries(ROUTING, &bytes)]));
            }
        }
    }
    let many = udp((PEER, CLIENT), (ALL_NODES, PORT), b"hello");
    for left in [0, 1] {
        let bytes = [routing(UDP, 0, left, &[0; 4]), many.clone()].concat();
        let packet = Ipv6::new(PEER, ALL_NODES, ROUTING).packet(&bytes);
        cases.push(case(format!("a route of a group, {left} segments left"), [to_us(&packet)]));
    }
    let bytes = [routing(UDP, 0, 0, &[0; 4]), to_nobody()].concat();
    cases.push(case("a route to nobody", [carries(ROUTING, &bytes)]));
    for length in [0, 1, 2, 4, 7] {
        let name = format!("{length} bytes of a route");
        cases.push(case(name, [carries(ROUTING, &bytes[..length])]));
    }
    cases
}

/// Headers in any order, as many as there may be, and one that nobody knows at their end.
fn chains() -> Vec<Case> {
    let mut cases = Vec::new();
    let request = datagram(PORT, b"hello");
    let ping = icmpv6(PEER, US, (128, 0), b"\x12\x34\0\x01ping!");
    let kinds = [HOP_BY_HOP, DESTINATION, ROUTING, 44, 51, NO_NEXT, 135, 139, 140, 253, 200];
    for one in kinds {
        let (first, bytes) = chain(&[one], UDP, &request);
        cases.push(case(format!("header {one}"), [carries(first, &bytes)]));
        for other in kinds {
            let (first, bytes) = chain(&[one, other], UDP, &request);
            cases.push(case(format!("headers {one} and {other}"), [carries(first, &bytes)]));
        }
    }
    for number in [3, 6, 7, 8, 9, 10, 100] {
        let (first, bytes) = chain(&vec![DESTINATION; number], UDP, &request);
        cases.push(case(format!("{number} headers"), [carries(first, &bytes)]));
    }
    let all = [HOP_BY_HOP, DESTINATION, ROUTING, DESTINATION];
    for (what, next, bytes) in [
        ("a request", UDP, &request),
        ("a ping", ICMPV6, &ping),
        ("to nobody", UDP, &to_nobody()),
        ("an unknown protocol", 253, &request),
    ] {
        let (first, bytes) = chain(&all, next, bytes);
        cases.push(case(format!("all headers in their order, {what}"), [carries(first, &bytes)]));
    }
    let (first, bytes) = chain(&all, NO_NEXT, b"more that is nothing");
    cases.push(case("all headers, and no next header", [carries(first, &bytes)]));
    let (first, bytes) = chain(&[], NO_NEXT, &[]);
    cases.push(case("no next header, and nothing", [carries(first, &bytes)]));
    // About a packet of a group nobody is told that a header is unknown.
    for (name, next) in [("a header that nobody knows", 253), ("no next header", NO_NEXT)] {
        let packet = Ipv6::new(PEER, ALL_NODES, next).packet(&request);
        cases.push(case(format!("{name}, to all nodes"), [to_us(&packet)]));
    }
    let source = Ipv6Addr::UNSPECIFIED;
    let packet = Ipv6::new(source, US, 253).packet(&request);
    cases.push(case("a header that nobody knows, of nobody", [to_us(&packet)]));
    cases
}

const OPTIONS: &[(&str, &[u8])] = &[
    ("padding of one byte", &[0, 0, 0, 0, 0, 0]),
    ("padding of six bytes", &[1, 4, 0, 0, 0, 0]),
    ("padding that is not 0", &[1, 4, 0, 7, 0, 0]),
    ("padding of 8 bytes", &[1, 6, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0, 0]),
    ("two paddings of 4 bytes", &[1, 2, 0, 0, 1, 2, 0, 0]),
    ("padding that is longer than the header", &[1, 5, 0, 0, 0, 0]),
    ("an option that is longer than the header", &[0x1e, 5, 0, 0, 0, 0]),
    ("an option without its length", &[1, 3, 0, 0, 0, 0x1e]),
    ("an option that may be skipped", &[0x1e, 0]),
    ("an option that is dropped", &[0x5e, 0]),
    ("an option that is an error", &[0x9e, 0]),
    ("an option that is an error for one host", &[0xde, 0]),
    ("an option that may be skipped, then one that is an error", &[0x1e, 2, 1, 2, 0x9e, 0]),
    ("an option that is an error, then one that is dropped", &[0x9e, 2, 1, 2, 0x5e, 0]),
    ("an option that changes on its way", &[0x3e, 4, 1, 2, 3, 4]),
    ("an option that changes on its way, dropped", &[0x7e, 0]),
    ("an option that changes on its way, an error", &[0xbe, 0]),
    ("a router alert", &[5, 2, 0, 0]),
    ("a router alert of 3 bytes", &[5, 3, 0, 0, 0]),
    ("two router alerts", &[5, 2, 0, 0, 5, 2, 0, 0]),
    ("a jumbo payload", &[0xc2, 4, 0, 1, 0, 0]),
    ("a jumbo payload that is none", &[0xc2, 4, 0, 0, 0, 13]),
    ("a jumbo payload of 3 bytes", &[0xc2, 3, 0, 1, 0]),
    ("a tunnel's limit", &[4, 1, 3]),
    ("a home address", &[0xc9, 16, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5]),
    ("a label", &[7, 8, 0, 0, 0, 0, 0, 0, 0, 0]),
    ("a quick start", &[0x26, 6, 0, 0, 0, 0, 0, 0]),
    ("a path's MTU", &[0x30, 4, 5, 0, 5, 0]),
];
