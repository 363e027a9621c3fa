//! Attacks on Neighbour Discovery and on the groups of the link (RFC 3756, RFC 6583).

use std::net::Ipv6Addr;

use super::{
    super::{
        super::frames::{
            UDP,
            ipv6::{
                ALL_NODES, FRAGMENT, ICMPV6, Ipv6, LINK_HOPS, SOURCE_MAC, TARGET_MAC,
                fragment_header, icmpv6, listener, mac_option, prefix_option, router,
                solicited_node, targeted, udp,
            },
        },
        Moved::{AtLeast, AtMost, Each, Not},
    },
    Attack, Target,
};

const QUERY: u8 = 130;
const ROUTER: u8 = 134;
const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;
const REDIRECT: u8 = 137;

/// Flags of an advertisement: it answers, and it replaces what is known.
const SOLICITED: u8 = 0x40;
const OVERRIDE: u8 = 0x20;

/// The frame in which a neighbour that is not there asks for the service.
fn asks(target: &Target, number: u32) -> Vec<u8> {
    let (source, mac) = (target.stranger(number), target.stranger_mac(number));
    let rest = targeted(0, target.address, &mac_option(SOURCE_MAC, mac));
    let group = solicited_node(target.address);
    target.frame(mac, &super::discovery_packet(source, group, SOLICITATION, &rest))
}

/// The frame in which somebody says that the attacker's station has an address.
fn says(target: &Target, (flags, about): (u8, Ipv6Addr), to: Ipv6Addr) -> Vec<u8> {
    let rest = targeted(flags, about, &mac_option(TARGET_MAC, target.evil()));
    target.message(about, to, ADVERTISEMENT, &rest)
}

/// A router that says this.
fn routes(target: &Target, number: u32, options: &[u8]) -> Vec<u8> {
    let station = mac_option(SOURCE_MAC, target.evil());
    let rest = router(1, 8, 9000, &[&station, options].concat());
    target.message(target.link_local(number), ALL_NODES, ROUTER, &rest)
}

fn prefix(number: u32) -> Vec<u8> {
    let prefix = Ipv6Addr::from((0x2001_0bad_u128 << 96) | u128::from(number) << 64);
    prefix_option(prefix, (64, 0xc0), (9000, 9000))
}

/// The frame with a message of the attacker's that was changed.
fn changed(target: &Target, number: usize, change: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let mut rest = targeted(0, target.address, &mac_option(SOURCE_MAC, target.evil()));
    change(&mut rest);
    let (source, group) = (target.stranger(number as u32), solicited_node(target.address));
    target.message(source, group, SOLICITATION, &rest)
}

