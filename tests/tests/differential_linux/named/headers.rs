//! RFC 791, RFC 894, RFC 1122 3.2.1.

use std::net::Ipv4Addr;

use lab::soak::frames::{ICMP, Ipv4, UDP, ethernet};

use super::{
    Case, case,
    icmp::echo,
    udp::{datagram, hello_from},
};
use crate::differential_linux::frames::{
    ALL, CLOSED, IP, OUR_MAC, PEER, PEER_MAC, PORT, STRANGER, STRANGER_MAC, US, repair_header,
    repair_payload, to_us,
};

/// A packet from the peer with options, and with a header that was changed before its checksum was made.
pub(super) fn ip_with(
    protocol: u8,
    options: &[u8],
    payload: &[u8],
    change: impl FnOnce(&mut [u8]),
) -> Vec<u8> {
    let mut header = Ipv4::new(PEER, US, protocol);
    header.options = options.to_vec();
    let mut frame = to_us(&header.packet(payload));
    change(&mut frame[IP..]);
    repair_header(&mut frame);
    frame
}

/// A request, or a datagram to nobody, of which the header was changed.
fn udp_with(port: u16, options: &[u8], change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut frame = ip_with(UDP, options, &datagram(port, b"hello"), change);
    repair_payload(&mut frame);
    frame
}

pub(super) fn cases() -> Vec<Case> {
    let request = udp_with(PORT, &[], |_| {});
    let ping = ip_with(ICMP, &[], &echo(b"ping!"), |_| {});
    let mut damaged = request.clone();
    damaged[IP + 8] ^= 1;
    let from_mac = |mac: [u8; 6]| [&OUR_MAC[..], &mac, &request[12..]].concat();
    let to_mac = |mac: [u8; 6]| [&mac[..], &request[6..]].concat();
    let packet = &request[IP..];
    let tagged = |id: u8| [&request[..12], &[0x81, 0, 0, id, 8, 0], packet].concat();
    let snap = [&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], packet].concat();
    let mut cases = vec![
        case("a wrong checksum", [damaged]),
        case("a TTL of 0", [udp_with(PORT, &[], |header| header[8] = 0)]),
        case("a TTL of 1", [udp_with(PORT, &[], |header| header[8] = 1)]),
        case("a TTL of 1, to nobody", [udp_with(CLOSED, &[], |header| header[8] = 1)]),
        case("DF", [udp_with(PORT, &[], |header| header[6] = 0x40)]),
        case("DF, to nobody", [udp_with(CLOSED, &[], |header| header[6] = 0x40)]),
        case("the reserved flag", [udp_with(PORT, &[], |header| header[6] = 0x80)]),
        case("a type of service", [udp_with(PORT, &[], |header| header[1] = 0xb8)]),
        case("a type of service, to nobody", [udp_with(CLOSED, &[], |header| header[1] = 0xb8)]),
        case("to another station", [to_mac([2, 0, 10, 0, 0, 8])]),
        case("to us, in a frame for all", [to_mac(ALL)]),
        case("to us, in a frame for a group", [to_mac([1, 0, 0x5e, 0, 0, 1])]),
        case("from a group", [from_mac([3, 0, 0, 0, 0, 1])]),
        case("from our own hardware address", [from_mac(OUR_MAC)]),
        case(
            "a bad option of a packet for another",
            [udp_with(PORT, &[94, 1, 0, 0], |header| {
                header[19] = 8;
            })],
        ),
        case("an EtherType that nobody has", [ethernet(OUR_MAC, PEER_MAC, 0x88b5, packet)]),
        case("IPv4 called IPv6", [ethernet(OUR_MAC, PEER_MAC, 0x86dd, packet)]),
        case("IPv4 called ARP", [ethernet(OUR_MAC, PEER_MAC, 0x0806, packet)]),
        case("VLAN 0", [tagged(0)]),
        case("VLAN 7", [tagged(7)]),
        case("IEEE 802 with SNAP", [ethernet(OUR_MAC, PEER_MAC, snap.len() as u16, &snap)]),
        case("IEEE 802 without SNAP", [ethernet(OUR_MAC, PEER_MAC, packet.len() as u16, packet)]),
        case("bytes after the packet", [[request.clone(), vec![0xee; 40]].concat()]),
        case("no packet", [request[..IP].to_vec()]),
        case("a stranger asks", [hello_from(STRANGER_MAC, STRANGER)]),
        case("somebody far asks", [hello_from(PEER_MAC, Ipv4Addr::new(192, 0, 2, 9))]),
    ];
    for version in [0, 3, 5, 6, 15] {
        let change = |header: &mut [u8]| header[0] = version << 4 | 5;
        let mut frame = udp_with(PORT, &[], change);
        // The helper repairs version 4 alone.
        frame[IP + 10..IP + 12].fill(0);
        let sum = lab::soak::frames::checksum(&frame[IP..IP + 20]).to_be_bytes();
        frame[IP + 10..IP + 12].copy_from_slice(&sum);
        cases.push(case(format!("version {version}"), [frame]));
    }
    for ihl in [0, 1, 4, 6, 7, 15] {
        let frame = udp_with(PORT, &[], |header| header[0] = 0x40 | ihl);
        cases.push(case(format!("IHL {ihl}"), [frame]));
    }
    for length in [0, 19, 20, 21, 27, 28, 32, 34, 60, 65_535] {
        let change = |header: &mut [u8]| header[2..4].copy_from_slice(&u16::to_be_bytes(length));
        cases.push(case(format!("total length {length} of 33"), [udp_with(PORT, &[], change)]));
        let mut short = ping.clone();
        change(&mut short[IP..]);
        repair_header(&mut short);
        repair_payload(&mut short);
        cases.push(case(format!("total length {length} of 33, a ping"), [short]));
    }
    for length in [1, 19, 20, 27, 28] {
        let frame = request[..IP + length].to_vec();
        cases.push(case(format!("{length} bytes of a packet"), [frame]));
    }
    for source in SOURCES {
        let change = |header: &mut [u8]| header[12..16].copy_from_slice(&source.octets());
        cases.push(case(format!("from {source}"), [udp_with(PORT, &[], change)]));
        cases.push(case(format!("from {source} to nobody"), [udp_with(CLOSED, &[], change)]));
        let frame = ip_with(ICMP, &[], &echo(b"ping!"), change);
        cases.push(case(format!("a ping from {source}"), [frame]));
    }
    for destination in DESTINATIONS {
        let change = |header: &mut [u8]| header[16..20].copy_from_slice(&destination.octets());
        cases.push(case(format!("to {destination}"), [udp_with(PORT, &[], change)]));
        cases.push(case(format!("to {destination}, to nobody"), [udp_with(CLOSED, &[], change)]));
    }
    for protocol in [0, 2, 3, 4, 6, 17, 33, 41, 47, 50, 51, 61, 94, 132, 136, 253, 255] {
        let frame = ip_with(protocol, &[], b"nobody speaks this, do they?", |_| {});
        cases.push(case(format!("protocol {protocol}"), [frame]));
    }
    for (name, options) in OPTIONS {
        let request = udp_with(PORT, options, |_| {});
        let to_nobody = udp_with(CLOSED, options, |_| {});
        let ping = ip_with(ICMP, options, &echo(b"ping!"), |_| {});
        cases.push(case(format!("{name}, a request"), [request]));
        cases.push(case(format!("{name}, to nobody"), [to_nobody]));
        cases.push(case(format!("{name}, a ping"), [ping]));
    }
    cases
}

