//! Routers: their advertisements and redirects (RFC 4861 6 and 8, RFC 4191).

use std::net::Ipv6Addr;

use lab::soak::frames::{
    Mac, UDP,
    ipv6::{
        ALL_NODES, ICMPV6, Ipv6, LINK_HOPS, SOURCE_MAC, TARGET_MAC, discovery, icmpv6, mac_option,
        prefix_option, router, udp,
    },
};

use super::{CLIENT, Case, case, request};
use crate::differential_linux::{
    frames::{PEER_MAC, PORT},
    ipv6::frames::{FAR, GATEWAY, GROUP, PEER, STRANGER, US, from},
};

const SOLICITATION: u8 = 133;
const ADVERTISEMENT: u8 = 134;
const REDIRECT: u8 = 137;

/// Another router of the link.
const ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x22);
const ROUTER_MAC: Mac = [2, 0, 10, 0, 0, 0x22];
/// A host whose prefix a router may say to be on the link.
const ELSEWHERE: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x77, 0, 0, 0, 0, 5);
const PREFIX: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x77, 0, 0, 0, 0, 0);

/// A request of a host behind the gateway: the answer shows the way to it.
fn request_of(source: Ipv6Addr, length: usize) -> Vec<u8> {
    let bytes = udp((source, CLIENT), (US, PORT), &vec![7; length]);
    from(PEER_MAC, &Ipv6::new(source, US, UDP).packet(&bytes))
}

/// What shows what was believed: the hop limit, the MTU, what is on the link.
fn then_requests(frame: Vec<u8>) -> [Vec<u8>; 4] {
    [frame, request(), request_of(ELSEWHERE, 5), request_of(PEER, 1400)]
}

fn from_router(source: Ipv6Addr, destination: Ipv6Addr, rest: &[u8]) -> Vec<u8> {
    from(ROUTER_MAC, &discovery(source, destination, ADVERTISEMENT, rest))
}

fn mtu(bytes: u32) -> Vec<u8> {
    [&[5, 1, 0, 0][..], &bytes.to_be_bytes()].concat()
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = advertisements();
    cases.extend(unbelievable());
    cases.extend(redirects());
    let rest = [&[0; 4][..], &mac_option(SOURCE_MAC, PEER_MAC)].concat();
    let packet = discovery(GATEWAY, "ff02::2".parse().expect("a group"), SOLICITATION, &rest);
    cases.push(case("a router is asked for", [from(PEER_MAC, &packet)]));
    cases
}

/// Advertisements of a router that offers no way, so that the gateway remains.
fn advertisements() -> Vec<Case> {
    let mut cases = Vec::new();
    let station = mac_option(SOURCE_MAC, ROUTER_MAC);
    let mut add = |name: String, hop_limit: u8, options: &[u8]| {
        let rest = router(hop_limit, 0, 0, &[&station, options].concat());
        cases.push(case(name, then_requests(from_router(ROUTER, ALL_NODES, &rest))).alone());
    };
    for hop_limit in [0, 1, 32, 255] {
        add(format!("a router says hop limit {hop_limit}"), hop_limit, &[]);
    }
    for bytes in [0, 68, 1279, 1280, 1400, 1499, 1500, 1501, 9000, u32::MAX] {
        add(format!("a router says an MTU of {bytes}"), 0, &mtu(bytes));
    }
    for (how, flags) in [("on the link", 0x80), ("nowhere", 0)] {
        let lengths = if flags == 0 { &[64][..] } else { &[0, 32, 48, 64, 65, 128] };
        for &length in lengths {
            for valid in [0, 1800, u32::MAX] {
                let name = format!("a prefix of {length} bits {how} for {valid} s");
                add(name, 0, &prefix_option(PREFIX, (length, flags), (valid, 0)));
            }
        }
        add(
            format!("a prefix of 129 bits {how}"),
            0,
            &prefix_option(PREFIX, (129, flags), (1800, 0)),
        );
        for prefix in ["fe80::", "ff00::", "::", "2001:db8:77::1"] {
            let address = prefix.parse().expect("an address");
            let name = format!("the prefix {prefix} {how}");
            add(name, 0, &prefix_option(address, (64, flags), (1800, 0)));
        }
        let again = [
            prefix_option(PREFIX, (64, 0x80), (1800, 0)),
            prefix_option(PREFIX, (64, flags), (0, 0)),
        ];
        add(format!("a prefix, and its end {how}"), 0, &again.concat());
    }
    cases
}

