//! RFC 792, RFC 1122 3.2.2, RFC 1191.

use std::net::Ipv4Addr;

use lab::soak::frames::{self, DONT_FRAGMENT, ICMP, Ipv4, UDP, ethernet};
use testkit::Random;

use super::{Case, case, headers::ip_with, udp::datagram};
use crate::differential_linux::frames::{
    ALL, CLOSED, IPV4, PEER, PEER_MAC, PORT, STRANGER, US, to_us,
};

/// Identifier and sequence number of an echo request.
const ID: [u8; 4] = [0x12, 0x34, 0, 1];

/// A message from the peer.
fn message(message_type: u8, code: u8, rest: &[u8]) -> Vec<u8> {
    to_us(&Ipv4::new(PEER, US, ICMP).packet(&frames::icmp(message_type, code, rest)))
}

/// A message to many.
fn to_many(destination: Ipv4Addr, rest: &[u8]) -> Vec<u8> {
    let mac = if destination.is_multicast() { [1, 0, 0x5e, 0, 0, 1] } else { ALL };
    let packet = Ipv4::new(PEER, destination, ICMP).packet(&frames::icmp(8, 0, rest));
    ethernet(mac, PEER_MAC, IPV4, &packet)
}

/// An echo request.
pub(super) fn echo(data: &[u8]) -> Vec<u8> {
    frames::icmp(8, 0, &[&ID[..], data].concat())
}

/// What we would have sent to the peer's client.
fn reply(length: usize) -> Vec<u8> {
    from(PORT, DONT_FRAGMENT, length)
}

fn from(port: u16, flags: u16, length: usize) -> Vec<u8> {
    let bytes = frames::udp((US, port), (PEER, 5000), &vec![7; length]);
    Ipv4 { flags_offset: flags, ..Ipv4::new(US, PEER, UDP) }.packet(&bytes)
}

/// A packet of the peer that is too long for a link of `mtu` bytes, and one that is not.
fn after_too_big(mtu: u16) -> [Vec<u8>; 5] {
    after_too_big_of(&reply(1000), mtu)
}

fn after_too_big_of(packet: &[u8], mtu: u16) -> [Vec<u8>; 5] {
    let [high, low] = mtu.to_be_bytes();
    let said = [&[0, 0, high, low], &packet[..28]].concat();
    let request = |length: usize| super::udp::carries(&datagram(PORT, &vec![7; length]));
    [request(1000), message(3, 4, &said), request(1000), request(400), request(20)]
}

