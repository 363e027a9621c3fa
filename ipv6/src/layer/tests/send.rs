//! Packets on their way down.

use super::*;

/// The fragments that were sent: the header of each packet, its Fragment header, and its part of the payload.
fn fragments(wire: &Wire) -> Vec<(Ipv6Header, FragmentHeader, Vec<u8>)> {
    let parse = |(_, header, payload): (MacAddr, Ipv6Header, Vec<u8>)| {
        assert_eq!(header.next_header, 44);
        let (fragment, part) = FragmentHeader::ref_from_prefix(&payload).unwrap();
        (header, *fragment, part.to_vec())
    };
    sent(wire).into_iter().map(parse).collect()
}

#[test]
fn a_packet_goes_to_its_destination_whichever_hop_is_next() {
    with_host(|wire, mut host, _| {
        for destination in [PEER, FAR, LINK_PEER] {
            let outgoing = Outgoing { tos: 0xb8, ..to(destination) };
            assert_eq!(host.send(Instant::ZERO, &outgoing, b"hello"), Ok(Sent::Queued));
            let [(mac, header, payload)] = &sent(wire)[..] else { panic!("one packet") };
            assert_eq!((*mac, header.destination()), (mac_of(destination), destination));
            assert_eq!((header.next_header, header.hop_limit), (17, 64));
            assert_eq!((header.traffic_class(), &payload[..]), (0xb8, &b"hello"[..]));
        }
        assert_eq!(counters(&host), [("packets_tx", 3)]);
    });
}

/// RFC 2464 7: a group has a hardware address, and nobody is asked for it.
#[test]
fn a_group_has_its_hardware_address() {
    with_host(|wire, mut host, _| {
        for group in [GROUP, ALL_NODES, "ff0e::7".parse().unwrap()] {
            assert_eq!(host.send(Instant::ZERO, &to(group), b"x"), Ok(Sent::Queued));
            assert_eq!(sent(wire)[0].0, multicast_mac(group));
        }
    });
}

#[test]
fn destinations_that_nobody_has_are_refused() {
    with_host(|wire, mut host, _| {
        for destination in [
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "::10.0.0.1",
            "ff00::1",
            "ff01::1",
            "ff11::1",
            "2001:db8::2",
            "fe80::2",
        ] {
            let destination: Ipv6Addr = destination.parse().unwrap();
            let refused = Sent::NotSent(SendError::BadAddress(destination.into()));
            assert_eq!(host.send(Instant::ZERO, &to(destination), b"x"), Ok(refused));
        }
        let other = Outgoing::new([10, 0, 0, 1].into(), Protocol::UDP);
        let refused = Sent::NotSent(SendError::BadAddress([10, 0, 0, 1].into()));
        assert_eq!(host.send(Instant::ZERO, &other, b"x"), Ok(refused));
        assert_eq!(counters(&host), [("not_sent", 10)]);
        assert!(sent(wire).is_empty());
    });
}

#[test]
fn without_a_router_only_neighbours_are_reached() {
    with_link(
        1500,
        |link| link.has_router = false,
        |wire, mut host, _| {
            let refused = Sent::NotSent(SendError::NoRoute(FAR.into()));
            assert_eq!(host.send(Instant::ZERO, &to(FAR), b"x"), Ok(refused));
            for destination in [PEER, LINK_PEER, GROUP] {
                assert_eq!(host.send(Instant::ZERO, &to(destination), b"x"), Ok(Sent::Queued));
            }
            assert_eq!(sent(wire).len(), 3);
        },
    );
}

/// RFC 6724 5, rules 1 to 3 and 8: the details are in the tests of the rules.
#[test]
fn the_source_suits_the_destination() {
    with_host(|wire, mut host, _| {
        for (destination, source) in [
            (PEER, OURS),
            (FAR, OURS),
            (LINK_PEER, LINK_OURS),
            (GROUP, LINK_OURS),
            ("ff0e::7".parse().unwrap(), OURS),
        ] {
            assert_eq!(host.source_for(destination.into()), Some(source.into()));
            assert_eq!(host.send(Instant::ZERO, &to(destination), b"x"), Ok(Sent::Queued));
            assert_eq!(sent(wire)[0].1.source(), source);
        }
        assert_eq!(host.source_for([10, 0, 0, 1].into()), None);
    });
}

