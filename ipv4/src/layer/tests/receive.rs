//! Packets on their way up.

use super::*;

#[test]
fn a_packet_for_us_is_handed_up() {
    with_host(|wire, mut host, region| {
        let bytes = packet(&Fields { tos: 0x28, ttl: 1, ..fields() }, b"hello");
        let packet = receive(&mut host, wire, OUR_MAC, &bytes, region).unwrap();
        assert_eq!((packet.source, packet.destination), (IpAddr::V4(PEER), IpAddr::V4(OURS)));
        assert_eq!((packet.protocol, packet.ttl, packet.tos), (Protocol::UDP, 1, 0x28));
        assert_eq!((packet.header, packet.payload), (&bytes[..20], &b"hello"[..]));
        assert!(!packet.broadcast && packet.verify_checksum);
    });
}

#[test]
fn broadcasts_and_joined_groups_are_handed_up_as_such() {
    with_host(|wire, mut host, region| {
        for destination in [Ipv4Addr::BROADCAST, Ipv4Addr::new(10, 0, 0, 255)] {
            let bytes = packet(&Fields { destination, ..fields() }, b"x");
            let packet = receive(&mut host, wire, MacAddr::BROADCAST, &bytes, region).unwrap();
            assert!(packet.broadcast);
        }
        let bytes = packet(&Fields { destination: GROUP, ..fields() }, b"x");
        assert_eq!(multicast_mac(GROUP), MacAddr([1, 0, 0x5e, 1, 2, 3]));
        assert!(receive(&mut host, wire, multicast_mac(GROUP), &bytes, region).is_none());
        host.join(GROUP).unwrap();
        assert!(receive(&mut host, wire, multicast_mac(GROUP), &bytes, region).unwrap().broadcast);
        // 239.129.2.3 has the same hardware address, but is another group.
        let other = Fields { destination: Ipv4Addr::new(239, 129, 2, 3), ..fields() };
        assert!(
            receive(&mut host, wire, multicast_mac(GROUP), &packet(&other, b"x"), region).is_none()
        );
        host.leave(GROUP);
        assert!(receive(&mut host, wire, multicast_mac(GROUP), &bytes, region).is_none());
    });
}

#[test]
fn groups_that_share_a_hardware_address_leave_alone() {
    with_host(|wire, mut host, region| {
        let twin = Ipv4Addr::new(239, 129, 2, 3);
        host.join(GROUP).unwrap();
        host.join(twin).unwrap();
        host.leave(GROUP);
        let bytes = packet(&Fields { destination: twin, ..fields() }, b"x");
        assert!(receive(&mut host, wire, multicast_mac(twin), &bytes, region).is_some());
        assert_eq!(host.join(PEER), Err(JoinError::NotAGroup(PEER)));
    });
}

#[test]
fn packets_for_others_are_dropped() {
    with_host(|wire, mut host, region| {
        for destination in [PEER, FAR, GROUP, Ipv4Addr::UNSPECIFIED, Ipv4Addr::LOCALHOST] {
            let bytes = packet(&Fields { destination, ..fields() }, b"x");
            assert!(receive(&mut host, wire, OUR_MAC, &bytes, region).is_none());
        }
        assert_eq!(counters(&host), [("not_for_us", 5)]);
    });
}

#[test]
fn packets_from_nobody_are_dropped() {
    with_host(|wire, mut host, region| {
        for source in [
            [0, 0, 0, 0],
            [127, 0, 0, 1],
            [224, 0, 0, 1],
            [255; 4],
            [10, 0, 0, 255],
            [10, 0, 0, 0],
            [240, 0, 0, 1],
            OURS.octets(),
        ] {
            let bytes = packet(&Fields { source: source.into(), ..fields() }, b"x");
            assert!(receive(&mut host, wire, OUR_MAC, &bytes, region).is_none(), "{source:?}");
        }
        assert_eq!(counters(&host), [("bad_source", 8)]);
    });
}

#[test]
fn a_broadcast_frame_with_a_packet_for_one_host_is_dropped() {
    with_host(|wire, mut host, region| {
        let bytes = packet(&fields(), b"x");
        assert!(receive(&mut host, wire, MacAddr::BROADCAST, &bytes, region).is_none());
        assert_eq!(counters(&host), [("broadcast_frame", 1)]);
    });
}