pub(super) const ATTACKS: &[Attack] = &[
    // More neighbours than the cache has places.
    Attack::new(
        "nd_neighbours_of_a_whole_prefix",
        |target, _| (0..4000).map(|number| asks(target, number)).collect(),
        &[
            ("ndp.solicitations_rx", AtLeast(4000)),
            ("ndp.advertisements_tx", AtLeast(4000)),
            ("ndp.learnt", AtLeast(1000)),
            ("ndp.displaced", AtLeast(500)),
        ],
    ),
    // Each reply is for a neighbour that has to be asked for, and is not there.
    Attack::new(
        "nd_requests_of_a_whole_prefix",
        |target, _| {
            let request = |number| {
                let (from, to) = (target.stranger(number), target.address);
                let bytes = udp((from, 5000), (to, target.port), &[7; 1000]);
                target.frame(target.evil(), &Ipv6::new(from, to, UDP).packet(&bytes))
            };
            (0..4000).map(request).collect()
        },
        &[("udp.datagrams_rx", AtLeast(4000)), ("ndp.overflowed", AtLeast(100))],
    ),
    Attack::new(
        "nd_unsolicited_advertisements",
        |target, _| {
            let says = |number| {
                says(target, (SOLICITED | OVERRIDE, target.stranger(number)), target.address)
            };
            (0..2000).map(says).collect()
        },
        &[("ndp.unsolicited", Each), ("ndp.learnt", Not), ("ndp.changed", Not)],
    ),
    Attack::new(
        "nd_advertisements_without_override",
        |target, _| vec![says(target, (0, target.host), target.address); 500],
        &[("ndp.advertisements_rx", AtLeast(500)), ("ndp.changed", Not)],
    ),
    // An address that is ours is kept (RFC 4862 5.4.4).
    Attack::new(
        "nd_our_address_is_claimed",
        |target, _| vec![says(target, (OVERRIDE, target.address), ALL_NODES); 500],
        &[("ndp.duplicates", Each), ("ndp.given_up", Not)],
    ),
    Attack::new(
        "nd_our_address_is_wanted",
        |target, _| {
            let group = solicited_node(target.address);
            let rest = targeted(0, target.address, &[]);
            vec![target.message(Ipv6Addr::UNSPECIFIED, group, SOLICITATION, &rest); 500]
        },
        &[("ndp.advertisements_tx", AtLeast(500)), ("ndp.given_up", Not)],
    ),
    Attack::new(
        "nd_forwarded",
        |target, _| {
            let group = solicited_node(target.address);
            let rest = targeted(0, target.address, &mac_option(SOURCE_MAC, target.evil()));
            let frame = |number: u32| {
                let source = target.stranger(number);
                let header = Ipv6 {
                    hop_limit: number as u8 % LINK_HOPS,
                    ..Ipv6::new(source, group, ICMPV6)
                };
                let bytes = icmpv6(source, group, (SOLICITATION, 0), &rest);
                target.frame(target.evil(), &header.packet(&bytes))
            };
            (0..500).map(frame).collect()
        },
        &[("ndp.forwarded", Each), ("ndp.learnt", Not)],
    ),
    Attack::new(
        "nd_malformed",
        |target, random| {
            let frame = |number: usize| match number % 3 {
                // An empty option, one that is too long, and a message that is too short.
                0 => changed(target, number, |rest| rest[21] = 0),
                1 => changed(target, number, |rest| rest[21] = 2 + number as u8 % 200),
                _ => {
                    let length = random.below(20);
                    changed(target, number, |rest| rest.truncate(length))
                }
            };
            (0..600).map(frame).collect()
        },
        &[("ndp.malformed", Each), ("ndp.learnt", Not)],
    ),
    Attack::new(
        "nd_in_fragments",
        |target, _| {
            let (source, to) = (target.stranger(1), target.address);
            let rest = targeted(0, to, &mac_option(SOURCE_MAC, target.evil()));
            let message = icmpv6(source, to, (SOLICITATION, 0), &rest);
            let header =
                Ipv6 { hop_limit: LINK_HOPS, next_header: FRAGMENT, ..Ipv6::new(source, to, 0) };
            let bytes = [fragment_header(ICMPV6, 1, (0, false)), message].concat();
            vec![target.frame(target.evil(), &header.packet(&bytes)); 500]
        },
        &[("icmpv6.hidden_discovery", Each), ("ndp.learnt", Not)],
    ),
    // More routers than there are places, each of which wants to be the first.
    Attack::new(
        "ra_of_many_routers",
        |target, _| {
            let mtu = [5, 1, 0, 0, 0, 0, 5, 0];
            let says = |number| routes(target, number, &[&prefix(number)[..], &mtu].concat());
            (0..4000).map(says).collect()
        },
        &[("ndp.router_advertisements_rx", Each), ("ndp.lists_full", AtLeast(4000))],
    ),
    Attack::new(
        "ra_of_many_prefixes",
        |target, _| {
            let says = |number: u32| {
                let prefixes: Vec<_> = (0..40).flat_map(|n| prefix(number * 40 + n)).collect();
                routes(target, 1, &prefixes)
            };
            (0..200).map(says).collect()
        },
        &[("ndp.router_advertisements_rx", Each), ("ndp.lists_full", AtLeast(7000))],
    ),
    Attack::new(
        "ra_of_nothing_but_options",
        |target, _| vec![routes(target, 1, &[200, 1, 0, 0, 0, 0, 0, 0].repeat(170)); 500],
        &[("ndp.router_advertisements_rx", Each)],
    ),
    Attack::new(
        "ra_from_elsewhere",
        |target, _| {
            let rest = router(1, 0, 9000, &prefix(1));
            vec![target.message(target.stranger(1), ALL_NODES, ROUTER, &rest); 500]
        },
        &[("ndp.malformed", Each), ("ndp.lists_full", Not)],
    ),
    Attack::new(
        "redirects_of_who_is_no_router",
        |target, _| {
            let option = mac_option(TARGET_MAC, target.evil());
            let redirect = |number| {
                let (hop, host) = (target.link_local(9).octets(), target.host.octets());
                let rest = [&[0; 4][..], &hop, &host, &option].concat();
                target.message(target.link_local(number), target.address, REDIRECT, &rest)
            };
            (0..1000).map(redirect).collect()
        },
        &[("ndp.bad_redirects", Each), ("ndp.changed", Not)],
    ),
    Attack::new(
        "mld_queries",
        |target, _| queries(target, Ipv6Addr::UNSPECIFIED, ALL_NODES),
        &[("ndp.queries_rx", Each), ("ndp.reports_tx", AtMost(200))],
    ),
    Attack::new(
        "mld_queries_of_our_group",
        |target, _| {
            let group = solicited_node(target.address);
            queries(target, group, group)
        },
        &[("ndp.queries_rx", Each), ("ndp.reports_tx", AtMost(200))],
    ),
];

/// Questions for listeners, to be answered at once.
fn queries(target: &Target, group: Ipv6Addr, to: Ipv6Addr) -> Vec<Vec<u8>> {
    let rest = [&[0; 4][..], &group.octets(), &[2, 125, 0, 0]].concat();
    vec![target.frame(target.evil(), &listener(target.link_local(1), to, QUERY, &rest)); 4000]
}
