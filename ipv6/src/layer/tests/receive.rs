//! Packets on their way up.

use super::*;

/// IPv6 Ready v6LC.1.1.2 (Traffic Class Non-Zero), v6LC.1.1.4 (Flow Label Non-Zero).
#[test]
fn a_packet_for_us_is_handed_up() {
    with_host(|wire, mut host, region| {
        let fields = Fields { traffic_class: 0x28, hop_limit: 1, flow_label: 0x5_4321, ..fields() };
        let bytes = packet(&fields, b"hello");
        let packet = receive(&mut host, wire, OUR_MAC, &bytes, region).unwrap();
        assert_eq!((packet.source, packet.destination), (IpAddr::V6(PEER), IpAddr::V6(OURS)));
        assert_eq!((packet.protocol, packet.ttl, packet.tos), (Protocol::UDP, 1, 0x28));
        assert_eq!((packet.header, packet.payload), (&bytes[..40], &b"hello"[..]));
        assert!(!packet.broadcast && packet.verify_checksum && packet.options().is_empty());
        let fields = Fields { destination: LINK_OURS, source: LINK_PEER, ..fields };
        let bytes = super::packet(&fields, b"x");
        assert!(receive(&mut host, wire, OUR_MAC, &bytes, region).is_some());
    });
}

/// RFC 8200 3: a node that is the destination does not discard a packet whose hop limit is 0. IPv6 Ready v6LC.1.1.10 (Hop Limit Zero).
#[test]
fn a_hop_limit_of_0_is_accepted() {
    with_host(|wire, mut host, region| {
        let bytes = packet(&Fields { hop_limit: 0, ..fields() }, b"x");
        assert_eq!(receive(&mut host, wire, OUR_MAC, &bytes, region).unwrap().ttl, 0);
    });
}

#[test]
fn what_is_sent_to_a_group_is_handed_up_as_such() {
    with_host(|wire, mut host, region| {
        let bytes = packet(&Fields { destination: ALL_NODES, ..fields() }, b"x");
        let mac = multicast_mac(ALL_NODES);
        assert!(receive(&mut host, wire, mac, &bytes, region).unwrap().broadcast);
        let bytes = packet(&Fields { destination: GROUP, ..fields() }, b"x");
        let mac = multicast_mac(GROUP);
        host.join(GROUP).unwrap();
        assert!(receive(&mut host, wire, mac, &bytes, region).unwrap().broadcast);
        // ff02::5678:1234:5678 has the same hardware address, but is another group.
        let twin = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0x5678, 0x1234, 0x5678);
        assert_eq!(multicast_mac(twin), mac);
        let bytes_of_twin = packet(&Fields { destination: twin, ..fields() }, b"x");
        assert!(receive(&mut host, wire, mac, &bytes_of_twin, region).is_none());
        host.leave(GROUP);
        assert!(receive(&mut host, wire, OUR_MAC, &bytes, region).is_none());
        assert_eq!(counters(&host), [("packets_rx", 2), ("not_for_us", 2)]);
        assert_eq!(host.join(PEER), Err(JoinError::NotAGroup(PEER)));
    });
}

#[test]
fn packets_for_others_are_dropped() {
    with_host(|wire, mut host, region| {
        for destination in [PEER, FAR, GROUP, Ipv6Addr::UNSPECIFIED, Ipv6Addr::LOCALHOST] {
            let bytes = packet(&Fields { destination, ..fields() }, b"x");
            assert!(receive(&mut host, wire, OUR_MAC, &bytes, region).is_none());
        }
        assert_eq!(counters(&host), [("not_for_us", 5)]);
        assert!(sent(wire).is_empty(), "nothing is forwarded");
    });
}

/// RFC 4291 2.5.2, 2.5.3, 2.7: a group, the unspecified and the loopback address are no source. Nor is an IPv4 address in the form
/// of IPv6 (RFC 4038 4.2), nor one of ours.
#[test]
fn packets_from_nobody_are_dropped() {
    with_host(|wire, mut host, region| {
        for source in [
            "::",
            "::1",
            "ff02::1",
            "ff0e::7",
            "::ffff:10.0.0.1",
            "::10.0.0.1",
            "2001:db8::2",
            "fe80::2",
        ] {
            let bytes = packet(&Fields { source: source.parse().unwrap(), ..fields() }, b"x");
            assert!(receive(&mut host, wire, OUR_MAC, &bytes, region).is_none(), "{source}");
        }
        assert_eq!(counters(&host), [("bad_source", 8)]);
    });
}

