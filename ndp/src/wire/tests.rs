//! Literal messages, and each check of each type.

use std::{string::String, vec::Vec};

use core::time::Duration;
use netif::MacAddr;

use super::*;
use crate::host::*;

/// Parses a packet as the layer does.
pub(crate) fn parse(packet: &[u8]) -> Option<Result<String, ParseError>> {
    let received = Received::find(packet)?;
    Some(Message::parse(&received, true).map(|message| format!("{message:?}")))
}

fn error(sends: &Sends) -> Option<ParseError> {
    parse(&sends.packet())?.err()
}

fn all_nodes() -> Ipv6Addr {
    ipv6::ALL_NODES
}

/// Messages that are right, one of each type.
fn right() -> Vec<Sends> {
    vec![
        asks(PEER, THEM, ip(US)),
        asks(PEER, "::", ip(US)),
        says(PEER, THEM, ip(US), S | O),
        says(PEER, THEM, all_nodes(), O),
        advertises(ROUTER, GATE, 1800, &prefix("2001:db8::/64", 0xc0, 3600, 1800)),
        redirects(GATE, ip(US), "fe80::fd", FAR),
        redirects(GATE, ip(US), FAR, FAR),
    ]
}

#[test]
fn messages_that_are_right_are_believed() {
    for sends in right() {
        assert!(matches!(parse(&sends.packet()), Some(Ok(_))), "{:?}", sends.message);
    }
}

/// A Neighbour Solicitation as Linux sends it, byte for byte.
#[test]
fn a_solicitation_of_linux_is_read() {
    let packet = [
        0x60, 0, 0, 0, 0, 32, 58, 255, // the header
        0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0x0a, 0xff, 0xfe, 0, 0, 1, // the source
        0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 2, // the destination
        135, 0, 0xaf, 0x5d, 0, 0, 0, 0, // the message
        0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, // the target
        1, 1, 2, 0, 0x0a, 0, 0, 1, // the source link-layer address
    ];
    let received = Received::find(&packet).unwrap();
    assert_eq!((received.kind, received.router_alert), (Kind::SOLICITATION, false));
    let expected = Message::Solicitation { target: ip(US), link_address: Some(PEER), nonce: None };
    assert_eq!(Message::parse(&received, false), Ok(expected));
}

/// RFC 4861 6.1.2, 7.1.1, 7.1.2, 8.1: what a router has forwarded is dropped (v6LC.2.1.7, 2.1.15, 2.2.11, 2.3.3).
#[test]
fn a_hop_limit_other_than_255_is_dropped() {
    for sends in right() {
        for hop_limit in [0, 1, 64, 254] {
            let sends = Sends { hop_limit, ..sends.clone() };
            assert_eq!(error(&sends), Some(ParseError::HopLimit));
        }
    }
}

#[test]
fn a_code_other_than_0_is_dropped() {
    for mut sends in right() {
        sends.message[1] = 1;
        assert_eq!(error(&sends), Some(ParseError::Code));
    }
}

#[test]
fn a_wrong_checksum_is_dropped() {
    for sends in right() {
        let mut packet = sends.packet();
        packet[42] ^= 1;
        assert_eq!(parse(&packet), Some(Err(ParseError::Checksum)));
        let received = Received::find(&packet).unwrap();
        assert!(Message::parse(&received, false).is_ok(), "nobody is to verify it");
    }
}

/// RFC 4861 6.1.2, 7.1.1, 7.1.2, 8.1: 16, 24, 24 and 40 bytes.
#[test]
fn a_short_message_is_dropped() {
    for sends in right() {
        let least = match sends.message[0] {
            134 => 16,
            137 => 40,
            _ => 24,
        };
        for length in 1..sends.message.len() {
            let message = [&sends.message[..length], &[0; 4]].concat();
            let mut sends = Sends { message, ..sends.clone() };
            sends.message.truncate(length.max(4));
            match sends.message.len() {
                length if length < least => assert_eq!(error(&sends), Some(ParseError::TooShort)),
                // An option is cut.
                length if length % 8 != 0 => assert!(error(&sends).is_some(), "{length}"),
                _ => {}
            }
        }
    }
}

