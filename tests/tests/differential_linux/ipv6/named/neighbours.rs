//! Neighbour Discovery of neighbours (RFC 4861 7, RFC 4862 5.4.3).

use std::net::Ipv6Addr;

use lab::soak::frames::{
    BROADCAST, Mac, UDP, ethernet,
    ipv6::{
        ALL_NODES, DESTINATION, ETHERTYPE, FRAGMENT, HOP_BY_HOP, ICMPV6, Ipv6, LINK_HOPS,
        SOURCE_MAC, TARGET_MAC, discovery, fragment_header, icmpv6, mac_option, options,
        solicited_node, targeted, udp,
    },
};

use super::{CLIENT, Case, case};
use crate::differential_linux::{
    frames::{OUR_MAC, PEER_MAC, PORT, STRANGER_MAC},
    ipv6::{
        frames::{FAR, GATEWAY, GROUP, PEER, STRANGER, US, from},
        tower::our_link_local,
    },
};

const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;
/// Another station that a neighbour may have.
const OTHER_MAC: Mac = [2, 0, 10, 0, 0, 77];

/// A solicitation from the station of the stranger.
fn asks(source: Ipv6Addr, destination: Ipv6Addr, target: Ipv6Addr, options: &[u8]) -> Vec<u8> {
    let rest = targeted(0, target, options);
    from(STRANGER_MAC, &discovery(source, destination, SOLICITATION, &rest))
}

/// A request of a host, whose station the answer goes to, if we know it.
fn request_of(source: Ipv6Addr) -> Vec<u8> {
    let bytes = udp((source, CLIENT), (US, PORT), b"hello");
    from(STRANGER_MAC, &Ipv6::new(source, US, UDP).packet(&bytes))
}

fn with_mac() -> Vec<u8> {
    mac_option(SOURCE_MAC, STRANGER_MAC)
}

/// The usual one.
fn plain() -> Vec<u8> {
    asks(STRANGER, solicited_node(US), US, &with_mac())
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = solicitations();
    cases.extend(damaged_solicitations());
    cases.extend(advertisements());
    cases.extend(odd_advertisements());
    cases
}

fn solicitations() -> Vec<Case> {
    let (local, any) = (our_link_local(), Ipv6Addr::UNSPECIFIED);
    let stranger_local = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 7);
    let mut cases = Vec::new();
    for source in [STRANGER, stranger_local, FAR, any, US, local, GROUP, Ipv6Addr::LOCALHOST] {
        for target in [US, local, STRANGER, GROUP, any, Ipv6Addr::LOCALHOST] {
            for destination in [solicited_node(target), target, US, ALL_NODES, GROUP] {
                for (how, option) in
                    [("with its station", with_mac()), ("without its station", Vec::new())]
                {
                    // Several of these are the same.
                    if target == GROUP && destination == target {
                        continue;
                    }
                    let name =
                        format!("{source} asks {destination} for {target} {how}, then a request");
                    let question = asks(source, destination, target, &option);
                    cases.push(case(name, [question, request_of(source)]));
                }
            }
        }
    }
    for (name, mac) in [
        ("another station", OTHER_MAC),
        ("all stations", BROADCAST),
        ("a group of stations", [0x33, 0x33, 0, 0, 0, 1]),
        ("no station", [0; 6]),
        ("our station", OUR_MAC),
    ] {
        let option = mac_option(SOURCE_MAC, mac);
        let question = asks(STRANGER, solicited_node(US), US, &option);
        let name = format!("a solicitation that names {name}, then a request");
        cases.push(case(name, [question, request_of(STRANGER)]));
    }
    let moved = asks(STRANGER, solicited_node(US), US, &mac_option(SOURCE_MAC, OTHER_MAC));
    cases.extend([
        case("a neighbour moves", [plain(), moved.clone(), request_of(STRANGER)]),
        case("a request, and then its sender asks", [request_of(STRANGER), plain()]),
        case("a solicitation, and no more", [plain()]),
        case("to all stations", {
            let rest = targeted(0, US, &with_mac());
            let packet = discovery(STRANGER, solicited_node(US), SOLICITATION, &rest);
            [ethernet(BROADCAST, STRANGER_MAC, ETHERTYPE, &packet)]
        }),
    ]);
    cases
}

/// What is wrong with a message: its packet is made by this.
type Damage = fn(Ipv6, Vec<u8>) -> Vec<u8>;

