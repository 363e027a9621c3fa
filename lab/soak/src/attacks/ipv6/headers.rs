//! Chains of headers, and options (RFC 8504 5.3).

use super::{
    super::{
        super::frames::{
            UDP,
            ipv6::{DESTINATION, ROUTING, options, routing, udp},
        },
        Moved::{AtLeast, AtMost, Each},
    },
    Attack, Target,
};

/// A request behind these headers, of which the first is of this kind.
fn behind(target: &Target, first: u8, headers: &[u8]) -> Vec<u8> {
    let bytes = udp((target.host, 0), (target.address, target.port), b"hello");
    let packet = target.header(first).packet(&[headers, &bytes].concat());
    target.frame(target.host_mac, &packet)
}

pub(super) const ATTACKS: &[Attack] = &[
    // As many as there are in a frame.
    Attack::new(
        "chains_without_an_end",
        |target, _| {
            let mut headers = options(DESTINATION, &[]).repeat(170);
            let last = headers.len() - 8;
            headers[last] = UDP;
            vec![behind(target, DESTINATION, &headers); 1000]
        },
        &[("ipv6.long_chains", Each), ("udp.datagrams_rx", AtMost(100))],
    ),
    Attack::new(
        "options_without_an_end",
        |target, _| {
            let header = options(UDP, &[0x1e, 0].repeat(640));
            vec![behind(target, DESTINATION, &header); 1000]
        },
        &[("ipv6.long_chains", Each), ("udp.datagrams_rx", AtMost(100))],
    ),
    Attack::new(
        "padding_without_an_end",
        |target, _| vec![behind(target, DESTINATION, &options(UDP, &[0; 1278])); 1000],
        &[("ipv6.long_chains", Each), ("udp.datagrams_rx", AtMost(100))],
    ),
    Attack::new(
        "options_longer_than_their_header",
        |target, random| {
            let frame = |_| {
                let length = 7 + random.below(248) as u8;
                behind(target, DESTINATION, &[UDP, 0, 0x1e, length, 0, 0, 0, 0])
            };
            (0..1000).map(frame).collect()
        },
        &[("ipv6.bad_headers", Each), ("icmpv6.errors_limited", AtLeast(800))],
    ),
    Attack::new(
        "options_that_demand_errors",
        |target, _| vec![behind(target, DESTINATION, &options(UDP, &[0x9e, 0])); 1000],
        &[("ipv6.bad_headers", Each), ("icmpv6.errors_limited", AtLeast(800))],
    ),
    Attack::new(
        "routes_that_go_on",
        |target, _| {
            let header = routing(UDP, 0, 1, &[&[0; 4][..], &target.host.octets()].concat());
            vec![behind(target, ROUTING, &header); 1000]
        },
        &[("ipv6.bad_headers", Each), ("icmpv6.errors_limited", AtLeast(800))],
    ),
    Attack::new(
        "headers_longer_than_the_packet",
        |target, random| {
            let frame = |_| {
                let units = 3 + random.below(250) as u8;
                behind(target, DESTINATION, &[UDP, units, 1, 4, 0, 0, 0, 0])
            };
            (0..1000).map(frame).collect()
        },
        &[("ipv6.bad_length", Each), ("udp.datagrams_rx", AtMost(100))],
    ),
];
