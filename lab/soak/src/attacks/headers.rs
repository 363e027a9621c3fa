//! Attacks with the headers of Ethernet and IPv4 (RFC 894, RFC 1042, RFC 791, RFC 1122 3.2.1).

use std::net::Ipv4Addr;

use testkit::Random;

use super::{
    super::frames::{self, BROADCAST, Ipv4, MORE, UDP, ethernet},
    Attack,
    Moved::{AtLeast, Each, Not},
    Target,
};

pub(super) const ETHERNET: &[Attack] = &[
    Attack::new("ethernet_length_lies", length_lies, &[("ethernet.malformed", Each)]),
    Attack::new("ethernet_unknown_types", unknown_types, &[("ethernet.unknown_ethertype", Each)]),
    Attack::new(
        "ethernet_for_others",
        |target, _| {
            let request = target.ipv4(UDP).packet(&target.silent_request(b"x"));
            let others = [[2, 0, 0, 0, 9, 9], [1, 0, 0x5e, 0, 0, 0xfb], [0x33, 0x33, 0, 0, 0, 1]];
            let frame = |other: &_| ethernet(*other, target.host_mac, 0x0800, &request);
            others.iter().map(frame).cycle().take(600).collect()
        },
        &[("ethernet.not_for_us", Each), ("udp.no_reply_port", Not)],
    ),
    Attack::new(
        "ethernet_bad_sources",
        |target, _| {
            let request = target.ipv4(UDP).packet(&target.silent_request(b"x"));
            let sources = [BROADCAST, [1, 0, 0x5e, 0, 0, 1], target.mac];
            let frame = |source: &_| ethernet(target.mac, *source, 0x0800, &request);
            sources.iter().map(frame).cycle().take(600).collect()
        },
        &[("ethernet.bad_source", Each), ("udp.no_reply_port", Not)],
    ),
    Attack::new("noise", noise, &[("ethernet.frames_rx", AtLeast(2000))]),
    Attack {
        burst: true,
        ..Attack::new(
            "burst_above_the_queue",
            |target, _| {
                let request = target.silent_request(&[7; 1000]);
                vec![target.frame(&target.ipv4(UDP).packet(&request)); 5000]
            },
            &[("udp.no_reply_port", AtLeast(500))],
        )
    },
];

pub(super) const IPV4: &[Attack] = &[
    Attack::new("ipv4_truncated", truncated, &[("ipv4.bad_length", Each)]),
    Attack::new("ipv4_versions", versions, &[("ipv4.bad_version", Each)]),
    Attack::new("ipv4_header_lengths", header_lengths, &[("ipv4.bad_length", Each)]),
    Attack::new("ipv4_total_lengths", total_lengths, &[("ipv4.bad_length", Each)]),
    Attack::new(
        "ipv4_checksums",
        |target, random| {
            let frame = |_| {
                let checksum_error = 1 + random.below(0xfffe) as u16;
                let header = Ipv4 { checksum_error, ..target.ipv4(UDP) };
                target.frame(&header.packet(&target.silent_request(b"x")))
            };
            (0..500).map(frame).collect()
        },
        &[("ipv4.bad_checksum", Each), ("udp.no_reply_port", Not)],
    ),
    // Right or wrong, they are skipped (RFC 1122 3.2.1.8).
    Attack::new(
        "ipv4_options",
        options,
        &[("ipv4.bad_options", AtLeast(300)), ("udp.no_reply_port", AtLeast(125))],
    ),
    Attack::new(
        "ipv4_land",
        |target, _| {
            let (us, port) = (target.address, target.port);
            let request = frames::udp((us, port), (us, port), b"land");
            vec![target.frame(&Ipv4::new(us, us, UDP).packet(&request)); 500]
        },
        &[("ipv4.bad_source", Each), ("udp.no_reply_port", Not)],
    ),
    Attack::new("ipv4_bad_sources", bad_sources, &[("ipv4.bad_source", Each)]),
    Attack::new(
        "ipv4_for_others",
        |target, _| {
            let others =
                [target.stranger(1), Ipv4Addr::new(8, 8, 8, 8), Ipv4Addr::new(224, 0, 0, 251)];
            let frame = |other: &Ipv4Addr| {
                let request = frames::udp((target.host, 9), (*other, target.port), b"x");
                target.frame(&Ipv4::new(target.host, *other, UDP).packet(&request))
            };
            others.iter().map(frame).cycle().take(600).collect()
        },
        &[("ipv4.not_for_us", Each), ("udp.no_reply_port", Not)],
    ),
    Attack::new(
        "ipv4_in_broadcast_frames",
        |target, _| {
            let request = target.ipv4(UDP).packet(&target.silent_request(b"x"));
            vec![ethernet(BROADCAST, target.host_mac, 0x0800, &request); 500]
        },
        &[("ipv4.broadcast_frame", Each), ("udp.no_reply_port", Not)],
    ),
    Attack::new(
        "ipv4_unknown_protocols",
        |target, random| {
            let frame = |_| {
                // All but ICMP and UDP.
                let protocol = 18 + random.below(230) as u8;
                target.frame(&target.ipv4(protocol).packet(&random.bytes(64)))
            };
            (0..500).map(frame).collect()
        },
        &[("icmp.unknown_protocol", Each), ("icmp.errors_limited", AtLeast(1))],
    ),
];

