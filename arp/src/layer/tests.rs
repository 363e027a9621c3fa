use core::{num::NonZeroU16, time::Duration};
use std::{format, vec, vec::Vec};

use ethernet::{Ethernet, EthernetHeader};
use layer::PartialChecksum;
use testkit::{Wire, with_pool};
use zerocopy::IntoBytes;

use super::*;
use crate::host::*;

#[test]
fn the_address_is_announced_twice() {
    with_pool(16, |pool| {
        let region = Region::new(pool, "memory");
        let mut host = Host::new(&region);
        assert_eq!(host.arp.next_deadline(), Some(Instant::ZERO));
        host.turn();
        let announcement = "ff:ff:ff:ff:ff:ff < 10.0.0.2 (02:00:0a:00:00:02) asks for 10.0.0.2";
        assert_eq!(host.sent(), [announcement]);
        assert_eq!(host.arp.next_deadline(), Some(host.now + Duration::from_secs(2)));
        assert_eq!(host.passes(1), [""; 0]);
        assert_eq!(host.passes(1), [announcement]);
        assert_eq!(host.arp.next_deadline(), None);
        assert_eq!(host.passes(60), [""; 0]);
    });
}

#[test]
fn set_address_sends_gratuitous_arp() {
    with_host(|host| {
        host.hears(request(PEER, THEM));
        host.sends([10, 0, 0, 7], 1);
        host.arp.set_address("10.0.0.3/24".parse().unwrap());
        assert_eq!(host.stats().abandoned, 1);
        let announcement = "ff:ff:ff:ff:ff:ff < 10.0.0.3 (02:00:0a:00:00:02) asks for 10.0.0.3";
        assert_eq!(host.passes(10), [announcement, announcement]);
        assert_eq!(host.hears(request(PEER, THEM)), [""; 0]);
        // What was known is not known any more.
        assert_eq!(host.sends(THEM, 1).len(), 1);
        assert_eq!(host.stats().requests_tx, 2);
        let asked = frame(ALL, REQUEST, (PEER, THEM), (NONE, [10, 0, 0, 3]));
        assert_eq!(host.hears(asked).len(), 2);
    });
}

#[test]
fn without_an_address_nothing_is_sent_until_there_is_one() {
    with_host(|host| {
        host.arp.set_address(Cidr::UNSPECIFIED);
        assert!(!host.has_address());
        assert_eq!(host.ready(), Ok(false));
        assert_eq!(host.passes(100), [""; 0]);
        assert_eq!(host.hears(request(PEER, THEM)), [""; 0]);
        assert_eq!(host.hears(probe(PEER)), [""; 0]);
        let unspecified = frame(ALL, REQUEST, (PEER, THEM), (NONE, [0; 4]));
        assert_eq!(host.hears(unspecified), [""; 0]);
        assert_eq!(host.sends(THEM, 1), [""; 0]);
        assert_eq!((host.stats().no_address_tx, host.stats().conflicts), (1, 0));
        // What the link does, it is no reason to claim 0.0.0.0.
        for up in [false, true] {
            host.wire.set_link(up);
            assert_eq!(host.passes(10), [""; 0]);
        }
        host.arp.set_address("10.0.0.2/24".parse().unwrap());
        assert_eq!(host.passes(10).len(), 2);
        assert_eq!(host.ready(), Ok(true));
        assert_eq!(host.hears(request(PEER, THEM)).len(), 1);
    });
}

#[test]
fn solicited_replies_resolve_waiting_packets() {
    with_host(|host| {
        assert_eq!(host.sends(THEM, 1), [asks(ALL, THEM)]);
        assert_eq!(host.sends(THEM, 2), [""; 0]);
        assert_eq!(host.sends([10, 0, 0, 7], 9), [asks(ALL, [10, 0, 0, 7])]);
        assert_eq!(host.hears(reply(PEER, THEM)), [carries(PEER, 1), carries(PEER, 2)]);
        assert_eq!(host.sends(THEM, 3), [carries(PEER, 3)]);
        assert_eq!((host.stats().delayed, host.stats().unsolicited), (2, 0));
    });
}