#[test]
fn a_source_that_is_named_is_one_of_ours() {
    with_host(|wire, mut host, _| {
        let from = |source: IpAddr| Outgoing { source: Some(source), ..to(PEER) };
        for ours in [OURS, LINK_OURS] {
            assert_eq!(host.send(Instant::ZERO, &from(ours.into()), b"x"), Ok(Sent::Queued));
            assert_eq!(sent(wire)[0].1.source(), ours);
        }
        for other in [PEER.into(), FAR.into(), Ipv6Addr::UNSPECIFIED.into(), [10, 0, 0, 2].into()] {
            let refused = Sent::NotSent(SendError::BadSource(Some(other)));
            assert_eq!(host.send(Instant::ZERO, &from(other), b"x"), Ok(refused));
        }
        // While we have no address, nothing is sent.
        host.link_mut().addresses.clear();
        let refused = Sent::NotSent(SendError::BadSource(None));
        assert_eq!(host.send(Instant::ZERO, &to(PEER), b"x"), Ok(refused));
        assert_eq!(host.send(Instant::ZERO, &from(OURS.into()), b"x"), Ok(refused));
    });
}

#[test]
fn the_hop_limit_is_the_transports_or_the_links_and_1_for_a_group() {
    with_link(
        1500,
        |link| link.hop_limit = 32,
        |wire, mut host, _| {
            for (destination, ttl, max_ttl, hop_limit) in [
                (PEER, None, 255, 32),
                (PEER, Some(7), 255, 7),
                (GROUP, None, 255, 1),
                (GROUP, Some(9), 255, 9),
                // No more than the transport allows, and never 0.
                (PEER, None, 31, 31),
                (PEER, None, 33, 32),
                (PEER, Some(7), 6, 6),
                (PEER, None, 0, 1),
                (PEER, Some(0), 255, 1),
            ] {
                let outgoing = Outgoing { ttl, max_ttl, ..to(destination) };
                assert_eq!(host.send(Instant::ZERO, &outgoing, b"x"), Ok(Sent::Queued));
                assert_eq!(sent(wire)[0].1.hop_limit, hop_limit, "{destination} {ttl:?} {max_ttl}");
            }
        },
    );
}

/// RFC 8200 4.5: only the source fragments. RFC 8021: never into one.
#[test]
fn a_packet_that_does_not_fit_goes_in_fragments() {
    with_host(|wire, mut host, _| {
        for length in [1460usize, 1461, 1500, 2896, 2897, 8200, 65_535] {
            let payload: Vec<u8> = (0..length).map(|place| (place % 251) as u8).collect();
            let outgoing = Outgoing { tos: 0xb8, ..to(PEER) };
            assert_eq!(host.send(Instant::ZERO, &outgoing, &payload[..]), Ok(Sent::Queued));
            if length <= 1460 {
                assert_eq!(sent(wire)[0].1.next_header, 17);
                continue;
            }
            let all = fragments(wire);
            assert_eq!(all.len(), length.div_ceil(1448));
            let mut whole = Vec::new();
            for (index, (header, fragment, part)) in all.iter().enumerate() {
                assert_eq!((fragment.next_header, fragment.reserved), (17, 0));
                assert_eq!(fragment.identification, all[0].1.identification);
                assert_eq!((fragment.offset(), fragment.is_atomic()), (whole.len(), false));
                assert_eq!(fragment.more_fragments(), index + 1 < all.len());
                let length = HEADER_LEN + FRAGMENT_HEADER_LEN + part.len();
                assert!(length <= 1500 && !part.is_empty(), "{length}");
                // RFC 6437 2: the fragments of a packet have one label.
                assert_eq!(header.flow_label(), all[0].0.flow_label());
                assert_eq!((header.traffic_class(), header.source()), (0xb8, OURS));
                whole.extend_from_slice(part);
            }
            assert!(whole == payload, "{length}");
        }
        let too_long = SendError::TooLong { length: 65_536, most: 65_535 };
        assert_eq!(host.send(Instant::ZERO, &to(PEER), [7; 65_536]), Ok(Sent::NotSent(too_long)));
        assert_eq!(host.max_payload(PEER.into()), 65_535);
        assert_eq!(host.max_payload([10, 0, 0, 1].into()), 0);
    });
}

#[test]
fn what_must_not_be_fragmented_is_not() {
    with_host(|wire, mut host, _| {
        let whole = Outgoing { dont_fragment: true, ..to(PEER) };
        assert_eq!(host.send(Instant::ZERO, &whole, [7; 1460]), Ok(Sent::Queued));
        let refused = SendError::TooLong { length: 1461, most: 1460 };
        assert_eq!(host.send(Instant::ZERO, &whole, [7; 1461]), Ok(Sent::NotSent(refused)));
        host.packet_too_big(Instant::ZERO, PEER.into(), Protocol::UDP, 1400);
        let refused = SendError::TooLong { length: 1361, most: 1360 };
        assert_eq!(host.send(Instant::ZERO, &whole, [7; 1361]), Ok(Sent::NotSent(refused)));
        assert_eq!(sent(wire).len(), 1);
    });
}