/// Advertisements that no host believes.
fn unbelievable() -> Vec<Case> {
    let mut cases = Vec::new();
    let options = [
        mac_option(SOURCE_MAC, ROUTER_MAC),
        mtu(1300),
        prefix_option(PREFIX, (64, 0x80), (1800, 0)),
    ]
    .concat();
    let rest = router(9, 0, 0, &options);
    for (source, destination) in [
        (ROUTER, US),
        (ROUTER, GROUP),
        (STRANGER, ALL_NODES),
        (FAR, US),
        (Ipv6Addr::UNSPECIFIED, ALL_NODES),
        (Ipv6Addr::LOCALHOST, ALL_NODES),
        (GROUP, ALL_NODES),
        (US, ALL_NODES),
    ] {
        let name = format!("a router's advertisement from {source} to {destination}");
        cases.push(case(name, then_requests(from_router(source, destination, &rest))).alone());
    }
    let header = Ipv6 { hop_limit: LINK_HOPS, ..Ipv6::new(ROUTER, ALL_NODES, ICMPV6) };
    let message = icmpv6(ROUTER, ALL_NODES, (ADVERTISEMENT, 0), &rest);
    let mut wrong = message.clone();
    wrong[3] ^= 1;
    let coded = icmpv6(ROUTER, ALL_NODES, (ADVERTISEMENT, 1), &rest);
    let short = icmpv6(ROUTER, ALL_NODES, (ADVERTISEMENT, 0), &rest[..11]);
    let bare = icmpv6(ROUTER, ALL_NODES, (ADVERTISEMENT, 0), &rest[..12]);
    let mut empty = rest.clone();
    empty[12 + 8 + 1] = 0;
    let empty = icmpv6(ROUTER, ALL_NODES, (ADVERTISEMENT, 0), &empty);
    let mut long = rest;
    long[12 + 16 + 1] = 9;
    let long = icmpv6(ROUTER, ALL_NODES, (ADVERTISEMENT, 0), &long);
    for (name, hop_limit, message) in [
        ("hop limit 254", 254, &message),
        ("hop limit 1", 1, &message),
        ("a wrong checksum", LINK_HOPS, &wrong),
        ("code 1", LINK_HOPS, &coded),
        ("15 bytes", LINK_HOPS, &short),
        ("16 bytes", LINK_HOPS, &bare),
        ("an empty option", LINK_HOPS, &empty),
        ("an option that is too long", LINK_HOPS, &long),
    ] {
        let packet = Ipv6 { hop_limit, ..header.clone() }.packet(message);
        let frames = then_requests(from(ROUTER_MAC, &packet));
        cases.push(case(format!("a router's advertisement with {name}"), frames).alone());
    }
    cases
}

/// A redirect: who sends it, whom it is about, and the better first hop.
fn redirect(
    source: Ipv6Addr,
    (target, destination): (Ipv6Addr, Ipv6Addr),
    options: &[u8],
) -> Vec<u8> {
    let rest = [&[0; 4][..], &target.octets(), &destination.octets(), options].concat();
    from(PEER_MAC, &discovery(source, US, REDIRECT, &rest))
}

fn redirects() -> Vec<Case> {
    let mut cases = Vec::new();
    let station = mac_option(TARGET_MAC, ROUTER_MAC);
    // What we sent, which routers quote.
    let sent = icmpv6(US, FAR, (129, 0), b"\x12\x34\0\x01ping!");
    let sent = Ipv6::new(US, FAR, ICMPV6).packet(&sent);
    let quote = [&[4, (sent.len() / 8 + 2) as u8][..], &[0; 6], &sent, &[0; 7]].concat();
    let quote = quote[..quote.len() / 8 * 8].to_vec();
    let quote = [&[4, (quote.len() / 8) as u8], &quote[2..]].concat();
    let all = [&station[..], &quote].concat();
    for (name, source, way, options) in [
        ("to another router", GATEWAY, (ROUTER, FAR), &all),
        ("to another router, without a quote", GATEWAY, (ROUTER, FAR), &station),
        ("to another router, without its station", GATEWAY, (ROUTER, FAR), &quote),
        ("to another router, without anything", GATEWAY, (ROUTER, FAR), &Vec::new()),
        ("to the host itself", GATEWAY, (FAR, FAR), &all),
        ("to what is no router", GATEWAY, (STRANGER, FAR), &all),
        ("to a group", GATEWAY, (GROUP, FAR), &all),
        ("to us", GATEWAY, (US, FAR), &all),
        ("for a group", GATEWAY, (ROUTER, GROUP), &all),
        ("for us", GATEWAY, (ROUTER, US), &all),
        ("of a host that is no router", PEER, (ROUTER, FAR), &all),
        ("of another router", ROUTER, (ROUTER, FAR), &all),
        ("of a neighbour", STRANGER, (ROUTER, FAR), &all),
        ("of nobody", Ipv6Addr::UNSPECIFIED, (ROUTER, FAR), &all),
    ] {
        let frames =
            [request_of(FAR, 5), redirect(source, way, options), request_of(FAR, 5), request()];
        cases.push(case(format!("a redirect {name}"), frames).alone());
    }
    let rest = [&[0; 4][..], &ROUTER.octets(), &FAR.octets(), &all].concat();
    for (name, hop_limit, code) in [("hop limit 254", 254, 0), ("code 1", LINK_HOPS, 1)] {
        let header = Ipv6 { hop_limit, ..Ipv6::new(GATEWAY, US, ICMPV6) };
        let packet = header.packet(&icmpv6(GATEWAY, US, (REDIRECT, code), &rest));
        let frames = [request_of(FAR, 5), from(PEER_MAC, &packet), request_of(FAR, 5)];
        cases.push(case(format!("a redirect with {name}"), frames).alone());
    }
    cases
}