/// A frame to many with a packet for one host: an error or an answer from each of them would be a storm.
#[test]
fn a_group_frame_with_a_packet_for_one_host_is_dropped() {
    with_host(|wire, mut host, region| {
        let bytes = packet(&fields(), b"x");
        for mac in [MacAddr::BROADCAST, multicast_mac(ALL_NODES)] {
            assert!(receive(&mut host, wire, mac, &bytes, region).is_none());
        }
        assert_eq!(counters(&host), [("broadcast_frame", 2)]);
    });
}

/// IPv6 Ready v6LC.1.1.1 (Version Field), v6LC.1.1.6 (Payload Length).
#[test]
fn damaged_packets_are_counted_by_what_is_wrong() {
    with_host(|wire, mut host, region| {
        let good = packet(&fields(), b"x");
        let mut version = good.clone();
        version[0] = 0x45;
        for bytes in [&version[..], &good[..40], &good[..3]] {
            assert!(receive(&mut host, wire, OUR_MAC, bytes, region).is_none());
        }
        assert_eq!(counters(&host), [("bad_length", 2), ("bad_version", 1)]);
    });
}

#[test]
fn padding_is_cut() {
    with_host(|wire, mut host, region| {
        let mut bytes = packet(&fields(), b"x");
        bytes.extend([0xee; 25]);
        assert_eq!(receive(&mut host, wire, OUR_MAC, &bytes, region).unwrap().payload, b"x");
    });
}

#[test]
fn what_the_device_says_of_checksums_is_handed_up() {
    let said = |link: &mut Everybody| link.said = [Checksums::Verified].into();
    with_link(1500, said, |wire, mut host, region| {
        let bytes = packet(&fields(), b"x");
        assert!(!receive(&mut host, wire, OUR_MAC, &bytes, region).unwrap().verify_checksum);
        assert!(receive(&mut host, wire, OUR_MAC, &bytes, region).unwrap().verify_checksum);
    });
}

#[test]
fn other_ethertypes_go_back_down() {
    with_host(|wire, mut host, region| {
        wire.push([&OUR_MAC.0[..], &PEER_MAC.0, &[8, 0, 1, 2]].concat());
        assert!(matches!(host.receive(Instant::ZERO, region), Ok(Rx::Handled)));
        assert_eq!(host.link().link.stats().unknown_ethertype, 1);
        assert!(matches!(host.receive(Instant::ZERO, region), Ok(Rx::Idle)));
    });
}

#[test]
fn without_room_for_what_is_known_of_it_a_packet_is_lost_and_counted() {
    with_host(|wire, mut host, region| {
        let bytes = packet(&fields(), b"x");
        wire.push(frame(OUR_MAC, &bytes));
        // As much as the frame takes, and nothing more.
        let mut room = rt_regions::Finite::<{ 14 + 40 + 1 }>::new();
        let full = room.region("full");
        assert!(matches!(host.receive(Instant::ZERO, &full), Ok(Rx::Handled)));
        assert_eq!(counters(&host), [("no_room", 1)]);
        assert!(receive(&mut host, wire, OUR_MAC, &bytes, region).is_some());
    });
}

/// An address that was given up, or that a router withdrew, is ours no more (RFC 4862 5.5.4).
#[test]
fn addresses_come_and_go() {
    with_host(|wire, mut host, region| {
        let bytes = packet(&fields(), b"x");
        assert!(host.is_ours(OURS.into()) && !host.is_ours(PEER.into()));
        host.link_mut().addresses.pop();
        assert!(receive(&mut host, wire, OUR_MAC, &bytes, region).is_none());
        assert!(!host.is_ours(OURS.into()) && host.is_ours(LINK_OURS.into()));
        assert!(!host.is_ours([10, 0, 0, 2].into()));
    });
}

#[test]
fn what_nobody_claims_is_counted() {
    with_host(|wire, mut host, region| {
        let bytes = packet(&Fields { next_header: Protocol(132), ..fields() }, b"x");
        let delivery = hear(&mut host, wire, Instant::ZERO, OUR_MAC, &bytes, region).unwrap();
        host.unclaimed(Instant::ZERO, delivery).unwrap();
        assert_eq!(counters(&host), [("packets_rx", 1), ("unknown_protocol", 1)]);
    });
}