#[test]
fn damaged_packets_are_counted_by_what_is_wrong() {
    with_host(|wire, mut host, region| {
        let good = packet(&fields(), b"x");
        let mut version = good.clone();
        version[0] = 0x65;
        let mut ihl = good.clone();
        ihl[0] = 0x44;
        let mut checksum = good.clone();
        checksum[10] ^= 1;
        for bytes in [&version[..], &ihl, &checksum, &good[..20], &good[..3]] {
            assert!(receive(&mut host, wire, OUR_MAC, bytes, region).is_none());
        }
        assert_eq!(counters(&host), [("bad_length", 3), ("bad_version", 1), ("bad_checksum", 1)]);
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
    with_pool(64, |pool| {
        let global = Region::new(pool, "global");
        let (wire, mut end) = Wire::new(OUR_MAC);
        end.checksums = Checksums::Verified;
        let link = Everybody::new(end, Cidr::new(OURS, 24).unwrap());
        let mut host = Ipv4::new(link, 1, &global).unwrap();
        let bytes = packet(&fields(), b"x");
        let packet_region = Region::new(pool, "packet");
        let packet = receive(&mut host, &wire, OUR_MAC, &bytes, &packet_region).unwrap();
        assert!(!packet.verify_checksum);
    });
}

#[test]
fn other_ethertypes_go_back_down() {
    with_host(|wire, mut host, region| {
        wire.push([&OUR_MAC.0[..], &PEER_MAC.0, &[0x86, 0xdd, 1, 2]].concat());
        assert!(matches!(host.receive(Instant::ZERO, region), Ok(Rx::Handled)));
        assert_eq!(host.link().link.stats().unknown_ethertype, 1);
        assert!(matches!(host.receive(Instant::ZERO, region), Ok(Rx::Idle)));
    });
}

/// From 10.0.0.1 to 10.0.0.2, protocol 17, with `options` and no payload.
fn with_options(options: &[u8]) -> Vec<u8> {
    let header = 20 + options.len() as u8;
    let mut packet = [
        &[0x40 + header / 4, 0, 0, header, 0, 7, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2],
        options,
    ]
    .concat();
    let checksum = network::Checksum::new().add(&packet).finish();
    packet[10..12].copy_from_slice(&checksum.to_be_bytes());
    packet
}

#[test]
fn options_are_handed_up_as_they_came() {
    with_host(|wire, mut host, region| {
        for options in [
            &[148, 4, 0, 0][..],          // router alert
            &[136, 4, 0, 9],              // stream identifier, obsolete
            &[222, 4, 1, 2],              // nobody knows this one
            &[1, 131, 7, 8, 10, 0, 0, 9], // a source route that ends here
            &[7, 7, 8, 10, 0, 0, 9, 0],   // record route
            &[1, 1, 1, 0],
        ] {
            let packet = receive(&mut host, wire, OUR_MAC, &with_options(options), region).unwrap();
            assert_eq!((packet.options(), packet.payload), (options, &[][..]));
        }
        assert_eq!(counters(&host), [("packets_rx", 6)]);
    });
}

#[test]
fn what_is_wrong_with_options_is_reported_and_not_handed_up() {
    with_host(|wire, mut host, region| {
        for (options, problem) in [
            (&[7, 0, 0, 0][..], Problem::Parameter(21)),
            (&[1, 1, 1, 148], Problem::Parameter(23)),
            (&[131, 3, 1, 0], Problem::Parameter(22)),
            (&[131, 7, 4, 10, 0, 0, 9, 0], Problem::SourceRouteFailed),
            (&[137, 7, 4, 10, 0, 0, 9, 0], Problem::SourceRouteFailed),
        ] {
            let bytes = with_options(options);
            wire.push(frame(OUR_MAC, &bytes));
            let Ok(Rx::Item(Delivery::Rejected(rejected, why))) =
                host.receive(Instant::ZERO, region)
            else {
                panic!("{options:?}")
            };
            assert_eq!(why, problem);
            assert_eq!((rejected.header, rejected.broadcast), (&bytes[..], false));
        }
        assert_eq!(counters(&host), [("source_routed", 2), ("bad_options", 3)]);
    });
}

/// RFC 6864 4.1: of a datagram that cannot be fragmented the identification says nothing.
#[test]
fn whole_datagrams_with_one_identification_are_all_handed_up() {
    with_host(|wire, mut host, region| {
        for dont_fragment in [true, true, false, false] {
            let bytes = packet(&Fields { dont_fragment, ..fields() }, b"x");
            assert!(receive(&mut host, wire, OUR_MAC, &bytes, region).is_some());
        }
    });
}

#[test]
fn the_group_of_all_hosts_is_never_left() {
    with_host(|wire, mut host, region| {
        let bytes = packet(&Fields { destination: ALL_HOSTS, ..fields() }, b"x");
        let mac = multicast_mac(ALL_HOSTS);
        assert!(receive(&mut host, wire, mac, &bytes, region).unwrap().broadcast);
        host.leave(ALL_HOSTS);
        // A group with the same hardware address comes and goes.
        let twin = Ipv4Addr::new(239, 0, 0, 1);
        assert_eq!(multicast_mac(twin), mac);
        host.join(twin).unwrap();
        host.leave(twin);
        assert!(receive(&mut host, wire, mac, &bytes, region).is_some());
        // It takes no place from those that are joined.
        for last in 1..=8 {
            host.join(Ipv4Addr::new(239, 1, 1, last)).unwrap();
        }
        assert_eq!(host.join(GROUP), Err(JoinError::Full));
    });
}

#[test]
fn without_room_for_what_is_known_of_it_a_packet_is_lost_and_counted() {
    with_host(|wire, mut host, region| {
        let bytes = packet(&fields(), b"x");
        wire.push(frame(OUR_MAC, &bytes));
        // As much as the frame takes, and nothing more.
        let mut room = rt_regions::Finite::<{ 14 + 20 + 1 }>::new();
        let full = room.region("full");
        assert!(matches!(host.receive(Instant::ZERO, &full), Ok(Rx::Handled)));
        assert_eq!(counters(&host), [("no_room", 1)]);
        assert!(receive(&mut host, wire, OUR_MAC, &bytes, region).is_some());
    });
}
