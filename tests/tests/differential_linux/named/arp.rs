//! RFC 826, RFC 5227.

use std::net::Ipv4Addr;

use lab::soak::frames::{Mac, arp, ethernet};

use super::{Case, case, udp::hello_from};
use crate::differential_linux::frames::{
    ALL, ARP, OUR_MAC, PEER, PEER_MAC, STRANGER, STRANGER_MAC, US,
};

const NONE: Mac = [0; 6];
const NOBODY: Ipv4Addr = Ipv4Addr::UNSPECIFIED;
const REQUEST: u16 = 1;
const REPLY: u16 = 2;

/// A request of the stranger for our address.
fn request() -> Vec<u8> {
    asks((STRANGER_MAC, STRANGER), US)
}

fn asks(sender: (Mac, Ipv4Addr), target: Ipv4Addr) -> Vec<u8> {
    ethernet(ALL, sender.0, ARP, &arp(REQUEST, sender, (NONE, target)))
}

/// A request of the stranger with one byte of the ARP packet changed.
fn request_with(at: usize, byte: u8) -> Vec<u8> {
    let mut frame = request();
    frame[14 + at] = byte;
    frame
}

fn replies(sender: (Mac, Ipv4Addr)) -> Vec<u8> {
    ethernet(OUR_MAC, sender.0, ARP, &arp(REPLY, sender, (OUR_MAC, US)))
}