/// RFC 7739: the numbers of packets to one destination, and to several, do not follow from each other.
#[test]
fn identifications_do_not_repeat_and_do_not_count_up() {
    with_host(|wire, mut host, _| {
        let mut seen = Vec::new();
        for destination in [PEER, FAR].repeat(100) {
            assert_eq!(host.send(Instant::ZERO, &to(destination), [7; 1500]), Ok(Sent::Queued));
            seen.push(fragments(wire)[0].1.identification.get());
        }
        assert_eq!(seen.iter().collect::<HashSet<_>>().len(), 200);
        let steps = seen.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
        assert!(steps.filter(|&step| step < 1 << 24).count() < 20);
    });
}

/// RFC 6437 3: packets of one flow have one label, others have others, and strangers cannot foresee them.
#[test]
fn a_flow_has_a_label() {
    let label = |seed, destination: Ipv6Addr, protocol, payload: &[u8]| {
        with_pool(512, |pool| {
            let global = Region::new(pool, "global");
            let (wire, end) = Wire::new(OUR_MAC);
            let mut host = Ipv6::new(Everybody::new(end), seed, &global).unwrap();
            let outgoing = Outgoing::new(destination.into(), protocol);
            assert_eq!(host.send(Instant::ZERO, &outgoing, payload), Ok(Sent::Queued));
            sent(&wire)[0].1.flow_label()
        })
    };
    let one = label(1, PEER, Protocol::UDP, &[0, 1, 0, 2, 3]);
    assert_eq!(label(1, PEER, Protocol::UDP, &[0, 1, 0, 2, 9, 9]), one);
    for other in [
        label(2, PEER, Protocol::UDP, &[0, 1, 0, 2]),
        label(1, FAR, Protocol::UDP, &[0, 1, 0, 2]),
        label(1, PEER, Protocol::TCP, &[0, 1, 0, 2]),
        label(1, PEER, Protocol::UDP, &[0, 2, 0, 2]),
        label(1, PEER, Protocol::UDP, &[0, 1, 0, 3]),
        label(1, PEER, Protocol::UDP, &[0]),
    ] {
        assert!(other != one && other != 0);
    }
    // What follows the addresses of other protocols is not a port.
    let echo = label(1, PEER, Protocol::ICMPV6, &[129, 0, 1, 2]);
    assert_eq!(label(1, PEER, Protocol::ICMPV6, &[129, 0, 3, 4]), echo);
    let labels: HashSet<u32> =
        (0..200).map(|port| label(1, PEER, Protocol::UDP, &[0, port, 0, 2])).collect();
    assert!(labels.len() > 195, "{}", labels.len());
}

/// RFC 8201 4: the MTU of a path is believed for 10 minutes, each protocol's word for itself, and never below 1,280 bytes.
#[test]
fn a_path_mtu_makes_packets_smaller() {
    with_host(|wire, mut host, _| {
        let lengths = |host: &mut Host<'_>, now, protocol| -> Vec<usize> {
            let outgoing = Outgoing::new(FAR.into(), protocol);
            assert_eq!(host.send(now, &outgoing, [7; 1460]), Ok(Sent::Queued));
            sent(wire).iter().map(|(_, _, payload)| HEADER_LEN + payload.len()).collect()
        };
        assert_eq!(lengths(&mut host, Instant::ZERO, Protocol::UDP), [1500]);
        host.packet_too_big(Instant::ZERO, FAR.into(), Protocol::UDP, 1400);
        assert_eq!(host.path_mtu(Instant::ZERO, FAR.into(), Protocol::UDP), 1400);
        assert_eq!(lengths(&mut host, Instant::ZERO, Protocol::UDP), [1400, 156]);
        assert_eq!(lengths(&mut host, Instant::ZERO, Protocol::TCP), [1500]);
        for impossible in [0, 68, 1279, 1401, 70_000] {
            host.packet_too_big(Instant::ZERO, FAR.into(), Protocol::UDP, impossible);
            assert_eq!(host.path_mtu(Instant::ZERO, FAR.into(), Protocol::UDP), 1400);
        }
        assert_eq!(host.stats().small_mtus, 3);
        host.packet_too_big(Instant::ZERO, FAR.into(), Protocol::UDP, 1280);
        assert_eq!(lengths(&mut host, Instant::ZERO, Protocol::UDP), [1280, 276]);
        let minutes = |minutes: u64| Instant::from_millis(minutes * 60_000);
        assert_eq!(lengths(&mut host, minutes(9), Protocol::UDP), [1280, 276]);
        assert_eq!(lengths(&mut host, minutes(10), Protocol::UDP), [1500]);
        // IPv4 has paths of its own.
        host.packet_too_big(Instant::ZERO, [10, 0, 0, 1].into(), Protocol::UDP, 576);
        assert_eq!(host.path_mtu(Instant::ZERO, [10, 0, 0, 1].into(), Protocol::UDP), 0);
    });
}

