//! Packets on their way down.

use super::*;

#[test]
fn a_whole_packet_is_atomic() {
    with_host(|wire, mut host, _| {
        assert_eq!(host.send(Instant::ZERO, &to(PEER), b"hello"), Ok(Sent::Queued));
        let [(mac, header, payload)] = &sent(wire)[..] else { panic!("one packet") };
        assert_eq!((*mac, &payload[..]), (MacAddr([2, 0, 10, 0, 0, 1]), &b"hello"[..]));
        assert_eq!((header.source(), header.destination()), (OURS, PEER));
        assert_eq!((header.ttl, header.tos, header.identification.get()), (64, 0, 0));
        assert!(header.dont_fragment() && !header.is_fragment());
    });
}

/// The sizes of the Mirage tests: fragments at 0, 1, 2, 10, 100, 1000, 5000 and 10,000 bytes.
#[test]
fn payloads_of_any_size_are_sent_and_can_be_put_together() {
    with_host(|wire, mut host, region| {
        for size in [0usize, 1, 2, 10, 100, 1000, 1480, 1481, 5000, 10_000, 60_000, 65_515] {
            let bytes: Vec<u8> = (0..size).map(|i| (i % 251) as u8).collect();
            assert_eq!(host.send(Instant::ZERO, &to(PEER), &bytes[..]), Ok(Sent::Queued));
            let frames = wire.drain();
            assert_eq!(frames.len(), size.div_ceil(1480).max(1));
            let mut back = None;
            for sent in frames {
                let parsed = Ipv4Header::parse(&sent[14..]).unwrap();
                let header = parsed.header;
                let back_to_us = Fields { identification: header.identification.get(), ..fields() };
                let more = header.more_fragments();
                let header =
                    Ipv4Header::new(&back_to_us, header.offset(), parsed.payload.len(), more);
                let packet = [header.as_bytes(), parsed.payload].concat();
                assert!(back.is_none());
                back = receive(&mut host, wire, OUR_MAC, &packet, region);
            }
            assert_eq!(back.unwrap().payload, bytes);
        }
    });
}

#[test]
fn a_payload_that_no_packet_can_carry_is_refused() {
    with_host(|wire, mut host, _| {
        assert_eq!(host.max_payload(PEER.into()), 65_515);
        let refused = SendError::TooLong { length: 65_516, most: 65_515 };
        let long = vec![0; 65_516];
        assert_eq!(host.send(Instant::ZERO, &to(PEER), &long[..]), Ok(Sent::NotSent(refused)));
        let whole = Outgoing { dont_fragment: true, ..to(PEER) };
        let refused = SendError::TooLong { length: 1481, most: 1480 };
        assert_eq!(host.send(Instant::ZERO, &whole, [0; 1481]), Ok(Sent::NotSent(refused)));
        assert!(sent(wire).is_empty());
    });
}

/// MTU 36 leaves 16 bytes a fragment: 1030 bytes are 65 fragments.
#[test]
fn the_smallest_mtu() {
    with_mtu(36, |wire, mut host, _| {
        assert_eq!(host.send(Instant::ZERO, &to(PEER), [7; 1030]), Ok(Sent::Queued));
        let all = sent(wire);
        assert_eq!(all.len(), 65);
        let ids: HashSet<u16> = all.iter().map(|(_, h, _)| h.identification.get()).collect();
        assert_eq!(ids.len(), 1);
        assert!(all.iter().all(|(_, header, _)| !header.dont_fragment()));
        assert_eq!(all.iter().filter(|(_, header, _)| header.more_fragments()).count(), 64);
        assert_eq!(all[64].2.len(), 6);
    });
}

/// A link with an MTU that is no multiple of 8 still gets pieces that are.
#[test]
fn pieces_are_multiples_of_eight_bytes() {
    with_mtu(1005, |wire, mut host, _| {
        assert_eq!(host.send(Instant::ZERO, &to(PEER), [7; 3000]), Ok(Sent::Queued));
        assert_eq!(
            sent(wire).iter().map(|(.., p)| p.len()).collect::<Vec<_>>(),
            [984, 984, 984, 48]
        );
    });
}

#[test]
fn datagrams_in_fragments_have_different_identifications() {
    with_host(|wire, mut host, _| {
        for _ in 0..100 {
            assert_eq!(host.send(Instant::ZERO, &to(PEER), [7; 2000]), Ok(Sent::Queued));
        }
        let ids: HashSet<u16> = sent(wire).iter().map(|(_, h, _)| h.identification.get()).collect();
        assert_eq!(ids.len(), 100);
    });
}