pub(super) fn cases() -> Vec<Case> {
    let other_mac: Mac = [2, 0, 10, 0, 0, 9];
    let (stranger, moved) = ((STRANGER_MAC, STRANGER), (other_mac, STRANGER));
    let asked = hello_from(STRANGER_MAC, STRANGER);
    let unicast = |frame: &[u8], mac: Mac| [&mac[..], &frame[6..]].concat();
    let mut cases = vec![
        case("a request, and what it teaches", [request(), asked.clone()]),
        case("a request of the peer", [asks((PEER_MAC, PEER), US)]),
        case("a request to us alone", [unicast(&request(), OUR_MAC), asked.clone()]),
        case("a request to another station", [unicast(&request(), other_mac)]),
        case("a request to a group", [unicast(&request(), [1, 0, 0x5e, 0, 0, 1])]),
        case("a request for another", [asks(stranger, Ipv4Addr::new(10, 0, 0, 8)), asked.clone()]),
        case(
            "a request of somebody outside our network",
            [
                asks((STRANGER_MAC, Ipv4Addr::new(192, 168, 9, 9)), US),
                hello_from(STRANGER_MAC, Ipv4Addr::new(192, 168, 9, 9)),
            ],
        ),
        case("a probe for our address", [asks((STRANGER_MAC, NOBODY), US)]),
        case("a probe for another address", [asks((STRANGER_MAC, NOBODY), STRANGER)]),
        case("a probe to us alone", [unicast(&asks((STRANGER_MAC, NOBODY), US), OUR_MAC)]),
        case("an announcement teaches nothing", [asks(stranger, STRANGER), asked.clone()]),
        case(
            "an announcement as a reply teaches nothing",
            [
                ethernet(ALL, STRANGER_MAC, ARP, &arp(REPLY, stranger, (ALL, STRANGER))),
                asked.clone(),
            ],
        ),
        case("a reply that nobody asked for teaches nothing", [replies(stranger), asked.clone()]),
        case("a neighbour is asked for, and answers", [asked.clone(), replies(stranger)]),
        case("a neighbour that was asked for asks", [asked.clone(), request()]),
        case(
            "a neighbour that was asked for announces itself",
            [asked.clone(), asks(stranger, STRANGER), replies(stranger)],
        ),
        case(
            "a request to a group that nobody joined",
            [unicast(&request(), [1, 0, 0x5e, 0, 0, 9])],
        ),
        case("two wait for a neighbour", [asked.clone(), asked.clone(), replies(stranger)]),
        case("another answers", [asked.clone(), replies((other_mac, PEER)), replies(stranger)]),
        case(
            "a neighbour moves, and asks",
            [request(), asks(moved, US), hello_from(other_mac, STRANGER)],
        ),
        case(
            "a neighbour moves, and announces it",
            [request(), asked.clone(), asks(moved, STRANGER), asked.clone()],
        ),
        case(
            "the peer, who is fixed, moves",
            [asks((other_mac, PEER), US), hello_from(PEER_MAC, PEER)],
        ),
        case("somebody else announces our address", [asks((STRANGER_MAC, US), US)]),
        case("somebody else asks with our address", [asks((STRANGER_MAC, US), PEER)]),
        case("somebody else answers with our address", [replies((STRANGER_MAC, US))]),
        case("a request with our own hardware address", [asks((OUR_MAC, STRANGER), US)]),
        case(
            "a sender that is a group",
            [ethernet(
                ALL,
                STRANGER_MAC,
                ARP,
                &arp(REQUEST, ([3, 0, 0, 0, 0, 1], STRANGER), (NONE, US)),
            )],
        ),
        case(
            "a sender that is not the station",
            [ethernet(ALL, other_mac, ARP, &arp(REQUEST, stranger, (NONE, US)))],
        ),
        case(
            "a sender that is not the station, and what it teaches",
            [ethernet(ALL, other_mac, ARP, &arp(REQUEST, stranger, (NONE, US))), asked.clone()],
        ),
        case(
            "a neighbour that was asked for answers in the frame of another",
            [
                asked.clone(),
                ethernet(OUR_MAC, other_mac, ARP, &arp(REPLY, stranger, (OUR_MAC, US))),
            ],
        ),
        case("hardware type 0", [request_with(1, 0)]),
        case("hardware type 2", [request_with(1, 2)]),
        case("hardware type 6, IEEE 802", [request_with(1, 6)]),
        case("hardware type 256", [request_with(0, 1)]),
        case("another protocol", [request_with(2, 0x86)]),
        case("hardware addresses of 8 bytes", [request_with(4, 8)]),
        case("hardware addresses of no bytes", [request_with(4, 0)]),
        case("protocol addresses of 16 bytes", [request_with(5, 16)]),
        case("protocol addresses of no bytes", [request_with(5, 0)]),
        case("bytes that follow", [[request(), vec![0xee; 99]].concat()]),
        case(
            "a target's hardware address in a request",
            [[&request()[..32], &[7; 6], &US.octets()].concat()],
        ),
    ];
    for operation in [0, 3, 4, 8, 9, 10, 255] {
        cases.push(case(format!("operation {operation}"), [request_with(7, operation)]));
    }
    for length in [0, 1, 8, 27] {
        let frame = request()[..14 + length].to_vec();
        cases.push(case(format!("{length} bytes of a request"), [frame]));
    }
    for sender in SENDERS {
        let name = format!("a request of {sender}");
        cases.push(case(name, [asks((STRANGER_MAC, sender), US)]));
    }
    for target in TARGETS {
        let name = format!("a request for {target}");
        cases.push(case(name, [asks(stranger, target)]));
    }
    cases
}

/// Addresses that no other host of our network has.
const SENDERS: [Ipv4Addr; 8] = [
    Ipv4Addr::new(0, 0, 0, 1),
    Ipv4Addr::new(10, 0, 0, 0),
    Ipv4Addr::new(10, 0, 0, 255),
    Ipv4Addr::new(127, 0, 0, 1),
    Ipv4Addr::new(224, 0, 0, 1),
    Ipv4Addr::new(239, 255, 255, 250),
    Ipv4Addr::new(240, 0, 0, 1),
    Ipv4Addr::BROADCAST,
];
const TARGETS: [Ipv4Addr; 6] = [
    Ipv4Addr::UNSPECIFIED,
    Ipv4Addr::new(10, 0, 0, 0),
    Ipv4Addr::new(10, 0, 0, 255),
    Ipv4Addr::LOCALHOST,
    Ipv4Addr::new(224, 0, 0, 1),
    Ipv4Addr::BROADCAST,
];
