//! The inputs that the fuzzer begins with, by name: packets as they are on a network and as attackers make
//! them, and small programs for the targets that take one.

use std::net::Ipv4Addr;

use crate::frames::{self, Ipv4};

#[path = "seeds/authority.rs"]
mod authority;

#[path = "seeds/dhcp.rs"]
mod dhcp;

#[path = "seeds/dns.rs"]
mod dns;

#[path = "seeds/http.rs"]
mod http;

#[path = "seeds/ipv6.rs"]
mod ipv6;
#[path = "seeds/ndp.rs"]
mod ndp;

#[path = "seeds/platforms.rs"]
mod platforms;

#[path = "seeds/sntp.rs"]
mod sntp;

#[path = "seeds/tasks.rs"]
mod tasks;

#[path = "seeds/tcp_segment.rs"]
mod tcp_segment;

/// An input, and what it is for.
pub(crate) struct Seed {
    pub(crate) target: &'static str,
    pub(crate) name: &'static str,
    pub(crate) input: Vec<u8>,
}

const PEER: ([u8; 6], Ipv4Addr) = ([2, 0, 0, 0, 0, 1], Ipv4Addr::new(10, 0, 0, 1));
const OURS: ([u8; 6], Ipv4Addr) = ([2, 0, 0, 0, 0, 2], Ipv4Addr::new(10, 0, 0, 2));

/// All of them.
pub(crate) fn seeds() -> Vec<Seed> {
    let mut seeds = Vec::new();
    let mut add = |target, named: Vec<(&'static str, Vec<u8>)>| {
        seeds.extend(named.into_iter().map(|(name, input)| Seed { target, name, input }));
    };
    add("ethernet", ethernet());
    add("arp", arp());
    add("ipv4", ipv4());
    add("icmp", icmp());
    add("udp", udp());
    add("authority", authority::seeds());
    add("dhcp", dhcp::seeds());
    add("dns", dns::seeds());
    add("http", http::seeds());
    add("ipv6", ipv6::seeds());
    add("ndp", ndp::seeds());
    add("reassembly", reassembly());
    add("sntp", sntp::seeds());
    add("tasks", tasks::seeds());
    add("tcp_segment", tcp_segment::seeds());
    add("tower", tower());
    add("arguments", platforms::arguments());
    add("requests", platforms::requests());
    add("start_info", platforms::start_info());
    add("tap", platforms::tap());
    add("xenstore", platforms::xenstore());
    seeds
}

fn ethernet() -> Vec<(&'static str, Vec<u8>)> {
    let request = frames::arp(1, PEER, ([0; 6], OURS.1));
    let header = [&OURS.0[..], &PEER.0].concat();
    vec![
        ("arp_request", frames::ethernet(frames::BROADCAST, PEER.0, 0x0806, &request)),
        ("ipv4_padded", frames::ethernet(OURS.0, PEER.0, 0x0800, &[0x45; 46])),
        ("runt", OURS.0.to_vec()),
        ("snap", [&header[..], &[0, 10, 0xaa, 0xaa, 3, 0, 0, 0, 8, 6, 7, 8], &[0; 36]].concat()),
        ("spanning_tree", [&header[..], &[0, 38, 0x42, 0x42, 3], &[0; 43]].concat()),
        ("vlan", frames::ethernet(OURS.0, PEER.0, 0x8100, &[0, 7, 8, 0, 0x45])),
    ]
}

fn arp() -> Vec<(&'static str, Vec<u8>)> {
    let nobody = ([0; 6], OURS.1);
    vec![
        ("announcement", frames::arp(1, PEER, ([0; 6], PEER.1))),
        ("operation_unknown", frames::arp(9, PEER, OURS)),
        ("padded", [&frames::arp(1, PEER, nobody)[..], &[0; 18]].concat()),
        ("probe", frames::arp(1, (PEER.0, Ipv4Addr::UNSPECIFIED), nobody)),
        ("reply", frames::arp(2, PEER, OURS)),
        ("request", frames::arp(1, PEER, nobody)),
        ("token_ring", vec![0, 6, 8, 0, 6, 4, 0, 1]),
    ]
}