/// The interface is to complete it, whenever it is sent.
#[test]
fn what_was_left_undone_waits_with_the_packet() {
    with_host(|host| {
        let checksum = Some(PartialChecksum { start: 20, ..PartialChecksum::UDP });
        let offload = TxOffload { checksum, segment_size: None };
        host.arp.send_to(host.now, THEM.into(), EtherType::IPV4, [1; 46], offload).unwrap();
        assert_eq!(host.sent(), [asks(ALL, THEM)]);
        host.wire.push(reply(PEER, THEM));
        assert_eq!(host.turn(), []);
        let sent = host.wire.drain_offloaded();
        let [(_, waited)] = &sent[..] else { panic!("one packet: {sent:?}") };
        assert_eq!(*waited, offload.shifted(14));
    });
}

/// Every other way down hands it on with the packet.
#[test]
fn what_was_left_undone_goes_down_with_the_packet() {
    with_host(|host| {
        let checksum = Some(PartialChecksum { start: 20, ..PartialChecksum::UDP });
        let offload = TxOffload { checksum, segment_size: NonZeroU16::new(1480) };
        assert_eq!(host.hears(request(PEER, THEM)).len(), 1);
        // To one that asked us, and is asked whether it is there; to one that is known; past the neighbours.
        let mut sent = Vec::new();
        for is_confirmed in [false, true] {
            if is_confirmed {
                assert_eq!(host.hears(reply(PEER, THEM)), [""; 0]);
            }
            host.arp.send_to(host.now, THEM.into(), EtherType::IPV4, [1; 46], offload).unwrap();
            sent.extend(host.wire.drain_offloaded());
        }
        Link::send(&mut host.arp, host.now, ALL, EtherType::IPV4, [1; 46], offload).unwrap();
        sent.extend(host.wire.drain_offloaded());
        let is_arp = |frame: &[u8]| frame[12..14] == [8, 6];
        let seen: Vec<_> = sent.iter().map(|(frame, offload)| (is_arp(frame), *offload)).collect();
        let packet = (false, offload.shifted(14));
        assert_eq!(seen, [packet, (true, TxOffload::NONE), packet, packet]);
    });
}

#[test]
fn all_the_fragments_of_a_datagram_wait() {
    with_host(|host| {
        for fragment in 0..45 {
            let payload = vec![fragment; 1500];
            host.arp
                .send_to(host.now, THEM.into(), EtherType::IPV4, &payload[..], TxOffload::NONE)
                .unwrap();
        }
        assert_eq!(host.sent(), [asks(ALL, THEM)]);
        let free = host.pool.free_pages();
        let expected: Vec<_> = (0..45).map(|fragment| carries(PEER, fragment)).collect();
        assert_eq!(host.hears(reply(PEER, THEM)), expected);
        assert!(host.pool.free_pages() > free);
        assert_eq!(host.stats().overflowed, 0);
    });
}

#[test]
fn unreachable_addresses_time_out() {
    with_host(|host| {
        let free = host.pool.free_pages();
        assert_eq!(host.sends(THEM, 1), [asks(ALL, THEM)]);
        host.sends(THEM, 2);
        // Queries are repeated before that.
        assert_eq!(host.passes(4), vec![asks(ALL, THEM); 4]);
        assert_eq!(host.stats().unanswered, 0);
        assert_eq!(host.passes(1), [""; 0]);
        assert_eq!((host.stats().unanswered, host.stats().silent), (2, 1));
        assert_eq!(host.pool.free_pages(), free);
        // For a while nothing is sent and nothing asked; then a new attempt is made.
        assert_eq!(host.sends(THEM, 3), [""; 0]);
        assert_eq!(host.stats().unanswered, 3);
        assert_eq!(host.passes(5), [""; 0]);
        assert_eq!(host.sends(THEM, 4), [asks(ALL, THEM)]);
        assert_eq!(host.hears(reply(PEER, THEM)), [carries(PEER, 4)]);
    });
}

