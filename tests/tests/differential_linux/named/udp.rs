//! RFC 768, RFC 1122 4.1.

use std::net::Ipv4Addr;

use lab::soak::frames::{self, Ipv4, Mac, UDP, ethernet};
use testkit::Random;

use super::{Case, case};
use crate::differential_linux::frames::{
    ALL, CLOSED, IP, IPV4, OUR_MAC, PEER, PEER_MAC, PORT, US, repair_header, repair_payload, to_us,
};

/// The port that requests come from.
const CLIENT: u16 = 5000;

/// A request from any station, and the address that it says it has.
pub(super) fn hello_from(mac: Mac, source: Ipv4Addr) -> Vec<u8> {
    let datagram = frames::udp((source, CLIENT), (US, PORT), b"hello");
    ethernet(OUR_MAC, mac, IPV4, &Ipv4::new(source, US, UDP).packet(&datagram))
}

/// A datagram from the peer, as it should be.
pub(super) fn datagram(port: u16, payload: &[u8]) -> Vec<u8> {
    frames::udp((PEER, CLIENT), (US, port), payload)
}

/// A frame with these bytes as UDP.
pub(super) fn carries(datagram: &[u8]) -> Vec<u8> {
    to_us(&Ipv4::new(PEER, US, UDP).packet(datagram))
}

/// A request with a header that was changed, and with the checksum that belongs to that.
fn with(port: u16, change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut bytes = datagram(port, b"hello");
    change(&mut bytes);
    let mut frame = carries(&bytes);
    repair_payload(&mut frame);
    frame
}

/// A request in a frame to `mac` for `destination`.
fn to_many(mac: Mac, destination: Ipv4Addr, port: u16) -> Vec<u8> {
    let bytes = frames::udp((PEER, CLIENT), (destination, port), b"hello");
    ethernet(mac, PEER_MAC, IPV4, &Ipv4::new(PEER, destination, UDP).packet(&bytes))
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for port in [PORT, CLOSED] {
        let plain = datagram(port, b"hello");
        let damaged = |at: usize| {
            let mut bytes = plain.clone();
            bytes[at] ^= 1;
            carries(&bytes)
        };
        let without_checksum = [&plain[..6], &[0, 0], &plain[8..]].concat();
        let and = |name: &str| format!("{name}, port {port}");
        cases.extend([
            case(and("a datagram"), [carries(&plain)]),
            case(and("no checksum"), [carries(&without_checksum)]),
            case(and("a wrong checksum"), [damaged(7)]),
            case(and("damage in the data"), [damaged(12)]),
            case(and("damage in a port"), [damaged(0)]),
            case(and("bytes after the datagram"), [carries(&[&plain[..], &[0xee; 5]].concat())]),
            case(and("from port 0"), [with(port, |header| header[..2].fill(0))]),
            case(
                and("from the same port"),
                [with(port, |header| {
                    header[..2].copy_from_slice(&port.to_be_bytes());
                })],
            ),
            case(and("a checksum that is computed as 0"), [carries(&sums_to_zero(port))]),
            case(and("a broadcast"), [to_many(ALL, Ipv4Addr::BROADCAST, port)]),
            case(
                and("a broadcast of the network"),
                [to_many(ALL, Ipv4Addr::new(10, 0, 0, 255), port)],
            ),
            case(
                and("a broadcast in a frame to us alone"),
                [to_many(OUR_MAC, Ipv4Addr::BROADCAST, port)],
            ),
            case(
                and("to all hosts"),
                [to_many([1, 0, 0x5e, 0, 0, 1], Ipv4Addr::new(224, 0, 0, 1), port)],
            ),
            case(
                and("to all hosts, in a frame to us alone"),
                [to_many(OUR_MAC, Ipv4Addr::new(224, 0, 0, 1), port)],
            ),
            case(
                and("to a group that nobody joined"),
                [to_many([1, 0, 0x5e, 0, 0, 9], Ipv4Addr::new(224, 0, 0, 9), port)],
            ),
        ]);
        for length in [0, 7, 8, 9, 12, 14, 65_535] {
            let said = |header: &mut [u8]| header[4..6].copy_from_slice(&u16::to_be_bytes(length));
            cases.push(case(and(&format!("length {length} of 13")), [with(port, said)]));
            let mut bytes = without_checksum.clone();
            said(&mut bytes);
            let name = format!("length {length} of 13 without a checksum");
            cases.push(case(and(&name), [carries(&bytes)]));
        }
        for length in [0, 1, 7, 8] {
            let name = format!("{length} bytes of a datagram");
            cases.push(case(and(&name), [carries(&plain[..length])]));
        }
    }
    for source in [7, 53, 1023, 1900, 5060] {
        let from = |header: &mut [u8]| header[..2].copy_from_slice(&u16::to_be_bytes(source));
        cases.push(case(format!("from port {source}"), [with(PORT, from)]));
    }
    for ttl in [0, 1, 2, 255] {
        let mut frame = carries(&datagram(PORT, b"hello"));
        frame[IP + 8] = ttl;
        repair_header(&mut frame);
        cases.push(case(format!("time to live {ttl}"), [frame]));
    }
    cases.push(case("to port 0", [with(PORT, |header| header[2..4].fill(0))]));
    // 1,472 bytes are the last that fit in a packet.
    for length in [0, 1, 2, 17, 18, 19, 500, 1471, 1472] {
        let bytes = Random::new(length as u64).bytes(length);
        let frame = carries(&datagram(PORT, &bytes));
        cases.push(case(format!("an echo of {length} bytes"), [frame]));
        let frame = carries(&datagram(CLOSED, &bytes));
        cases.push(case(format!("{length} bytes to a closed port"), [frame]));
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