const DAMAGES: &[(&str, Damage)] = &[
    ("hop limit 254", |header, rest| Ipv6 { hop_limit: 254, ..header }.packet(&rest)),
    ("hop limit 64", |header, rest| Ipv6 { hop_limit: 64, ..header }.packet(&rest)),
    ("hop limit 1", |header, rest| Ipv6 { hop_limit: 1, ..header }.packet(&rest)),
    ("hop limit 0", |header, rest| Ipv6 { hop_limit: 0, ..header }.packet(&rest)),
    ("a wrong checksum", |header, mut rest| {
        rest[3] ^= 1;
        header.packet(&rest)
    }),
    ("no checksum", |header, mut rest| {
        rest[2..4].fill(0);
        header.packet(&rest)
    }),
    ("code 1", |header, mut rest| {
        rest[1] = 1;
        summed(header, rest)
    }),
    ("reserved bits", |header, mut rest| {
        rest[5..8].fill(0xff);
        summed(header, rest)
    }),
    ("23 bytes", |header, rest| summed(header, rest[..23].to_vec())),
    ("24 bytes", |header, rest| summed(header, rest[..24].to_vec())),
    ("8 bytes", |header, rest| summed(header, rest[..8].to_vec())),
    ("4 bytes", |header, rest| summed(header, rest[..4].to_vec())),
    ("a part of an option", |header, rest| summed(header, rest[..31].to_vec())),
    ("one byte of an option", |header, rest| summed(header, rest[..25].to_vec())),
    ("an option of length 0", |header, mut rest| {
        rest[25] = 0;
        summed(header, rest)
    }),
    ("an option that is too long", |header, mut rest| {
        rest[25] = 2;
        summed(header, rest)
    }),
    ("an option of 16 bytes", |header, mut rest| {
        rest[25] = 2;
        rest.extend([0; 8]);
        summed(header, rest)
    }),
    ("an option that nobody knows before it", |header, mut rest| {
        rest.splice(24..24, [200, 1, 0, 0, 0, 0, 0, 0]);
        summed(header, rest)
    }),
    ("an empty option after it", |header, mut rest| {
        rest.extend([200, 0, 0, 0, 0, 0, 0, 0]);
        summed(header, rest)
    }),
    ("its option twice", |header, mut rest| {
        rest.extend_from_within(24..32);
        let end = rest.len() - 1;
        rest[end] = 77;
        summed(header, rest)
    }),
    ("in a fragment", |header, rest| {
        let bytes = [fragment_header(ICMPV6, 1, (0, false)), rest].concat();
        Ipv6 { next_header: FRAGMENT, ..header }.packet(&bytes)
    }),
    ("behind options for the destination", |header, rest| {
        Ipv6 { next_header: DESTINATION, ..header }.packet(&[options(ICMPV6, &[]), rest].concat())
    }),
    ("behind options for each hop", |header, rest| {
        Ipv6 { next_header: HOP_BY_HOP, ..header }.packet(&[options(ICMPV6, &[]), rest].concat())
    }),
    ("a traffic class", |header, rest| Ipv6 { first: 0x6ff0_0000, ..header }.packet(&rest)),
];

/// The packet with the checksum that belongs to it.
fn summed(header: Ipv6, mut message: Vec<u8>) -> Vec<u8> {
    let rest = message.split_off(4);
    let kind = (message[0], message[1]);
    header.packet(&icmpv6(header.source, header.destination, kind, &rest))
}

/// The frame with a message of the stranger that was damaged.
pub(super) fn damaged(kind: u8, destination: Ipv6Addr, rest: &[u8], damage: Damage) -> Vec<u8> {
    let header = Ipv6 { hop_limit: LINK_HOPS, ..Ipv6::new(STRANGER, destination, ICMPV6) };
    from(STRANGER_MAC, &damage(header, icmpv6(STRANGER, destination, (kind, 0), rest)))
}

fn damaged_solicitations() -> Vec<Case> {
    let rest = targeted(0, US, &with_mac());
    let mut cases = Vec::new();
    for (name, damage) in DAMAGES {
        let name = format!("a solicitation with {name}");
        let frame = damaged(SOLICITATION, solicited_node(US), &rest, *damage);
        cases.push(case(name, [frame, request_of(STRANGER)]));
    }
    cases
}

/// How a neighbour can be known.
const STATES: [&str; 4] =
    ["nobody asked for", "that is asked for", "that has asked", "that has answered"];