#[test]
fn entries_in_use_are_asked_again_alone_before_they_expire() {
    with_host(|host| {
        host.meets();
        host.lives(19 * 60 * 1000);
        assert_eq!(host.sends(THEM, 2), [carries(PEER, 2), asks(PEER, THEM)]);
        assert_eq!(host.sends(THEM, 3), [carries(PEER, 3)]);
        assert_eq!(host.hears(reply(PEER, THEM)), [""; 0]);
        host.now += Duration::from_secs(10 * 60);
        assert_eq!(host.sends(THEM, 4), [carries(PEER, 4)]);
    });
}

#[test]
fn entries_expire() {
    with_host(|host| {
        host.meets();
        host.now += Duration::from_secs(20 * 60);
        assert_eq!(host.sends(THEM, 2), [asks(ALL, THEM)]);
    });
}

#[test]
fn what_is_no_neighbour_is_dropped_and_counted() {
    with_host(|host| {
        let nobody = [US, [10, 0, 0, 255], [10, 0, 0, 0], [255; 4], [224, 0, 0, 1], [0; 4]];
        for address in nobody {
            assert_eq!(host.sends(address, 1), [""; 0]);
        }
        assert_eq!(host.stats().not_a_neighbour, nobody.len() as u64);
    });
}

#[test]
fn a_gateway_outside_the_network_is_found() {
    with_host(|host| {
        let gateway = [172, 31, 1, 1];
        assert_eq!(host.sends(gateway, 1), [asks(ALL, gateway)]);
        assert_eq!(host.hears(reply(PEER, gateway)), [carries(PEER, 1)]);
    });
}

/// Where each host is a network of its own, the gateway asks for us too, from an address outside of ours.
#[test]
fn a_host_alone_in_its_network_has_a_gateway() {
    with_host(|host| {
        host.arp.set_address("10.0.0.2/32".parse().unwrap());
        host.passes(10);
        let gateway = [10, 138, 0, 1];
        assert_eq!(host.hears(request(PEER, gateway)).len(), 1);
        assert_eq!(host.sends(gateway, 1), [asks(ALL, gateway)]);
        assert_eq!(host.hears(request(PEER, gateway)).len(), 2);
        assert_eq!(host.sends(gateway, 2), [carries(PEER, 2)]);
    });
}

/// RFC 3021: in a network of two both addresses are hosts.
#[test]
fn a_network_of_two_has_a_neighbour() {
    with_host(|host| {
        host.arp.set_address("10.0.0.2/31".parse().unwrap());
        host.passes(10);
        let other = [10, 0, 0, 3];
        assert_eq!(host.hears(request(PEER, other)).len(), 1);
        // Whoever has asked us is asked once whether it is there.
        assert_eq!(host.sends(other, 1), [carries(PEER, 1), asks(PEER, other)]);
        assert_eq!(host.stats().learnt, 1);
    });
}

#[test]
fn static_entries_win() {
    with_host(|host| {
        host.sends(THEM, 1);
        host.arp.insert_static(THEM.into(), PEER).unwrap();
        assert_eq!(host.stats().abandoned, 1);
        for packet in [reply(OTHER, THEM), announcement(OTHER, THEM)] {
            assert_eq!(host.hears(packet), [""; 0]);
        }
        assert_eq!(host.hears(request(OTHER, THEM)).len(), 1);
        host.now += Duration::from_secs(1_000_000);
        assert_eq!(host.sends(THEM, 2), [carries(PEER, 2)]);
        for address in [US, [10, 0, 0, 255], [224, 0, 0, 1]] {
            let refused = host.arp.insert_static(address.into(), PEER);
            assert_eq!(refused, Err(StaticError::NotANeighbour(address.into())));
        }
        let fixed = (10..=254).map(|last| host.arp.insert_static([10, 0, 0, last].into(), PEER));
        assert!(fixed.into_iter().all(|result| result.is_ok()));
    });
}