#[test]
fn what_is_not_in_our_network_goes_to_the_gateway() {
    with_host(|wire, mut host, _| {
        let refused = Sent::NotSent(SendError::NoRoute(FAR.into()));
        assert_eq!(host.send(Instant::ZERO, &to(FAR), b"x"), Ok(refused));
        let mut setup = Setup::default();
        setup.gateway = Some(PEER);
        host.configure(&mut setup);
        assert_eq!(setup, Setup::default());
        assert_eq!(host.send(Instant::ZERO, &to(FAR), b"x"), Ok(Sent::Queued));
        let [(mac, header, _)] = &sent(wire)[..] else { panic!("one packet") };
        assert_eq!((*mac, header.destination()), (MacAddr([2, 0, 10, 0, 0, 1]), FAR));
    });
}

/// Broadcasts and groups have no route, and nobody is reached by one.
#[test]
fn a_table_says_who_takes_what_is_not_on_our_link() {
    let [one, other] = [3, 4].map(|last| Ipv4Addr::new(10, 0, 0, last));
    let route = |network: &str, router| Route { network: network.parse().unwrap(), router };
    let routes = [
        route("192.0.2.0/24", Some(one)),
        route("10.0.0.128/25", Some(other)),
        route("198.51.100.0/24", None),
        route("224.0.0.0/4", Some(one)),
        route("240.0.0.0/4", Some(one)),
        route("127.0.0.0/8", Some(one)),
        route("10.0.0.2/32", Some(one)),
        route("10.0.0.255/32", Some(one)),
    ];
    with_host(|wire, host, _| {
        let mut host = host.with_gateway(Some(PEER)).with_route_table();
        assert_eq!(host.set_routes(&routes), 0);
        let near = Ipv4Addr::new(198, 51, 100, 9);
        let part = Ipv4Addr::new(10, 0, 0, 129);
        let mac_of = |address: Ipv4Addr| {
            let [a, b, c, d] = address.octets();
            MacAddr([2, 0, a, b, c, d])
        };
        for (destination, mac) in [
            (FAR, mac_of(one)),
            (part, mac_of(other)),
            (near, mac_of(near)),
            (PEER, mac_of(PEER)),
            (Ipv4Addr::new(203, 0, 113, 1), mac_of(PEER)),
            (GROUP, multicast_mac(GROUP)),
            (Ipv4Addr::BROADCAST, MacAddr::BROADCAST),
            (Ipv4Addr::new(10, 0, 0, 255), MacAddr::BROADCAST),
        ] {
            assert_eq!(host.send(Instant::ZERO, &to(destination), [7]), Ok(Sent::Queued));
            let sent = sent(wire);
            assert_eq!((sent.len(), sent[0].0), (1, mac), "{destination}");
            assert_eq!(sent[0].1.destination(), destination);
        }
        for nobody in [[127, 0, 0, 1], [240, 0, 0, 1], [0, 0, 0, 1], [10, 0, 0, 2], [10, 0, 0, 0]] {
            let nobody = Ipv4Addr::from(nobody);
            let refused = Sent::NotSent(SendError::BadAddress(nobody.into()));
            assert_eq!(host.send(Instant::ZERO, &to(nobody), [7]), Ok(refused));
        }
        host.set_gateway(None);
        let nowhere = Ipv4Addr::new(203, 0, 113, 1);
        let refused = Sent::NotSent(SendError::NoRoute(nowhere.into()));
        assert_eq!(host.send(Instant::ZERO, &to(nowhere), [7]), Ok(refused));
    });
}

#[test]
fn a_gateway_may_be_outside_of_our_network() {
    let gateway = Ipv4Addr::new(10, 138, 0, 1);
    for (cidr, through) in
        [("10.137.0.5/32", [gateway, FAR, PEER]), ("10.0.0.2/24", [gateway, FAR, FAR])]
    {
        with_cidr(1500, cidr.parse().unwrap(), |wire, host, _| {
            let mut host = host.with_gateway(Some(gateway));
            for destination in through {
                assert_eq!(host.send(Instant::ZERO, &to(destination), b"x"), Ok(Sent::Queued));
                let [(mac, header, _)] = &sent(wire)[..] else { panic!("one packet") };
                assert_eq!(*mac, MacAddr([2, 0, 10, 138, 0, 1]));
                assert_eq!(header.destination(), destination);
            }
        });
    }
}