fn header(protocol: u8) -> Ipv4 {
    Ipv4::new(PEER.1, OURS.1, protocol)
}

/// With settings for the targets that begin with a byte of them.
fn with(settings: u8, rest: &[u8]) -> Vec<u8> {
    [&[settings], rest].concat()
}

fn ipv4() -> Vec<(&'static str, Vec<u8>)> {
    let optional = |options: &[u8]| {
        with(1, &Ipv4 { options: options.to_vec(), ..header(frames::UDP) }.packet(b"payload"))
    };
    let fragment =
        |flags_offset| with(1, &Ipv4 { flags_offset, ..header(frames::UDP) }.packet(b"8 bytes."));
    let broken = |version_ihl, total_length| {
        with(1, &Ipv4 { version_ihl, total_length, ..header(frames::UDP) }.packet(&[7; 20]))
    };
    let plain = header(frames::UDP).packet(b"payload");
    vec![
        ("checksum_wrong", with(0, &[&plain[..10], &[0, 0], &plain[12..]].concat())),
        ("fragment_first", fragment(frames::MORE)),
        ("fragment_last", fragment(0x1fff)),
        ("ihl_15", broken(Some(0x4f), None)),
        ("ihl_4", broken(Some(0x44), None)),
        ("option_length_0", optional(&[7, 0, 0, 0])),
        ("option_beyond_the_end", optional(&[1, 7, 40, 4])),
        ("option_router_alert", optional(&[148, 4, 0, 0])),
        ("option_source_route", optional(&[131, 7, 4, 10, 0, 0, 9, 0])),
        ("option_timestamp", optional(&[68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0])),
        ("padded", with(0, &[&plain[..], &[0; 19]].concat())),
        ("plain", with(0, &plain)),
        ("total_length_19", broken(None, Some(19))),
        ("total_length_65535", broken(None, Some(65_535))),
        ("version_6", broken(Some(0x65), None)),
    ]
}

fn icmp() -> Vec<(&'static str, Vec<u8>)> {
    let datagram = frames::udp((OURS.1, 8080), (PEER.1, 4000), b"reply");
    let sent = Ipv4::new(OURS.1, PEER.1, frames::UDP).packet(&datagram);
    // As much of a longer one as an error quotes.
    let large = Ipv4 {
        flags_offset: frames::DONT_FRAGMENT,
        total_length: Some(1028),
        ..Ipv4::new(OURS.1, PEER.1, frames::UDP)
    }
    .packet(&datagram);
    let error = |kind, code, word: [u8; 4], quote: &[u8]| {
        with(1, &frames::icmp(kind, code, &[&word[..], quote].concat()))
    };
    let echo = frames::icmp(8, 0, b"\x12\x34\0\x01ping!");
    let received = header(frames::UDP).packet(&datagram);
    let about_error = header(frames::ICMP).packet(&frames::icmp(3, 3, &[0; 12]));
    let options = Ipv4 { options: vec![148, 4, 0, 0], ..Ipv4::new(OURS.1, PEER.1, frames::UDP) };
    vec![
        ("echo_reply", with(1, &frames::icmp(0, 0, b"\x12\x34\0\x01ping!"))),
        ("echo_request", with(0, &echo)),
        ("echo_request_broadcast", with(8, &echo)),
        ("extended_rfc4884", error(11, 0, [0, 8, 0, 0], &[&sent[..], &[0x20, 0, 0, 0]].concat())),
        ("fragmentation_needed_67", error(3, 4, [0, 0, 0, 67], &large)),
        ("fragmentation_needed", error(3, 4, [0, 0, 2, 0x40], &large)),
        ("fragmentation_needed_old_router", error(3, 4, [0; 4], &large)),
        ("fragmentation_needed_without_df", error(3, 4, [0, 0, 2, 0x40], &sent)),
        ("parameter_problem", error(12, 0, [20, 0, 0, 0], &options.packet(&datagram))),
        ("port_unreachable", error(3, 3, [0; 4], &sent[..28])),
        ("quote_cut", error(3, 3, [0; 4], &sent[..27])),
        ("quote_of_another", error(3, 3, [0; 4], &received)),
        ("redirect", error(5, 1, [10, 0, 0, 9], &sent)),
        ("reject_about_an_error", with(4, &about_error)),
        ("reject_datagram", with(4, &received)),
        ("reject_short_header", with(4, &received[..19])),
        ("time_exceeded", error(11, 0, [0; 4], &sent)),
        ("timestamp", with(1, &frames::icmp(13, 0, &[0; 16]))),
    ]
}