/// What routers say of the link (RFC 4861 4.6.4) counts, and no link has less than 1,280 bytes (RFC 8200 5).
#[test]
fn the_links_mtu_is_what_routers_say_and_at_least_1_280() {
    for (said, longest) in [(1400, 1400), (1280, 1280), (1000, 1280), (0, 1280)] {
        with_link(
            1500,
            |link| link.ipv6_mtu = said,
            |wire, mut host, _| {
                assert_eq!(host.path_mtu(Instant::ZERO, PEER.into(), Protocol::UDP), longest);
                assert_eq!(host.send(Instant::ZERO, &to(PEER), [7; 1460]), Ok(Sent::Queued));
                let lengths = sent(wire).into_iter().map(|(_, _, payload)| 40 + payload.len());
                assert!(lengths.max().is_some_and(|most| most <= longest && most > longest - 8));
            },
        );
    }
}

/// A sender that would not believe that its packet was too long sends one that no path is too small for.
#[test]
fn where_routers_would_have_to_fragment_packets_have_1_280_bytes() {
    with_host(|wire, mut host, _| {
        let outgoing = Outgoing { routers_fragment: true, ..to(FAR) };
        assert_eq!(host.send(Instant::ZERO, &outgoing, [7; 1240]), Ok(Sent::Queued));
        assert_eq!(sent(wire)[0].1.next_header, 17);
        assert_eq!(host.send(Instant::ZERO, &outgoing, [7; 1241]), Ok(Sent::Queued));
        let parts: Vec<_> = fragments(wire).into_iter().map(|(_, _, part)| part.len()).collect();
        assert_eq!(parts, [1232, 9]);
        // It has no effect on what must not be fragmented.
        let whole = Outgoing { dont_fragment: true, ..outgoing };
        assert_eq!(host.send(Instant::ZERO, &whole, [7; 1460]), Ok(Sent::Queued));
        assert_eq!(sent(wire).len(), 1);
    });
}

/// Another reader: etherparse finds what was sent, checksum and lengths included.
#[test]
fn another_parser_reads_what_is_sent() {
    use etherparse::{IpSlice, LaxSlicedPacket, NetSlice, SlicedPacket, TransportSlice};

    with_host(|wire, mut host, _| {
        let udp = |length: usize| {
            let mut datagram = vec![0x1f, 0x90, 0, 53, 0, 0, 0, 0];
            datagram.resize(length, 7);
            datagram[4..6].copy_from_slice(&(length as u16).to_be_bytes());
            datagram
        };
        let outgoing = Outgoing { tos: 0x28, ..to(FAR) };
        assert_eq!(host.send(Instant::ZERO, &outgoing, &udp(100)[..]), Ok(Sent::Queued));
        let frame = wire.pop().unwrap();
        let parsed = SlicedPacket::from_ethernet(&frame).unwrap();
        let Some(NetSlice::Ipv6(ip)) = &parsed.net else { panic!("{parsed:?}") };
        let header = ip.header();
        assert_eq!((header.source_addr(), header.destination_addr()), (OURS, FAR));
        assert_eq!((header.payload_length(), header.hop_limit()), (100, 64));
        assert_eq!(header.traffic_class(), 0x28);
        let Some(TransportSlice::Udp(datagram)) = &parsed.transport else { panic!("{parsed:?}") };
        assert_eq!((datagram.source_port(), datagram.payload().len()), (8080, 92));

        assert_eq!(host.send(Instant::ZERO, &outgoing, &udp(3000)[..]), Ok(Sent::Queued));
        let mut whole = Vec::new();
        for frame in wire.drain() {
            let parsed = LaxSlicedPacket::from_ethernet(&frame).unwrap();
            let packet = IpSlice::from_slice(&frame[14..]).unwrap();
            let IpSlice::Ipv6(ip) = &packet else { panic!("{parsed:?}") };
            assert!(ip.is_payload_fragmented() && parsed.stop_err.is_none(), "{parsed:?}");
            whole.extend_from_slice(ip.payload().payload);
        }
        assert_eq!(whole, udp(3000));
    });
}