/// RFC 3021: in a network of two both addresses are hosts, and neither is a broadcast.
#[test]
fn a_network_of_two_has_two_hosts() {
    for [ours, other] in [[2, 3], [3, 2]] {
        let [ours, other] = [ours, other].map(|last| Ipv4Addr::new(10, 0, 0, last));
        with_cidr(1500, Cidr::new(ours, 31).unwrap(), |wire, mut host, region| {
            assert_eq!(host.send(Instant::ZERO, &to(other), b"x"), Ok(Sent::Queued));
            let [(mac, ..)] = &sent(wire)[..] else { panic!("one packet") };
            assert_eq!(mac.0[2..], other.octets());
            let fields = Fields { source: other, destination: ours, ..fields() };
            let bytes = packet(&fields, b"x");
            let received = receive(&mut host, wire, OUR_MAC, &bytes, region).unwrap();
            assert!(!received.broadcast);
            let refused = Sent::NotSent(SendError::BadAddress(ours.into()));
            assert_eq!(host.send(Instant::ZERO, &to(ours), b"x"), Ok(refused));
            assert_eq!(host.send(Instant::ZERO, &to(Ipv4Addr::BROADCAST), b"x"), Ok(Sent::Queued));
            let beside = Sent::NotSent(SendError::NoRoute(PEER.into()));
            assert_eq!(host.send(Instant::ZERO, &to(PEER), b"x"), Ok(beside));
        });
    }
}

#[test]
fn the_log_is_turned_on_in_the_value_too() {
    with_host(|_, mut host, _| {
        for (name, on) in [("arp", false), ("ipv4", true)] {
            let mut setup = Setup::default();
            setup.log = Some(name);
            host.configure(&mut setup);
            assert_eq!((host.log, host.host.has_log()), (on, on), "{name}");
        }
    });
}

#[test]
fn broadcasts_and_multicasts_need_no_neighbour() {
    with_host(|wire, mut host, _| {
        for (address, mac) in [
            (Ipv4Addr::BROADCAST, MacAddr::BROADCAST),
            (Ipv4Addr::new(10, 0, 0, 255), MacAddr::BROADCAST),
            (GROUP, multicast_mac(GROUP)),
        ] {
            assert_eq!(host.send(Instant::ZERO, &to(address), b"x"), Ok(Sent::Queued));
            assert_eq!(sent(wire)[0].0, mac);
        }
    });
}

#[test]
fn nobody_sends_to_nobody() {
    with_host(|wire, mut host, _| {
        let nobody = [
            [0, 0, 0, 0],
            [0, 1, 2, 3],
            [127, 0, 0, 1],
            [240, 0, 0, 1],
            [255, 255, 255, 254],
            [10, 0, 0, 0],
            OURS.octets(),
        ]
        .map(Ipv4Addr::from);
        for address in nobody {
            let refused = Sent::NotSent(SendError::BadAddress(address.into()));
            assert_eq!(host.send(Instant::ZERO, &to(address), b"x"), Ok(refused));
        }
        let six = Outgoing::new("::1".parse().unwrap(), Protocol::UDP);
        assert!(matches!(host.send(Instant::ZERO, &six, b"x"), Ok(Sent::NotSent(_))));
        assert!(sent(wire).is_empty());
        assert_eq!(counters(&host), [("not_sent", 8)]);
    });
}

#[test]
fn ttl_zero_is_never_sent() {
    with_host(|wire, mut host, _| {
        let outgoing = Outgoing { ttl: Some(0), tos: 0xb8, ..to(PEER) };
        assert_eq!(host.send(Instant::ZERO, &outgoing, b"x"), Ok(Sent::Queued));
        assert_eq!((sent(wire)[0].1.ttl, host.stats().packets_tx), (1, 1));
    });
}

#[test]
fn a_smaller_path_mtu_makes_fragments_without_df() {
    with_host(|wire, mut host, _| {
        host.packet_too_big(Instant::ZERO, PEER.into(), Protocol::UDP, 600);
        assert_eq!(host.send(Instant::ZERO, &to(PEER), [1; 1000]), Ok(Sent::Queued));
        let all = sent(wire);
        assert_eq!(all.iter().map(|(.., p)| p.len()).collect::<Vec<_>>(), [576, 424]);
        assert!(all.iter().all(|(_, header, _)| !header.dont_fragment()));
        let other = Ipv4Addr::new(10, 0, 0, 9);
        assert_eq!(host.send(Instant::ZERO, &to(other), [1; 1000]), Ok(Sent::Queued));
        assert_eq!(sent(wire).len(), 1);
    });
}

