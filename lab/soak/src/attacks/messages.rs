//! Attacks with ICMP and UDP (RFC 792, RFC 1122 3.2.2 and 4.1, RFC 1191, RFC 768).

use std::net::Ipv4Addr;

use super::{
    super::frames::{self, BROADCAST, DONT_FRAGMENT, Ipv4, ethernet, icmp, udp},
    Attack,
    Moved::{AtLeast, Each, Not, Per},
    Target,
};

const UNREACHABLE: u8 = 3;
const FRAGMENTATION_NEEDED: u8 = 4;

pub(super) const ICMP: &[Attack] = &[
    // The echo requests of many, in whose name one asks: who answers a broadcast helps to drown them.
    Attack::new(
        "icmp_smurf",
        |target, _| {
            let echo = icmp(8, 0, &[7; 60]);
            let frame = |number: usize| {
                let to = [target.broadcast(), Ipv4Addr::BROADCAST][number % 2];
                let packet = Ipv4::new(target.host, to, frames::ICMP).packet(&echo);
                ethernet(BROADCAST, target.host_mac, 0x0800, &packet)
            };
            (0..500).map(frame).collect()
        },
        &[("icmp.broadcast_echo_requests", Each), ("icmp.messages_tx", Not)],
    ),
    Attack::new(
        "icmp_echo_flood",
        |target, random| messages(target, 1000, |_| icmp(8, 0, &random.bytes(1400))),
        &[("icmp.echo_requests", Each), ("icmp.messages_tx", Each)],
    ),
    Attack::new(
        "icmp_checksums",
        |target, random| {
            messages(target, 500, |_| {
                let mut message = icmp(8, 0, &[7; 60]);
                message[2 + random.below(2)] ^= 1 << random.below(8);
                message
            })
        },
        &[("icmp.bad_checksum", Each), ("icmp.messages_tx", Not)],
    ),
    Attack::new(
        "icmp_short",
        |target, _| messages(target, 400, |number| vec![0; number % 8]),
        &[("icmp.short", Each)],
    ),
    Attack::new(
        "icmp_unknown_types",
        |target, random| messages(target, 500, |_| icmp(50 + random.below(200) as u8, 0, &[0; 40])),
        &[("icmp.unknown_types", Each), ("icmp.messages_tx", Not)],
    ),
    Attack::new(
        "icmp_redirects",
        |target, _| {
            let rest = [&target.evil()[2..], &ours(target, target.host)].concat();
            messages(target, 500, |_| icmp(5, 1, &rest))
        },
        &[("icmp.redirects", Each)],
    ),
    Attack::new(
        "icmp_source_quenches",
        |target, _| messages(target, 500, |_| icmp(4, 0, &error(&ours(target, target.host), 0))),
        &[("icmp.source_quenches", Each)],
    ),
    Attack::new(
        "icmp_errors_of_others",
        |target, _| {
            let quoted = Ipv4::new(target.host, target.address, frames::UDP).packet(&[0; 8]);
            messages(target, 500, |_| icmp(UNREACHABLE, 3, &error(&quoted, 0)))
        },
        &[("icmp.errors_not_ours", Each), ("udp.icmp_errors", Not)],
    ),
    Attack::new(
        "icmp_errors_of_nothing",
        |target, random| {
            messages(target, 500, |_| {
                let length = random.below(20);
                icmp(UNREACHABLE, 3, &error(&random.bytes(length), 0))
            })
        },
        &[("icmp.malformed_errors", Each), ("udp.icmp_errors", Not)],
    ),
    // Nobody can tell them from true ones: they are hints, and end nothing (RFC 1122 3.2.2.1).
    Attack::new(
        "icmp_forged_errors",
        |target, _| {
            messages(target, 500, |number| {
                icmp(
                    UNREACHABLE,
                    [0, 1, 2, 3, 13][number % 5],
                    &error(&ours(target, target.host), 0),
                )
            })
        },
        &[("icmp.errors_rx", Each), ("udp.icmp_errors", Each)],
    ),
    Attack::new(
        "icmp_path_mtu_below_68",
        |target, random| {
            messages(target, 500, |_| {
                let mtu = 1 + random.below(67) as u16;
                too_big(&large(target, target.host, target.port), mtu)
            })
        },
        &[("icmp.bad_mtus", Each)],
    ),
    Attack::new(
        "icmp_path_mtu_forged",
        |target, random| {
            messages(target, 500, |number| {
                let mtu = if number == 499 { 68 } else { 68 + random.below(1400) as u16 };
                too_big(&large(target, target.host, target.port), mtu)
            })
        },
        &[
            ("icmp.errors_rx", Each),
            ("icmp.bad_mtus", Not),
            ("udp.paths_unconfirmed", Not),
            ("ipv4.small_mtus", AtLeast(100)),
        ],
    ),
    // About a packet that no router has to cut: one that fits, and one without DF.
    Attack::new(
        "icmp_path_mtu_that_cannot_be",
        |target, _| {
            messages(target, 500, |number| {
                let mut packet = large(target, target.host, target.port);
                if number % 2 == 0 {
                    packet[6] = 0;
                }
                too_big(&packet, [552, 1500][number % 2])
            })
        },
        &[("icmp.bad_mtus", Each), ("ipv4.small_mtus", Not)],
    ),
    // About a protocol that is not spoken, and about a port that is not bound.
    Attack::new(
        "icmp_path_mtu_of_what_was_not_sent",
        |target, _| {
            messages(target, 500, |number| {
                let mut packet = large(target, target.host, 9);
                if number % 2 == 0 {
                    packet[9] = 6;
                }
                too_big(&packet, 68)
            })
        },
        &[
            ("icmp.unwanted_errors", Per(2)),
            ("udp.paths_unconfirmed", Per(2)),
            ("ipv4.small_mtus", Not),
        ],
    ),
    Attack::new(
        "icmp_path_mtu_of_many",
        |target, _| {
            messages(target, 500, |number| {
                too_big(&large(target, target.stranger(number), target.port), 576)
            })
        },
        &[("icmp.errors_rx", Each), ("udp.paths_unconfirmed", Not)],
    ),
];