/// Sources that no other host has, and some that one has.
const SOURCES: [Ipv4Addr; 11] = [
    Ipv4Addr::UNSPECIFIED,
    Ipv4Addr::new(0, 1, 2, 3),
    Ipv4Addr::new(10, 0, 0, 0),
    US,
    Ipv4Addr::new(10, 0, 0, 255),
    Ipv4Addr::LOCALHOST,
    Ipv4Addr::new(169, 254, 1, 1),
    Ipv4Addr::new(224, 0, 0, 1),
    Ipv4Addr::new(239, 255, 255, 250),
    Ipv4Addr::new(240, 0, 0, 1),
    Ipv4Addr::BROADCAST,
];
const DESTINATIONS: [Ipv4Addr; 9] = [
    Ipv4Addr::UNSPECIFIED,
    Ipv4Addr::new(10, 0, 0, 0),
    PEER,
    Ipv4Addr::new(10, 0, 0, 8),
    Ipv4Addr::LOCALHOST,
    Ipv4Addr::new(127, 0, 0, 2),
    Ipv4Addr::new(192, 0, 2, 1),
    Ipv4Addr::new(224, 0, 0, 251),
    Ipv4Addr::new(240, 0, 0, 1),
];

const OPTIONS: &[(&str, &[u8])] = &[
    ("no operation", &[1, 1, 1, 1]),
    ("end of options", &[0, 0, 0, 0]),
    ("an end before nonsense", &[0, 7, 1, 9]),
    ("an empty record route", &[7, 7, 4, 0, 0, 0, 0, 0]),
    ("a full record route", &[7, 7, 8, 10, 0, 0, 9, 0]),
    ("a record route with pointer 3", &[7, 7, 3, 0, 0, 0, 0, 0]),
    ("a record route of 3 bytes", &[7, 3, 4, 0]),
    ("a record route with a piece of an address", &[7, 6, 4, 0, 0, 0, 0, 0]),
    ("a record route with room for a piece of an address", &[7, 8, 4, 0, 0, 0, 0, 0]),
    ("a time stamp", &[68, 8, 5, 0, 0, 0, 0, 0]),
    ("a time stamp with our address", &[68, 12, 5, 3, 10, 0, 0, 2, 0, 0, 0, 0]),
    ("a full time stamp", &[68, 8, 9, 0, 0, 0, 0, 7]),
    ("a time stamp with pointer 4", &[68, 8, 4, 0, 0, 0, 0, 0]),
    ("a time stamp of 3 bytes", &[68, 3, 5, 0]),
    ("a source route that ends here", &[131, 7, 8, 10, 0, 0, 9, 0]),
    ("a strict source route that ends here", &[137, 7, 8, 10, 0, 0, 9, 0]),
    ("a source route that goes on", &[131, 7, 4, 10, 0, 0, 9, 0]),
    ("a strict source route that goes on", &[137, 7, 4, 10, 0, 0, 9, 0]),
    ("a source route with pointer 3", &[131, 7, 3, 10, 0, 0, 9, 0]),
    ("a source route with a piece of an address", &[137, 6, 5, 0, 0, 0, 0, 0]),
    ("two source routes", &[131, 7, 8, 10, 0, 0, 9, 131, 7, 8, 10, 0, 0, 9, 0, 0]),
    ("a source route of 2 bytes", &[131, 2, 0, 0]),
    ("a router alert", &[148, 4, 0, 0]),
    ("a router alert of 3 bytes", &[148, 3, 0, 0]),
    ("a stream identifier", &[136, 4, 0, 7]),
    ("security", &[130, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    ("commercial security", &[134, 6, 0, 0, 0, 1, 0, 0]),
    ("an option that nobody has", &[94, 4, 1, 2]),
    ("length 0", &[94, 0, 0, 0]),
    ("length 1", &[94, 1, 0, 0]),
    ("a length beyond the header", &[94, 5, 0, 0]),
    ("no length", &[1, 1, 1, 94]),
];