/// Anybody can forge what lowers a path of UDP.
#[test]
fn what_udp_believes_of_a_path_does_not_hold_for_tcp() {
    with_host(|wire, mut host, _| {
        let tcp = Outgoing::new(PEER.into(), Protocol::TCP);
        host.packet_too_big(Instant::ZERO, PEER.into(), Protocol::UDP, 600);
        let path = |host: &Host<'_>, protocol| host.path_mtu(Instant::ZERO, PEER.into(), protocol);
        assert_eq!((path(&host, Protocol::UDP), path(&host, Protocol::TCP)), (600, 1500));
        assert_eq!(host.send(Instant::ZERO, &tcp, [1; 1480]), Ok(Sent::Queued));
        let [(_, header, payload)] = &sent(wire)[..] else { panic!("one packet") };
        assert!(header.dont_fragment() && payload.len() == 1480);
        host.packet_too_big(Instant::ZERO, PEER.into(), Protocol::TCP, 1000);
        assert_eq!((path(&host, Protocol::UDP), path(&host, Protocol::TCP)), (600, 1000));
    });
}

/// RFC 1191 3: what was known of a path and is not any more costs nobody a datagram.
#[test]
fn no_path_is_lost_where_there_are_many() {
    with_host(|wire, host, _| {
        let mut host = host.with_gateway(Some(PEER));
        let clients = |number: u32| Ipv4Addr::from_bits(0xc000_0200 + number);
        for (count, displaced) in [(17, false), (10_000, true)] {
            // What a router says that has a smaller link; for all, one after the other.
            for number in 0..count {
                assert_eq!(
                    host.send(Instant::ZERO, &to(clients(number)), [1; 1458]),
                    Ok(Sent::Queued)
                );
                let all = sent(wire);
                if let [(_, header, payload)] = &all[..]
                    && header.dont_fragment()
                    && payload.len() > 1380
                {
                    host.packet_too_big(Instant::ZERO, clients(number).into(), Protocol::UDP, 1400);
                }
            }
            assert_eq!(host.stats().paths_displaced > 0, displaced);
            for number in 0..count {
                assert_eq!(
                    host.send(Instant::ZERO, &to(clients(number)), [1; 1458]),
                    Ok(Sent::Queued)
                );
                let passes = |(_, header, payload): &(_, Ipv4Header, Vec<u8>)| {
                    payload.len() <= 1380 || !header.dont_fragment()
                };
                assert!(sent(wire).iter().all(passes), "{count} clients: {number}");
            }
        }
    });
}

#[test]
fn what_routers_may_fragment_has_no_df_and_a_number_of_its_own() {
    with_host(|wire, mut host, _| {
        let outgoing = Outgoing { routers_fragment: true, ..to(PEER) };
        let mut numbers = HashSet::new();
        for length in [0, 5, 1480] {
            let bytes = vec![1; length];
            assert_eq!(host.send(Instant::ZERO, &outgoing, &bytes[..]), Ok(Sent::Queued));
            let [(_, header, payload)] = &sent(wire)[..] else { panic!("one packet") };
            assert!(!header.dont_fragment() && !header.is_fragment() && payload.len() == length);
            assert!(numbers.insert(header.identification.get()));
        }
        let whole = Outgoing { dont_fragment: true, ..outgoing };
        assert_eq!(host.send(Instant::ZERO, &whole, b"x"), Ok(Sent::Queued));
        assert!(sent(wire)[0].1.dont_fragment());
    });
}

/// Whoever forges a report of 68 bytes gets pieces of 552; a router that means it makes smaller ones itself.
#[test]
fn a_path_mtu_below_the_floor_lets_routers_fragment() {
    with_host(|wire, mut host, _| {
        let lengths = |wire: &Wire| sent(wire).iter().map(|(.., p)| p.len()).collect::<Vec<_>>();
        host.packet_too_big(Instant::ZERO, PEER.into(), Protocol::UDP, 68);
        assert_eq!(host.stats().small_mtus, 1);
        assert_eq!(host.send(Instant::ZERO, &to(PEER), [1; 1000]), Ok(Sent::Queued));
        assert_eq!(lengths(wire), [528, 472]);
        // What fits goes whole, with a number of its own and without DF.
        let mut numbers = HashSet::new();
        for length in [0, 48, 49, 532] {
            assert_eq!(host.send(Instant::ZERO, &to(PEER), &[1; 532][..length]), Ok(Sent::Queued));
            let [(_, header, payload)] = &sent(wire)[..] else { panic!("one packet") };
            assert!(!header.dont_fragment() && !header.is_fragment() && payload.len() == length);
            assert!(numbers.insert(header.identification.get()));
        }
        // Whoever wants DF has it, up to the floor.
        let whole = Outgoing { dont_fragment: true, ..to(PEER) };
        assert_eq!(host.send(Instant::ZERO, &whole, [1; 532]), Ok(Sent::Queued));
        assert!(sent(wire)[0].1.dont_fragment());
        let refused = SendError::TooLong { length: 533, most: 532 };
        assert_eq!(host.send(Instant::ZERO, &whole, [1; 533]), Ok(Sent::NotSent(refused)));
        // 552 itself is believed as it is, and so is the link where that takes less.
        let other = Ipv4Addr::new(10, 0, 0, 9);
        host.packet_too_big(Instant::ZERO, other.into(), Protocol::UDP, 552);
        assert_eq!(host.stats().small_mtus, 1);
        assert_eq!(host.send(Instant::ZERO, &to(other), [1; 532]), Ok(Sent::Queued));
        assert!(sent(wire)[0].1.dont_fragment());
    });
    with_mtu(300, |wire, mut host, _| {
        host.packet_too_big(Instant::ZERO, PEER.into(), Protocol::UDP, 100);
        assert_eq!(host.send(Instant::ZERO, &to(PEER), [1; 532]), Ok(Sent::Queued));
        assert!(
            sent(wire)
                .iter()
                .all(|(_, header, payload)| { payload.len() <= 280 && !header.dont_fragment() })
        );
    });
}

