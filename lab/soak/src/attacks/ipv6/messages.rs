//! Messages of ICMPv6: forged words of routers about paths, and questions to many (RFC 8201, RFC 4443 5).

use std::net::Ipv6Addr;

use super::{
    super::{
        super::frames::{
            UDP,
            ipv6::{ALL_NODES, ICMPV6, Ipv6, icmpv6, udp},
        },
        Moved::{AtLeast, Each, Not},
    },
    Attack, Target,
};

const TOO_BIG: u8 = 2;
const ECHO: u8 = 128;

/// The word of a router that what the service sent to `client` is too long for a path of `mtu` bytes.
fn too_big(target: &Target, client: Ipv6Addr, mtu: u32) -> Vec<u8> {
    let sent = udp((target.address, target.port), (client, 5000), &[7; 1400]);
    let quote = Ipv6::new(target.address, client, UDP).packet(&sent);
    let rest = [&mtu.to_be_bytes()[..], &quote[..1232]].concat();
    let router = target.stranger(1);
    let message = icmpv6(router, target.address, (TOO_BIG, 0), &rest);
    let packet = Ipv6::new(router, target.address, ICMPV6).packet(&message);
    target.frame(target.evil(), &packet)
}

pub(super) const ATTACKS: &[Attack] = &[
    // It is believed down to 1,280 bytes, and no further.
    Attack::new(
        "too_big_of_the_client",
        |target, _| vec![too_big(target, target.host, 1280); 500],
        &[("icmpv6.errors_rx", Each)],
    ),
    Attack::new(
        "too_big_below_1280",
        |target, random| {
            let frame = |_| too_big(target, target.host, random.below(1280) as u32);
            (0..500).map(frame).collect()
        },
        &[("icmpv6.bad_mtus", Each)],
    ),
    // More paths than are remembered.
    Attack::new(
        "too_big_of_a_whole_prefix",
        |target, _| (0..5000).map(|n| too_big(target, target.stranger(n), 1280)).collect(),
        &[("icmpv6.errors_rx", Each), ("ipv6.paths_displaced", AtLeast(1000))],
    ),
    Attack::new(
        "too_big_of_what_we_did_not_send",
        |target, _| {
            let quote = Ipv6::new(target.host, target.stranger(1), UDP).packet(&[0; 1192]);
            let rest = [&1280_u32.to_be_bytes()[..], &quote].concat();
            let (from, to) = (target.stranger(1), target.address);
            let message = icmpv6(from, to, (TOO_BIG, 0), &rest);
            let packet = Ipv6::new(from, to, ICMPV6).packet(&message);
            vec![target.frame(target.evil(), &packet); 500]
        },
        &[("icmpv6.errors_not_ours", Each), ("icmpv6.errors_rx", Not)],
    ),
    // Each of them would be answered by every host of the link.
    Attack::new(
        "pings_to_all_nodes",
        |target, _| {
            let message = icmpv6(target.host, ALL_NODES, (ECHO, 0), &[7; 500]);
            let packet = Ipv6::new(target.host, ALL_NODES, ICMPV6).packet(&message);
            vec![target.frame(target.host_mac, &packet); 1000]
        },
        &[("icmpv6.group_echo_requests_limited", AtLeast(800))],
    ),
    Attack::new(
        "pings_to_nobody_of_the_prefix",
        |target, _| {
            let ping = |number| {
                let (from, to) = (target.host, target.stranger(number));
                let message = icmpv6(from, to, (ECHO, 0), b"ping");
                target.frame(target.host_mac, &Ipv6::new(from, to, ICMPV6).packet(&message))
            };
            (0..4000).map(ping).collect()
        },
        &[("ipv6.not_for_us", Each), ("ndp.solicitations_tx", Not)],
    ),
    Attack::new(
        "errors_about_nothing",
        |target, random| {
            let frame = |_| {
                let length = random.below(48);
                let rest = random.bytes(length);
                let kind = [1, 3, 4, 100, 127][random.below(5)];
                let message = icmpv6(target.stranger(1), target.address, (kind, 0), &rest);
                let header = Ipv6::new(target.stranger(1), target.address, ICMPV6);
                target.frame(target.evil(), &header.packet(&message))
            };
            (0..1000).map(frame).collect()
        },
        &[("icmpv6.errors_rx", Not), ("icmpv6.messages_rx", AtLeast(800))],
    ),
];