#[test]
fn other_frames_are_handed_up_and_refused_below() {
    with_host(|host| {
        let header = EthernetHeader::new(OURS, PEER, EtherType(0x88cc));
        let bytes = [header.as_bytes(), &[5, 6, 7]].concat();
        host.wire.push(bytes);
        let region = Region::new(host.pool, "packet");
        let frame = host.arp.receive(host.now, &region).unwrap().item().unwrap();
        assert_eq!((frame.ethertype, frame.payload), (EtherType(0x88cc), &[5, 6, 7][..]));
        host.arp.unclaimed(host.now, frame).unwrap();
        assert_eq!(host.arp.link().stats().unknown_ethertype, 1);
        assert_eq!(host.sent(), [""; 0]);
    });
}

#[test]
fn a_flood_of_neighbours_that_do_not_answer_is_bounded() {
    with_host(|host| {
        host.meets();
        host.arp.set_address("10.0.0.2/16".parse().unwrap());
        host.passes(5);
        host.meets();
        let before = host.stats();
        let free = host.pool.free_pages();
        for number in 256..65_535u32 {
            let [_, _, c, d] = number.to_be_bytes();
            host.sends([10, 0, c, d], 7);
            // One page for each neighbour that packets wait for.
            assert!(free - host.pool.free_pages() <= crate::MAX_WAITING);
        }
        let after = host.stats();
        assert!(after.requests_tx - before.requests_tx <= 1024);
        assert!(after.cache_full > 64_000 && after.overflowed > 900);
        assert_eq!(host.sends(THEM, 2), [carries(PEER, 2)]);
        assert!(host.passes(5).len() <= 4 * 1024);
        assert_eq!(host.pool.free_pages(), free);
    });
}

#[test]
fn whoever_has_to_go_takes_its_packets_along() {
    with_pool(64, |pool| {
        let mut storage = [Entry::FREE; 2];
        let (wire, end) = Wire::new(OURS);
        let address = "10.0.0.2/24".parse().unwrap();
        let timing = Timing::default();
        let link = Ethernet::new(end);
        let mut arp = Arp::with_storage(link, address, 7, &mut storage[..], timing, Some(pool));
        let now = Instant::from_millis(1);
        for last in [11, 12, 13] {
            arp.send_to(now, [10, 0, 0, last].into(), EtherType::IPV4, [1; 20], TxOffload::NONE)
                .unwrap();
        }
        assert_eq!((arp.stats().requests_tx, arp.stats().cache_full), (2, 1));
        let free = pool.free_pages();
        wire.push(request(PEER, THEM));
        let region = Region::new(pool, "packet");
        assert_eq!(arp.receive(now, &region).unwrap().item().map(|frame| frame.source), None);
        drop(region);
        assert_eq!((arp.stats().displaced, arp.stats().abandoned), (1, 1));
        assert_eq!(pool.free_pages(), free + 1);
    });
}

#[test]
fn a_region_without_room_for_the_cache_is_said() {
    with_pool(16, |pool| {
        let region = Region::new(pool, "memory").with_cap(8192);
        let link = Ethernet::new(Wire::new(OURS).1);
        let error = Arp::new(link, "10.0.0.2/24".parse().unwrap(), 7, &region).unwrap_err();
        assert_eq!((error.region, error.requested()), ("memory", 1024 * 32));
    });
}

#[test]
fn counters_are_listed_and_the_log_has_a_name() {
    with_host(|host| {
        host.hears(request(PEER, THEM));
        let mut listed = Vec::new();
        host.arp.counters(&mut |counter| listed.push(format!("{counter}")));
        let place = |text| listed.iter().position(|line: &std::string::String| line == text);
        assert!(place("ethernet.frames_rx 1") < place("arp.requests_rx 1"), "{listed:?}");
        assert!(place("ethernet.frames_rx 1").is_some());
        for (name, known, ours) in [("udp", false, false), ("ethernet", true, false)]
            .into_iter()
            .chain([("arp", true, true), ("all", true, true)])
        {
            let mut setup = Setup::default();
            setup.log = Some(name);
            host.arp.configure(&mut setup);
            assert_eq!((setup.found_log(), host.arp.log), (known, ours), "{name}");
            host.arp.log = false;
        }
    });
}