fn udp() -> Vec<(&'static str, Vec<u8>)> {
    let datagram = frames::udp((PEER.1, 4000), (OURS.1, 8080), b"hello");
    let changed = |at: usize, value: u8| {
        let mut datagram = datagram.clone();
        datagram[at] = value;
        datagram
    };
    vec![
        ("checksum_none", with(0, &[&datagram[..6], &[0, 0], &datagram[8..]].concat())),
        ("checksum_unverified", with(2, &changed(6, 0x55))),
        ("checksum_wrong", with(0, &changed(6, 0x55))),
        ("hello", with(0, &datagram)),
        ("length_7", with(1, &changed(5, 7))),
        ("length_beyond_the_end", with(1, &changed(5, 200))),
        ("padded", with(0, &[&datagram[..], &[0; 33]].concat())),
        ("port_0", with(1, &changed(0, 0))),
    ]
}

/// A step of a program for `reassembly`: a fragment of datagram `id`; `tos` is its ECN.
fn piece(id: u8, offset: u16, length: u16, more: bool, tos: u8) -> Vec<u8> {
    let ([o, p], [l, m]) = ((offset / 8).to_be_bytes(), length.to_be_bytes());
    vec![0, 0, id, u8::from(more), o, p, l, m, tos, 0]
}

fn reassembly() -> Vec<(&'static str, Vec<u8>)> {
    let program = |settings, steps: &[Vec<u8>]| with(settings, &steps.concat());
    let in_order = [piece(1, 0, 16, true, 0), piece(1, 16, 16, true, 0), piece(1, 32, 5, false, 0)];
    let mut backwards = in_order.to_vec();
    backwards.reverse();
    let wait = |exponent: u8| vec![0xf0 | exponent];
    let many: Vec<_> = (0..24).map(|id| piece(id, 8, 1480, true, 0)).collect();
    // 20 datagrams of which two fragments overlap, then what still comes of each.
    let overlaps = |id| [piece(id, 0, 16, true, 0), piece(id, 8, 16, true, 0)].concat();
    let refused: Vec<_> = (0..20).map(overlaps).chain(many.iter().take(20).cloned()).collect();
    let longest: Vec<_> = (0..45u16)
        .map(|n| piece(2, n * 1480, if n < 44 { 1480 } else { 387 }, n < 44, 0))
        .collect();
    vec![
        ("backwards", program(0, &backwards)),
        ("beyond_65535", program(0, &[piece(1, 65_528, 100, false, 0)])),
        ("congestion", program(0, &[piece(1, 0, 8, true, 2), piece(1, 8, 8, false, 3)])),
        (
            "congestion_contradicted",
            program(0, &[piece(1, 0, 8, true, 0), piece(1, 8, 8, false, 3)]),
        ),
        ("duplicate", program(0, &[in_order[0].clone(), in_order[0].clone(), in_order[1].clone()])),
        // Found by the fuzzer: it was taken for a duplicate, because both are in the same 8 bytes.
        (
            "end_moved_within_8_bytes",
            program(0, &[piece(1, 128, 1, false, 0), piece(1, 128, 8, true, 0)]),
        ),
        ("evicted_by_number", program(0, &many)),
        ("evicted_by_pages", program(1, &[many.clone(), longest.clone()].concat())),
        ("in_order", program(0, &in_order)),
        ("little_memory", program(3, &many)),
        ("longest", program(0, &longest)),
        ("odd_piece_in_the_middle", program(0, &[piece(1, 0, 13, true, 0)])),
        ("overlap_then_refused", program(0, &refused)),
        (
            "refused_until_the_deadline",
            program(
                0,
                &[
                    overlaps(1),
                    wait(14),
                    piece(1, 16, 8, true, 0),
                    wait(14),
                    wait(14),
                    piece(1, 16, 8, true, 0),
                ],
            ),
        ),
        ("teardrop", program(0, &[piece(1, 0, 36 & !7, true, 0), piece(1, 24, 4, false, 0)])),
        ("two_ends", program(0, &[piece(1, 64, 8, false, 0), piece(1, 32, 8, false, 0)])),
        ("times_out", program(0, &[piece(1, 0, 8, true, 0), wait(15)])),
    ]
}