pub(super) fn cases() -> Vec<Case> {
    let plain = echo(b"ping!");
    let packet = |bytes: &[u8]| to_us(&Ipv4::new(PEER, US, ICMP).packet(bytes));
    let mut damaged = plain.clone();
    damaged[9] ^= 0x80;
    let to_nobody = Ipv4::new(PEER, US, UDP).packet(&datagram(CLOSED, b"hello"));
    let mut cases = vec![
        case("a ping", [packet(&plain)]),
        case("a ping with a wrong checksum", [packet(&damaged)]),
        case("a ping with bytes after the packet", [[packet(&plain), vec![9; 30]].concat()]),
        case("a ping with another code", [message(8, 7, &[&ID[..], b"ping!"].concat())]),
        case("an echo reply", [message(0, 0, &[&ID[..], b"ping!"].concat())]),
        case("a ping to all", [to_many(Ipv4Addr::BROADCAST, &ID)]),
        case("a ping to all of the network", [to_many(Ipv4Addr::new(10, 0, 0, 255), &ID)]),
        case("a ping to all hosts", [to_many(Ipv4Addr::new(224, 0, 0, 1), &ID)]),
        case(
            "a ping with a type of service",
            [ip_with(ICMP, &[], &plain, |header| {
                header[1] = 0xb8;
            })],
        ),
        case("a ping with congestion", [ip_with(ICMP, &[], &plain, |header| header[1] = 3)]),
        case("a ping of a stranger", [to_us(&Ipv4::new(STRANGER, US, ICMP).packet(&plain))]),
        case(
            "a ping from far",
            [to_us(&Ipv4::new(Ipv4Addr::new(192, 0, 2, 9), US, ICMP).packet(&plain))],
        ),
        case(
            "no error about an error",
            [ip_with(
                ICMP,
                &[131, 7, 4, 10, 0, 0, 9, 0],
                &frames::icmp(3, 3, &[&[0; 4], &reply(5)[..]].concat()),
                |_| {},
            )],
        ),
        case(
            "no error about an error with a bad option",
            [ip_with(
                ICMP,
                &[7, 1, 0, 0],
                &frames::icmp(11, 0, &[&[0; 4], &reply(5)[..]].concat()),
                |_| {},
            )],
        ),
        case(
            "an error about a bad option of a ping",
            [ip_with(ICMP, &[7, 1, 0, 0], &plain, |_| {})],
        ),
    ];
    for length in [0, 1, 2, 17, 18, 56, 1471, 1472] {
        let data = Random::new(length as u64).bytes(length);
        cases.push(case(format!("a ping of {length} bytes"), [packet(&echo(&data))]));
    }
    for length in 0..8 {
        let mut bytes = plain[..length].to_vec();
        cases.push(case(format!("{length} bytes of a ping"), [packet(&bytes)]));
        if length >= 4 {
            bytes[2..4].fill(0);
            let sum = frames::checksum(&bytes).to_be_bytes();
            bytes[2..4].copy_from_slice(&sum);
            let name = format!("{length} bytes of a ping with a checksum of their own");
            cases.push(case(name, [packet(&bytes)]));
        }
    }
    // Source quench, redirect, router messages, timestamps, information, address masks, traceroute,
    // extended echo (RFC 8335), and what nobody has.
    for message_type in [1, 4, 5, 9, 10, 13, 14, 15, 16, 17, 18, 30, 42, 43, 255] {
        let rest = [&[10, 0, 0, 9], &reply(5)[..]].concat();
        let name = format!("a message of type {message_type}, and then a request");
        let request = super::udp::carries(&datagram(PORT, b"hello"));
        cases.push(case(name, [message(message_type, 0, &rest), request]));
    }
    for (message_type, code) in [
        (3, 0),
        (3, 1),
        (3, 2),
        (3, 3),
        (3, 5),
        (3, 13),
        (3, 15),
        (3, 99),
        (11, 0),
        (11, 1),
        (12, 0),
    ] {
        for (about, quote) in [
            ("what we sent", reply(5)),
            ("the beginning of it", reply(5)[..28].to_vec()),
            ("less than 8 bytes of it", reply(5)[..27].to_vec()),
            ("less than a header of it", reply(5)[..19].to_vec()),
            ("what we did not send", to_nobody.clone()),
        ] {
            let name = format!("type {message_type}, code {code} about {about}");
            let request = super::udp::carries(&datagram(PORT, b"hello"));
            let error = message(message_type, code, &[&[0; 4], &quote[..]].concat());
            cases.push(case(name, [error, request]));
        }
    }
    for mtu in [1400, 600, 552, 551, 500, 296, 68] {
        cases.push(case(format!("an MTU of {mtu} bytes"), after_too_big(mtu)).alone());
    }
    for mtu in [67, 1, 0, 1500, 65_535] {
        cases.push(case(format!("an MTU that is none: {mtu}"), after_too_big(mtu)).alone());
    }
    for (name, packet) in [
        ("an MTU of what a closed port sent", from(CLOSED, DONT_FRAGMENT, 1000)),
        ("an MTU of what routers may fragment", from(PORT, 0, 1000)),
        ("an MTU of what fits", reply(500)),
    ] {
        cases.push(case(name, after_too_big_of(&packet, 600)).alone());
    }
    let [large, larger_mtu, ..] = after_too_big(1400);
    let [_, smaller_mtu, ..] = after_too_big(600);
    cases.push(case("an MTU grows", [smaller_mtu, larger_mtu, large]).alone());
    cases
}