/// What leads to this state.
fn leads_to(state: &str) -> Vec<Vec<u8>> {
    match state {
        "that is asked for" => vec![request_of(STRANGER)],
        "that has asked" => vec![plain()],
        "that has answered" => {
            let option = mac_option(TARGET_MAC, STRANGER_MAC);
            vec![request_of(STRANGER), says(0x60, US, &option)]
        }
        _ => Vec::new(),
    }
}

/// An advertisement of the stranger.
fn says(flags: u8, destination: Ipv6Addr, options: &[u8]) -> Vec<u8> {
    let rest = targeted(flags, STRANGER, options);
    from(STRANGER_MAC, &discovery(STRANGER, destination, ADVERTISEMENT, &rest))
}

/// The table of RFC 4861 7.2.5: each state, each flag, each station; and then where a reply goes.
fn advertisements() -> Vec<Case> {
    let mut cases = Vec::new();
    for state in STATES {
        for bits in 0..8u8 {
            for (where_, options) in [
                ("no station", Vec::new()),
                ("its station", mac_option(TARGET_MAC, STRANGER_MAC)),
                ("another station", mac_option(TARGET_MAC, OTHER_MAC)),
            ] {
                let flag = |bit: u8, name: &'static str| if bits & bit > 0 { name } else { "-" };
                let flags = [flag(4, "R"), flag(2, "S"), flag(1, "O")].concat();
                let name = format!("{flags} with {where_} of a neighbour {state}");
                let mut frames = leads_to(state);
                frames.extend([says(bits << 5, US, &options), request_of(STRANGER)]);
                cases.push(case(name, frames));
            }
        }
    }
    cases
}

fn odd_advertisements() -> Vec<Case> {
    let option = mac_option(TARGET_MAC, OTHER_MAC);
    let mut cases = Vec::new();
    for (name, damage) in DAMAGES {
        for state in ["that is asked for", "that has asked"] {
            let rest = targeted(0x60, STRANGER, &option);
            let mut frames = leads_to(state);
            frames.extend([damaged(ADVERTISEMENT, US, &rest, *damage), request_of(STRANGER)]);
            let name = format!("an advertisement with {name} of a neighbour {state}");
            cases.push(case(name, frames));
        }
    }
    for flags in [0x60, 0x20] {
        for state in ["that is asked for", "that has asked"] {
            let mut frames = leads_to(state);
            frames.extend([says(flags, ALL_NODES, &option), request_of(STRANGER)]);
            let name = format!("an advertisement {flags:#x} to all of a neighbour {state}");
            cases.push(case(name, frames));
            for (who, source) in [
                ("somebody else", FAR),
                ("nobody", Ipv6Addr::UNSPECIFIED),
                ("a group", GROUP),
                ("the gateway", GATEWAY),
            ] {
                let rest = targeted(flags, STRANGER, &option);
                let packet = discovery(source, US, ADVERTISEMENT, &rest);
                let mut frames = leads_to(state);
                frames.extend([from(STRANGER_MAC, &packet), request_of(STRANGER)]);
                let name = format!("an advertisement {flags:#x} of {who} for a neighbour {state}");
                cases.push(case(name, frames));
            }
            for (what, mac) in [
                ("all stations", BROADCAST),
                ("a group", [0x33, 0x33, 0, 0, 0, 1]),
                ("ours", OUR_MAC),
            ] {
                let mut frames = leads_to(state);
                let option = mac_option(TARGET_MAC, mac);
                frames.extend([says(flags, US, &option), request_of(STRANGER)]);
                let name = format!("an advertisement {flags:#x} of {what} for a neighbour {state}");
                cases.push(case(name, frames));
            }
        }
        // Somebody else says that it has what is ours, or what nobody has.
        for target in [US, our_link_local(), GROUP, Ipv6Addr::UNSPECIFIED] {
            let rest = targeted(flags, target, &option);
            let packet = discovery(target, ALL_NODES, ADVERTISEMENT, &rest);
            let name = format!("an advertisement {flags:#x} for {target}");
            cases.push(case(name, [from(PEER_MAC, &packet), super::request()]));
        }
        let rest = targeted(flags, PEER, &mac_option(TARGET_MAC, PEER_MAC));
        let packet = discovery(PEER, US, ADVERTISEMENT, &rest);
        let name = format!("an advertisement {flags:#x} of the peer");
        cases.push(case(name, [from(PEER_MAC, &packet), super::request()]));
    }
    cases
}