/// RFC 4861 4.6: all messages with an option of length 0 are dropped.
#[test]
fn an_option_of_length_0_drops_the_message() {
    for sends in right() {
        for length in [0, 2] {
            let mut sends = sends.clone();
            sends.message.extend([200, length, 0, 0, 0, 0, 0, 0]);
            assert_eq!(error(&sends), Some(ParseError::Option), "{length}");
        }
        let mut sends = sends.clone();
        sends.message.extend([200, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(error(&sends), None, "an unknown option is skipped");
        sends.message.push(1);
        assert_eq!(error(&sends), Some(ParseError::Option), "half an option");
    }
}

#[test]
fn a_target_that_is_no_host_is_dropped() {
    for mut sends in right().into_iter().filter(|sends| sends.message[0] != 134) {
        for target in ["ff02::1", "::", "::1"] {
            sends.message[8..24].copy_from_slice(&ip(target).octets());
            assert_eq!(error(&sends), Some(ParseError::Target), "{target}");
        }
    }
}

/// RFC 4861 7.1.1 (v6LC.2.1.7).
#[test]
fn from_nowhere_only_the_group_of_the_target_is_asked_and_no_address_is_said() {
    let mut sends = asks(PEER, "::", ip(US));
    sends.message.extend(link(1, PEER));
    assert_eq!(error(&sends), Some(ParseError::Destination));
    for destination in [all_nodes(), ip(US)] {
        let sends = Sends { destination, ..asks(PEER, "::", ip(US)) };
        assert_eq!(error(&sends), Some(ParseError::Destination), "{destination}");
    }
}

/// RFC 4861 7.1.2.
#[test]
fn an_advertisement_for_a_group_was_not_solicited() {
    let sends = says(PEER, THEM, all_nodes(), S | O);
    assert_eq!(error(&sends), Some(ParseError::Destination));
    let sends = Sends { source: Ipv6Addr::UNSPECIFIED, ..says(PEER, THEM, ip(US), S) };
    assert_eq!(error(&sends), Some(ParseError::Source));
}

/// RFC 4861 6.1.2, 8.1 (v6LC.2.2.11, 2.3.3).
#[test]
fn a_router_speaks_from_its_link_local_address() {
    for source in ["2001:db8::fe", "::", "ff02::2"] {
        for sends in right().into_iter().filter(|sends| matches!(sends.message[0], 134 | 137)) {
            let sends = Sends { source: ip(source), ..sends };
            assert_eq!(error(&sends), Some(ParseError::Source), "{source}");
        }
    }
}

/// RFC 4861 8.1: the target is a router, or the destination itself.
#[test]
fn a_redirect_leads_to_a_router_or_to_the_destination() {
    for (target, destination) in
        [("2001:db8::5", FAR), ("fe80::fd", "ff02::1"), ("fe80::fd", "ff0e::5")]
    {
        let sends = redirects(GATE, ip(US), target, destination);
        assert_eq!(error(&sends), Some(ParseError::Target), "{target} {destination}");
    }
}

#[test]
fn a_link_layer_address_is_that_of_a_station() {
    for mac in [MacAddr::BROADCAST, MacAddr::UNSPECIFIED, MacAddr([0x33, 0x33, 0, 0, 0, 1])] {
        for mut sends in [asks(PEER, THEM, ip(US)), says(PEER, THEM, ip(US), S)] {
            let at = sends.message.len() - 6;
            sends.message[at..].copy_from_slice(&mac.0);
            assert_eq!(error(&sends), Some(ParseError::LinkAddress), "{mac}");
        }
    }
}

/// RFC 4861 4.2, 4.6.2, 4.6.4; RFC 4191 2.2; RFC 8106 5.1.
#[test]
fn what_a_router_advertises_is_read() {
    let servers = [ip("2001:db8::53"), ip("fe80::53")].map(|server| server.octets()).concat();
    let rdnss = [&[25, 5, 0, 0, 0, 0, 2, 0x58][..], &servers].concat();
    let options = [
        prefix("2001:db8::/64", 0xc0, u32::MAX, 1800),
        vec![5, 1, 0, 0, 0, 0, 5, 0x78],
        rdnss,
        // Options with a length that their types do not have are skipped (RFC 8106 5.3.1).
        vec![25, 1, 0, 0, 0, 0, 2, 0x58],
        [&[25, 2, 0, 0, 0, 0, 2, 0x58][..], &[0; 8]].concat(),
        [&[5, 2][..], &[0; 14]].concat(),
        [&[3, 1][..], &[0; 6]].concat(),
    ];
    let mut sends = advertises(ROUTER, GATE, 1800, &options.concat());
    (sends.message[4], sends.message[5]) = (64, 0x08);
    sends.message[8..16].copy_from_slice(&[0, 0, 0x75, 0x30, 0, 0, 3, 0xe8]);
    let packet = sends.packet();
    let received = Received::find(&packet).unwrap();
    let Ok(Message::RouterAdvertisement(read)) = Message::parse(&received, true) else {
        panic!("a router advertisement");
    };
    assert_eq!((read.hop_limit, read.preference), (64, Preference::High));
    assert_eq!(read.lifetime, Duration::from_secs(1800));
    assert_eq!((read.reachable.as_secs(), read.retransmit.as_secs()), (30, 1));
    let options: Vec<_> = read.options.collect();
    let [
        DiscoveryOption::SourceLinkAddress(ROUTER),
        DiscoveryOption::Prefix(prefix),
        DiscoveryOption::Mtu(1400),
        DiscoveryOption::Rdnss(rdnss),
    ] = options[..]
    else {
        panic!("{options:?}");
    };
    assert!(prefix.is_on_link() && prefix.is_autonomous());
    assert_eq!((prefix.prefix(), prefix.length), (ip("2001:db8::"), 64));
    assert_eq!((prefix.valid(), prefix.preferred().as_secs()), (Duration::MAX, 1800));
    assert!(rdnss.servers().eq([ip("2001:db8::53"), ip("fe80::53")]));
    assert_eq!(rdnss.lifetime.as_secs(), 600);
}

#[test]
fn a_prefix_of_more_than_128_bits_is_skipped() {
    let mut option = prefix("2001:db8::/64", 0xc0, 100, 100);
    option[2] = 129;
    assert_eq!(Options::parse(&option).unwrap().count(), 0);
}

/// RFC 9777 6.2.
#[test]
fn a_query_is_from_a_router_of_the_link_and_alerts_others() {
    let right = queries(1000, "::");
    assert_eq!(error(&right), None);
    assert_eq!(error(&Sends { hop_limit: 255, ..right.clone() }), Some(ParseError::HopLimit));
    assert_eq!(error(&Sends { alert: false, ..right.clone() }), Some(ParseError::RouterAlert));
    let global = Sends { source: ip(THEM), ..right.clone() };
    assert_eq!(error(&global), Some(ParseError::Source));
    assert_eq!(error(&queries(1000, "2001:db8::1")), Some(ParseError::Query));
}

/// RFC 9777 8.1.
#[test]
fn the_version_of_a_query_is_its_length() {
    for length in 8..40 {
        let message = [&queries(1000, "::").message[..], &[0; 12]].concat()[..length].to_vec();
        let packet = Sends { message, ..queries(1000, "::") }.packet();
        let received = Received::find(&packet).unwrap();
        let read = Message::parse(&received, true);
        let query = |is_v1| {
            let response = Duration::from_secs(1);
            Ok(Message::Query(Query { group: None, response, is_v1 }))
        };
        match length {
            24 => assert_eq!(read, query(true)),
            28.. => assert_eq!(read, query(false)),
            _ => assert_eq!(read, Err(ParseError::Query)),
        }
    }
}

/// RFC 8200 4.2, 4.3; RFC 6980 5.
#[test]
fn what_ipv6_has_to_look_at_first_is_left_to_it() {
    let message = queries(1000, "::").message;
    let with = |header: &[u8]| {
        let mut packet = Sends { message: message.clone(), ..queries(1000, "::") }.packet();
        packet.splice(40..48, header.iter().copied());
        let length = (packet.len() - 40) as u16;
        packet[4..6].copy_from_slice(&length.to_be_bytes());
        packet
    };
    let is_found = |packet: &[u8]| Received::find(packet).map(|received| received.router_alert);
    assert_eq!(is_found(&with(&[58, 0, 5, 2, 0, 0, 1, 0])), Some(true));
    assert_eq!(is_found(&with(&[58, 0, 0, 0, 5, 2, 0, 0])), Some(true));
    // An option that is skipped; Router Alert for another protocol.
    assert_eq!(is_found(&with(&[58, 0, 0x3e, 4, 0, 0, 0, 0])), Some(false));
    assert_eq!(is_found(&with(&[58, 0, 5, 2, 0, 1, 1, 0])), Some(false));
    // An option to be answered; another header; a header or an option that is cut.
    for header in [
        [58, 0, 0xfe, 4, 0, 0, 0, 0],
        [58, 0, 0x7e, 4, 0, 0, 0, 0],
        [60, 0, 5, 2, 0, 0, 1, 0],
        [44, 0, 5, 2, 0, 0, 1, 0],
        [58, 99, 5, 2, 0, 0, 1, 0],
        [58, 0, 5, 2, 0, 0, 1, 9],
        [58, 0, 5, 2, 0, 0, 0, 1],
    ] {
        assert_eq!(is_found(&with(&header)), None, "{header:?}");
    }
    // A fragment.
    let mut packet = asks(PEER, THEM, ip(US)).packet();
    packet.splice(40..40, [58, 0, 0, 0, 0, 0, 0, 1]);
    packet[6] = 44;
    packet[5] += 8;
    assert_eq!(is_found(&packet), None);
    // Echo.
    let sends = Sends::new(PEER, THEM, ip(US), vec![128, 0, 0, 0, 0, 1, 0, 1]);
    assert_eq!(is_found(&sends.packet()), None);
}

/// RFC 9777 5.2, RFC 4861 4.1 to 4.4: what we send, byte for byte.
#[test]
fn emit() {
    let header = |length: u8, next: u8, hops: u8, source: &str, destination: &str| {
        let addresses = [ip(source).octets(), ip(destination).octets()].concat();
        [&[0x60, 0, 0, 0, 0, length, next, hops][..], &addresses].concat()
    };
    let check = |packet: Packet, header: Vec<u8>, message: &[u8]| {
        let mut bytes = packet.as_bytes().to_vec();
        assert_eq!(bytes[..header.len()], header);
        let at = bytes.len() - message.len();
        assert_eq!(at, header.len());
        bytes[at + 2..at + 4].fill(0);
        assert_eq!(&bytes[at..], message);
    };
    let [us, them] = [US, THEM].map(|address| ip(address).octets());
    let message = [&[135, 0, 0, 0, 0, 0, 0, 0][..], &them, &[1, 1], &OURS.0].concat();
    let packet = Packet::solicitation(None, (ip(US), OURS), ip(THEM));
    assert_eq!(packet.station, MacAddr([0x33, 0x33, 0xff, 0, 0, 1]));
    check(packet, header(32, 58, 255, US, "ff02::1:ff00:1"), &message);
    let packet = Packet::solicitation(Some(PEER), (ip(US), OURS), ip(THEM));
    assert_eq!(packet.station, PEER);
    check(packet, header(32, 58, 255, US, THEM), &message);
    let message = [&[135, 0, 0, 0, 0, 0, 0, 0][..], &us, &[14, 1, 1, 2, 3, 4, 5, 6]].concat();
    let packet = Packet::probe(ip(US), [1, 2, 3, 4, 5, 6]);
    check(packet, header(32, 58, 255, "::", "ff02::1:ff00:2"), &message);
    let message = [&[136, 0, 0, 0, 0x60, 0, 0, 0][..], &us, &[2, 1], &OURS.0].concat();
    let packet = Packet::advertisement(PEER, ip(THEM), (ip(US), OURS), true, true);
    check(packet, header(32, 58, 255, US, THEM), &message);
    let message = [&[133, 0, 0, 0, 0, 0, 0, 0, 1, 1][..], &OURS.0].concat();
    let packet = Packet::router_solicitation(ip("fe80::2"), OURS);
    check(packet, header(16, 58, 255, "fe80::2", "ff02::2"), &message);
    let packet = Packet::router_solicitation(Ipv6Addr::UNSPECIFIED, OURS);
    check(packet, header(8, 58, 255, "::", "ff02::2"), &[133, 0, 0, 0, 0, 0, 0, 0]);
    let alert = [58, 0, 5, 2, 0, 0, 1, 0];
    let group = ip("ff02::1:ff00:2");
    let message = [&[143, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0][..], &group.octets()].concat();
    let packet = Packet::report(ip("fe80::2"), [(Record::Joined, group)].into_iter());
    let before = [&header(36, 0, 1, "fe80::2", "ff02::16")[..], &alert].concat();
    check(packet, before, &message);
    let message = [&[131, 0, 0, 0, 0, 0, 0, 0][..], &group.octets()].concat();
    let before = [&header(32, 0, 1, "fe80::2", "ff02::1:ff00:2")[..], &alert].concat();
    check(Packet::report_v1(ip("fe80::2"), group, true), before, &message);
    let message = [&[132, 0, 0, 0, 0, 0, 0, 0][..], &group.octets()].concat();
    let before = [&header(32, 0, 1, "fe80::2", "ff02::2")[..], &alert].concat();
    check(Packet::report_v1(ip("fe80::2"), group, false), before, &message);
}

#[test]
fn a_report_has_room_for_all_groups() {
    let group = |last: usize| Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, last as u16);
    let records = (0..20).map(|last| (Record::Listens, group(last)));
    let packet = Packet::report(ip("fe80::2"), records);
    assert_eq!(packet.as_bytes().len(), 40 + 8 + 8 + 20 * MAX_RECORDS);
    assert_eq!(packet.as_bytes()[55], 16);
}

#[test]
fn text() {
    assert_eq!(format!("{} {}", Kind::SOLICITATION, Kind(200)), "neighbour solicitation type 200");
    assert_eq!(format!("{}", ParseError::Checksum), "the checksum is wrong");
}