/// Steps of a program for `tower`; the first byte of each is its kind.
mod step {
    /// Frames of a datagram from host `from` to port number `port`; `flags` as `hears_datagram` has them.
    pub(super) fn datagram(from: u8, flags: u8, length: u16, port: u8, id: u8) -> Vec<u8> {
        let [high, low] = length.to_be_bytes();
        vec![4, 0, from, flags, high, low, port, id]
    }

    /// Some milliseconds: `mantissa` + 1 (to 16), times 2 to the `exponent`.
    pub(super) fn wait(mantissa: u8, exponent: u8) -> Vec<u8> {
        vec![1, exponent << 4 | mantissa]
    }

    /// Everybody who was asked for answers.
    pub(super) fn answers() -> Vec<u8> {
        vec![8, 0]
    }

    pub(super) fn arp(to: u8, from: u8, operation: u8, sender: u8, target: u8) -> Vec<u8> {
        vec![7, to, from, operation, sender, target]
    }

    /// An error of this kind (1: unreachable) about what was sent last.
    pub(super) fn error(kind: u8, code: u8, word: [u8; 4]) -> Vec<u8> {
        [&[6, 0, 1, kind, code][..], &word, &[0xf1]].concat()
    }

    pub(super) fn fragment(from: u8, which: u8, offset: u16, length: u16, more: bool) -> Vec<u8> {
        let flags = (offset / 8) | if more { 0x2000 } else { 0 };
        [&[5, from, which][..], &flags.to_be_bytes(), &length.to_be_bytes()].concat()
    }
}

/// A program on a link with an MTU of 1500 bytes, in 10.0.0.0/24, with a gateway.
fn on_ethernet(steps: &[Vec<u8>]) -> Vec<u8> {
    [&[8, 0][..], &steps.concat()].concat()
}