#[test]
fn the_ttl_is_the_transports_or_ours_and_1_for_a_group() {
    with_host(|wire, host, _| {
        let mut host = host.with_ttl(32);
        for (destination, ttl, sent_ttl) in [
            (PEER, None, 32),
            (PEER, Some(7), 7),
            (Ipv4Addr::BROADCAST, None, 32),
            (GROUP, None, 1),
            (GROUP, Some(9), 9),
        ] {
            let outgoing = Outgoing { ttl, ..to(destination) };
            assert_eq!(host.send(Instant::ZERO, &outgoing, b"x"), Ok(Sent::Queued));
            assert_eq!(sent(wire)[0].1.ttl, sent_ttl, "{destination} {ttl:?}");
        }
        // No more than the transport allows, and never 0.
        for (ttl, max_ttl, sent_ttl) in
            [(None, 31, 31), (None, 33, 32), (Some(7), 6, 6), (None, 0, 1)]
        {
            let outgoing = Outgoing { ttl, max_ttl, ..to(PEER) };
            assert_eq!(host.send(Instant::ZERO, &outgoing, b"x"), Ok(Sent::Queued));
            assert_eq!(sent(wire)[0].1.ttl, sent_ttl, "{ttl:?} {max_ttl}");
        }
        let mut host = host.with_ttl(0);
        assert_eq!(host.send(Instant::ZERO, &to(PEER), b"x"), Ok(Sent::Queued));
        assert_eq!(sent(wire)[0].1.ttl, 1);
    });
}

#[test]
fn the_type_of_service_is_the_transports_in_each_fragment() {
    with_host(|wire, mut host, _| {
        let outgoing = Outgoing { tos: 0xb8, ..to(PEER) };
        assert_eq!(host.send(Instant::ZERO, &outgoing, [7; 3000]), Ok(Sent::Queued));
        let all = sent(wire);
        assert_eq!((all.len(), all.iter().all(|(_, header, _)| header.tos == 0xb8)), (3, true));
    });
}

/// RFC 791 3.2 has 68 bytes on every link. What a broken device says makes no difference.
#[test]
fn an_mtu_that_no_link_has_does_no_harm() {
    for mtu in [0, 1, 19, 20, 23, 28] {
        with_mtu(mtu, |wire, mut host, _| {
            assert_eq!(host.send(Instant::ZERO, &to(PEER), [7; 100]), Ok(Sent::Queued));
            let most = Sent::NotSent(SendError::TooLong { length: 100, most: 8 });
            let whole = Outgoing { dont_fragment: true, ..to(PEER) };
            assert_eq!(host.send(Instant::ZERO, &whole, [7; 100]), Ok(most));
            assert_eq!(sent(wire).len(), if mtu < 28 { 0 } else { 13 }, "MTU {mtu}");
        });
    }
}

/// What other hosts fragmented is never fragmented here, because nothing is forwarded.
#[test]
fn nothing_is_forwarded() {
    with_host(|wire, host, region| {
        let mut host = host.with_gateway(Some(PEER));
        for destination in [FAR, Ipv4Addr::new(10, 0, 0, 9), GROUP] {
            let bytes = packet(&Fields { destination, ..fields() }, b"x");
            assert!(receive(&mut host, wire, OUR_MAC, &bytes, region).is_none());
        }
        assert!(sent(wire).is_empty());
    });
}