pub(super) const UDP: &[Attack] = &[
    Attack::new(
        "udp_checksums",
        |target, random| {
            datagrams(target, 500, |_| {
                let mut datagram = target.silent_request(&[7; 100]);
                datagram[8 + random.below(100)] ^= 1 << random.below(8);
                datagram
            })
        },
        &[("udp.bad_checksum", Each), ("udp.no_reply_port", Not)],
    ),
    Attack::new(
        "udp_lengths",
        |target, random| {
            datagrams(target, 500, |number| {
                let mut datagram = target.silent_request(&[7; 100]);
                let lie =
                    if number % 2 == 0 { random.below(8) } else { 109 + random.below(65_000) };
                datagram[4..6].copy_from_slice(&(lie as u16).to_be_bytes());
                datagram
            })
        },
        &[("udp.bad_length", Each), ("udp.no_reply_port", Not)],
    ),
    Attack::new(
        "udp_short",
        |target, _| datagrams(target, 400, |number| vec![0x1f; number % 8]),
        &[("udp.short", Each)],
    ),
    Attack::new(
        "udp_from_port_0",
        |target, random| {
            datagrams(target, 500, |_| {
                let length = random.below(1400);
                target.silent_request(&random.bytes(length))
            })
        },
        &[("udp.no_reply_port", Each)],
    ),
    Attack::new(
        "udp_to_port_0",
        |target, _| datagrams(target, 500, |_| udp((target.host, 4000), (target.address, 0), b"x")),
        &[("udp.no_service", Each), ("icmp.errors_limited", AtLeast(1))],
    ),
    Attack::new(
        "udp_port_scan",
        |target, _| {
            let to = |number: usize| (target.address, 10_000 + number as u16);
            datagrams(target, 3000, |number| udp((target.host, 4000), to(number), b"x"))
        },
        &[
            ("udp.no_service", Each),
            ("icmp.errors_tx", AtLeast(10)),
            ("icmp.errors_limited", AtLeast(1000)),
        ],
    ),
    Attack::new(
        "udp_broadcasts_to_a_closed_port",
        |target, _| {
            let frame = |number: usize| {
                let to = [target.broadcast(), Ipv4Addr::BROADCAST][number % 2];
                let datagram = udp((target.host, 4000), (to, 9), b"x");
                let packet = Ipv4::new(target.host, to, frames::UDP).packet(&datagram);
                ethernet(BROADCAST, target.host_mac, 0x0800, &packet)
            };
            (0..500).map(frame).collect()
        },
        &[("udp.no_service", Each), ("icmp.errors_tx", Not)],
    ),
    Attack::new(
        "udp_broadcast_requests",
        |target, _| {
            let frame = |number: usize| {
                let to = [target.broadcast(), Ipv4Addr::BROADCAST][number % 2];
                let datagram = udp((target.host, 4000), (to, target.port), b"x");
                let packet = Ipv4::new(target.host, to, frames::UDP).packet(&datagram);
                ethernet(BROADCAST, target.host_mac, 0x0800, &packet)
            };
            (0..500).map(frame).collect()
        },
        &[("udp.broadcasts", Each)],
    ),
    // In the name of services that would answer the reply: echo, chargen, DNS, NTP, SIP, memcached, and the service itself.
    Attack::new(
        "udp_from_services",
        |target, _| {
            let sources = [7, 19, 53, 123, 5060, 11_211, target.port];
            let to = (target.address, target.port);
            datagrams(target, 700, |number| udp((target.host, sources[number % 7]), to, b"x"))
        },
        &[("udp.service_ports", Each)],
    ),
    // Every reply would have to wait for somebody who is not there.
    Attack::new(
        "udp_from_nobody",
        |target, _| {
            let frame = |number| {
                let nobody = target.stranger(number);
                let request = udp((nobody, 4000), (target.address, target.port), &[7; 1000]);
                target.frame(&Ipv4::new(nobody, target.address, frames::UDP).packet(&request))
            };
            (0..STRANGERS).map(frame).collect()
        },
        &[("arp.requests_tx", AtLeast(100)), ("arp.overflowed", AtLeast(100))],
    ),
];