/// IEEE 802.3: a length that is longer than the frame, or a frame that is no SNAP.
fn length_lies(target: &Target, random: &mut Random) -> Vec<Vec<u8>> {
    let frame = |number: usize| {
        let length = random.below(1400);
        let payload = random.bytes(length);
        let field = if number.is_multiple_of(2) { length + 1 } else { length.min(2) };
        ethernet(target.mac, target.host_mac, field as u16, &payload)
    };
    (0..500).map(frame).collect()
}

fn unknown_types(target: &Target, random: &mut Random) -> Vec<Vec<u8>> {
    let frame = |_| {
        // IPv6, LLDP, VLAN, PPPoE, and one that nobody has.
        let ethertype = [0x86dd, 0x88cc, 0x8100, 0x8864, 0xffff][random.below(5)];
        let length = random.below(1400);
        ethernet(target.mac, target.host_mac, ethertype, &random.bytes(length))
    };
    (0..500).map(frame).collect()
}

/// IPv4, ARP, ICMP and UDP in name, and nothing but noise.
fn noise(target: &Target, random: &mut Random) -> Vec<Vec<u8>> {
    let frame = |number: usize| {
        let length = random.below(1500);
        let bytes = random.bytes(length);
        match number % 4 {
            0 => ethernet(target.mac, target.host_mac, 0x0800, &bytes),
            1 => ethernet(target.mac, target.host_mac, 0x0806, &bytes),
            _ => {
                let protocol = if number % 4 == 2 { frames::ICMP } else { UDP };
                let header =
                    Ipv4 { flags_offset: MORE * (number / 4 % 2) as u16, ..target.ipv4(protocol) };
                target.frame(&header.packet(&bytes[..length.min(1480)]))
            }
        }
    };
    (0..2000).map(frame).collect()
}

/// Cut within the header, or before the end that it gives.
fn truncated(target: &Target, _: &mut Random) -> Vec<Vec<u8>> {
    let whole = target.frame(&target.ipv4(UDP).packet(&target.silent_request(&[7; 200])));
    (14..whole.len()).map(|length| whole[..length].to_vec()).collect()
}

fn versions(target: &Target, _: &mut Random) -> Vec<Vec<u8>> {
    let frame = |version: u8| {
        let header = Ipv4 { version_ihl: Some(version << 4 | 5), ..target.ipv4(UDP) };
        target.frame(&header.packet(&target.silent_request(b"x")))
    };
    (0..16).filter(|version| *version != 4).map(frame).cycle().take(450).collect()
}

/// An IHL below 5, or beyond the end of the packet.
fn header_lengths(target: &Target, _: &mut Random) -> Vec<Vec<u8>> {
    let frame = |ihl: u8| {
        let header = Ipv4 { version_ihl: Some(0x40 | ihl), ..target.ipv4(UDP) };
        target.frame(&header.packet(&target.silent_request(b"x")))
    };
    // Header and datagram are 29 bytes, so from 8 words on the header is longer than both.
    (0..5).chain(8..16).map(frame).cycle().take(520).collect()
}

fn total_lengths(target: &Target, random: &mut Random) -> Vec<Vec<u8>> {
    let request = target.silent_request(&[7; 300]);
    let whole = 20 + request.len();
    let frame = |number: usize| {
        let lie = match number % 2 {
            0 => random.below(20),
            _ => whole + 1 + random.below(65_535 - whole),
        };
        let header = Ipv4 { total_length: Some(lie as u16), ..target.ipv4(UDP) };
        target.frame(&header.packet(&request))
    };
    (0..500).map(frame).collect()
}

fn options(target: &Target, random: &mut Random) -> Vec<Vec<u8>> {
    let frame = |number: usize| {
        let length = 4 * (1 + random.below(10));
        let mut options = random.bytes(length);
        match number % 4 {
            // Record route, timestamp, loose source route, each with a length of 0, or beyond the end.
            0 => options[0] = [7, 68, 131][random.below(3)],
            1 => options[..2].copy_from_slice(&[7, 0]),
            2 => options[..2].copy_from_slice(&[131, 255]),
            // Nothing at all, as often as there is room, which is allowed.
            _ => options.fill(1),
        }
        let header = Ipv4 { options, ..target.ipv4(UDP) };
        target.frame(&header.packet(&target.silent_request(b"x")))
    };
    (0..500).map(frame).collect()
}

fn bad_sources(target: &Target, _: &mut Random) -> Vec<Vec<u8>> {
    let sources = [
        Ipv4Addr::UNSPECIFIED,
        Ipv4Addr::new(0, 1, 2, 3),
        Ipv4Addr::LOCALHOST,
        Ipv4Addr::new(224, 0, 0, 1),
        Ipv4Addr::new(240, 0, 0, 1),
        Ipv4Addr::BROADCAST,
        target.broadcast(),
    ];
    let frame = |source: &Ipv4Addr| {
        let request = frames::udp((*source, 4000), (target.address, target.port), b"x");
        target.frame(&Ipv4::new(*source, target.address, UDP).packet(&request))
    };
    sources.iter().map(frame).cycle().take(490).collect()
}