fn tower() -> Vec<(&'static str, Vec<u8>)> {
    use step::*;
    let ask = arp(5, 0, 1, 0, 4);
    let echo = datagram(0, 0, 5, 0, 1);
    let flood: Vec<_> = (0..40).map(|n| fragment(n % 7, n, 8 * u16::from(n), 1024, true)).collect();
    let nowhere: Vec<_> = (20..60).map(|n| vec![10, 0, n, 64, 0, 8, 0]).collect();
    // More than may wait for the addresses of all neighbours together.
    let waiting: Vec<_> = (20..40).map(|n| vec![10, 0, n, 64, 0, 64, 0]).collect();
    let conflicts: Vec<_> = (0..12).map(|n| [arp(5, 9, 1, 4, 4), wait(n, 8)].concat()).collect();
    let setup =
        |settings, link, steps: &[Vec<u8>]| [&[settings, link][..], &steps.concat()].concat();
    let probed: Vec<_> = (0..10).map(|_| vec![14]).chain([echo.clone()]).collect();
    let source_route = vec![3, 0, 0, 4, 17, 0, 0, 2, 0, 0, 1, 131, 7, 4, 10, 0, 0, 9, 0];
    let options = vec![3, 0, 0, 4, 1, 0, 0, 1, 0, 0, 1, 7, 40, 4, 0];
    vec![
        ("address_conflicts", setup(4, 0, &conflicts)),
        ("arp_and_echo", on_ethernet(&[ask.clone(), echo.clone()])),
        ("bad_options", on_ethernet(&[source_route, options])),
        ("broadcast_request", on_ethernet(&[vec![4, 5, 0, 0x40, 0, 5, 6, 0, 1]])),
        // Found by the fuzzer: a service sent to 240.0.0.1, through the gateway.
        ("class_e", on_ethernet(&[vec![10, 8, 11, 0, 0, 0, 5], answers()])),
        ("counters", on_ethernet(&[ask.clone(), datagram(0, 0, 0, 2, 1)])),
        ("echo_of_unknown_neighbour", on_ethernet(&[echo.clone(), answers()])),
        ("echo_through_the_gateway", on_ethernet(&[datagram(3, 0, 100, 0, 1), answers()])),
        ("fragment_flood", on_ethernet(&flood)),
        ("fragments_backwards", on_ethernet(&[ask.clone(), datagram(0, 4, 8192, 0, 1)])),
        ("fragment_missing", on_ethernet(&[datagram(0, 8, 4000, 0, 1), vec![0], wait(15, 11)])),
        ("largest_datagram", on_ethernet(&[ask.clone(), datagram(0, 0, 65_507, 0, 1)])),
        (
            "little_memory",
            on_ethernet(&[vec![11, 250], echo.clone(), datagram(0, 0, 65_507, 1, 2)]),
        ),
        ("land", on_ethernet(&[datagram(4, 0, 5, 0, 1)])),
        ("many_large_datagrams_wait", on_ethernet(&[waiting.concat(), answers()])),
        ("nobody_there", on_ethernet(&[nowhere.concat(), wait(9, 9), wait(9, 9)])),
        (
            "path_mtu_68",
            on_ethernet(&[
                ask.clone(),
                echo.clone(),
                error(1, 4, [0, 0, 0, 68]),
                datagram(0, 0, 2000, 0, 2),
            ]),
        ),
        (
            "ping",
            on_ethernet(&[
                ask.clone(),
                vec![6, 0, 0, 0, 0, 0, 1, 0, 1, 16, 1, 2, 3, 4, 5, 6, 7, 8],
            ]),
        ),
        ("port_unreachable", on_ethernet(&[ask.clone(), datagram(0, 0, 5, 6, 1)])),
        ("probing", setup(4, 0, &probed)),
        (
            "refused_allocations",
            on_ethernet(&[vec![12, 3], datagram(0, 0, 8192, 1, 1), vec![12, 1], echo.clone()]),
        ),
        (
            "report_of_a_datagram_of_ours",
            on_ethernet(&[
                ask.clone(),
                vec![13, 2],
                vec![13, 1],
                echo.clone(),
                error(1, 3, [0; 4]),
            ]),
        ),
        (
            "services_come_and_go",
            on_ethernet(&[vec![13, 2], vec![13, 6], vec![13, 0], vec![13, 3], vec![13, 5]]),
        ),
        ("small_link", setup(0, 2, &[ask.clone(), datagram(0, 0, 9000, 0, 1)])),
        (
            "spoofed_neighbour",
            on_ethernet(&[ask.clone(), echo.clone(), arp(0, 9, 2, 0, 4), wait(9, 8), echo.clone()]),
        ),
        ("truncated", on_ethernet(&[echo.clone(), vec![15, 0, 33, 0, 0], vec![15, 7, 0, 3, 9]])),
        ("two_hosts_alone", setup(2, 0, &[ask, echo])),
    ]
}