/// How many hosts that are not there ask something at once.
const STRANGERS: usize = super::super::STRANGERS;

fn messages(target: &Target, count: usize, message: impl FnMut(usize) -> Vec<u8>) -> Vec<Vec<u8>> {
    let header = target.ipv4(frames::ICMP);
    (0..count).map(message).map(|message| target.frame(&header.packet(&message))).collect()
}

fn datagrams(
    target: &Target,
    count: usize,
    datagram: impl FnMut(usize) -> Vec<u8>,
) -> Vec<Vec<u8>> {
    let header = target.ipv4(frames::UDP);
    (0..count).map(datagram).map(|datagram| target.frame(&header.packet(&datagram))).collect()
}

/// What an error says after its first word: nothing, an MTU, and the beginning of a packet.
fn error(quoted: &[u8], mtu: u16) -> Vec<u8> {
    [&[0, 0], &mtu.to_be_bytes()[..], &quoted[..quoted.len().min(28)]].concat()
}

/// A reply as the service might have sent it to `client`.
fn ours(target: &Target, client: Ipv4Addr) -> Vec<u8> {
    let datagram = udp((target.address, target.port), (client, 4000), &[7; 100]);
    Ipv4::new(target.address, client, frames::UDP).packet(&datagram)
}

/// A packet as the service might have sent it to `client` from `port`: 1,480 bytes, with DF.
fn large(target: &Target, client: Ipv4Addr, port: u16) -> Vec<u8> {
    let datagram = udp((target.address, port), (client, 4000), &[7; 1452]);
    let header = Ipv4::new(target.address, client, frames::UDP);
    Ipv4 { identification: 0, flags_offset: DONT_FRAGMENT, ..header }.packet(&datagram)
}

/// The message that a packet was too big for a link.
fn too_big(packet: &[u8], mtu: u16) -> Vec<u8> {
    icmp(UNREACHABLE, FRAGMENTATION_NEEDED, &error(packet, mtu))
}
