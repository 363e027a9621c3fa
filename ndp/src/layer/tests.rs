//! Neighbours: address resolution and reachability (RFC 4861 7). The other files have the rest.

use arp::Arp;
use ethernet::Ethernet;
use layer::Cidr;
use std::{string::String, vec::Vec};
use testkit::{Wire, with_pool};

use super::*;
use crate::host::*;

mod autoconfiguration;
mod detection;
mod hostile;
mod listener;
mod redirects;
mod routers;

/// The answer to a solicitation of `mac` at `to` for our address.
fn answers(mac: netif::MacAddr, to: &str) -> String {
    format!("{mac} < {US} says {US} SO at {OURS} to {to}")
}

/// RFC 4861 7.2.2 (v6LC.2.1.2, 2.1.5).
#[test]
fn a_packet_waits_for_the_answer() {
    with_host(|host| {
        assert_eq!(host.sends(THEM, 1), [solicits(US, THEM)]);
        assert_eq!(host.sends(THEM, 2), [""; 0]);
        let answer = says(PEER, THEM, ip(US), S | O);
        assert_eq!(host.hears(&answer), [carries(PEER, 1), carries(PEER, 2)]);
        assert_eq!(host.sends(THEM, 3), [carries(PEER, 3)]);
        assert_eq!((host.stats().delayed, host.stats().solicitations_tx), (2, 1));
    });
}

/// RFC 4861 7.2.2: three solicitations by multicast, a second apart; then the packets are dropped (v6LC.2.1.5).
#[test]
fn packets_for_a_neighbour_that_does_not_answer_are_dropped() {
    with_host(|host| {
        let free = host.pool.free_pages();
        assert_eq!(host.sends(THEM, 1), [solicits(US, THEM)]);
        let expected = [(1000, solicits(US, THEM)), (2000, solicits(US, THEM))];
        assert_eq!(host.timed_without_search(3500), expected);
        assert_eq!((host.stats().silent, host.stats().unanswered), (1, 1));
        assert_eq!(host.pool.free_pages(), free);
        assert_eq!(host.sends(THEM, 2), [""; 0]);
        host.lives(1000);
        assert_eq!(host.sends(THEM, 2), [solicits(US, THEM)]);
    });
}

/// RFC 4861 7.2.2: who has sent packets that waited in vain is told of each; and nobody is if nobody asks.
#[test]
fn packets_that_waited_in_vain_are_handed_back() {
    with_host(|host| {
        for _ in 0..2 {
            let free = host.pool.free_pages();
            for (neighbour, byte) in [(THEM, 1), (THEM, 2), ("2001:db8::9", 3)] {
                host.sends(neighbour, byte);
            }
            host.lives(2500);
            let (mut back, region) = (Vec::new(), Region::new(host.pool, "packet"));
            // The third second.
            host.now += core::time::Duration::from_millis(600);
            while let Rx::Handled = host.ndp.receive(host.now, &region).unwrap() {
                while let Some(one) = host.ndp.take_undelivered(&region) {
                    assert_eq!(one.packet.len(), 50);
                    back.push((one.next_hop, one.packet[0]));
                }
            }
            drop(region);
            back.sort_unstable();
            assert_eq!(back, [(ip(THEM), 1), (ip(THEM), 2), (ip("2001:db8::9"), 3)]);
            assert_eq!(host.pool.free_pages(), free);
            host.lives(5000);
        }
        assert_eq!(host.stats().unanswered, 6);
        // Nobody asks.
        host.sends(THEM, 1);
        host.lives(5000);
        assert_eq!(host.ndp.take_undelivered(&Region::new(host.pool, "packet")), None);
        assert_eq!(host.stats().unanswered, 7);
    });
}

/// RFC 4861 7.2.2: from the address of ours that the packet is from.
#[test]
fn a_neighbour_is_asked_for_from_the_source_of_the_packet() {
    with_host(|host| {
        let local = format!("{}", host.link_local());
        let packet = Sends::new(OURS, &local, ip(THEM), vec![128, 0, 0, 0]).packet();
        let (now, to) = (host.now, ip(THEM));
        host.ndp.send_to(now, to, EtherType::IPV6, &packet[..], TxOffload::NONE).unwrap();
        assert_eq!(host.sent(), [solicits(&local, THEM)]);
        // An address that is not ours is none to ask from.
        let packet = Sends::new(OURS, THEM, ip(THEM), vec![128, 0, 0, 0]).packet();
        let to = ip("2001:db8::7");
        host.ndp.send_to(now, to, EtherType::IPV6, &packet[..], TxOffload::NONE).unwrap();
        assert_eq!(host.sent(), [solicits(US, "2001:db8::7")]);
    });
}

/// RFC 4861 7.2.3, 7.2.4, 7.3.3 (v6LC.2.1.8).
#[test]
fn who_asks_for_us_gets_an_answer_and_is_stale() {
    with_host(|host| {
        assert_eq!(host.hears(&asks(PEER, THEM, ip(US))), [answers(PEER, THEM)]);
        assert_eq!(host.stats().learnt, 1);
        assert_eq!(host.sends(THEM, 1), [carries(PEER, 1)]);
        let probe = probes(PEER, US, THEM);
        let expected = [(5000, probe.clone()), (6000, probe.clone()), (7000, probe)];
        assert_eq!(host.timed_without_search(8500), expected);
        assert_eq!(host.stats().unreachable, 1);
        assert_eq!(host.sends(THEM, 2), [solicits(US, THEM)]);
    });
}

/// RFC 4861 7.2.3, 7.3.3: a neighbour that is asked for asks for us. That says its address, and not that it hears us.
#[test]
fn a_neighbour_that_asks_while_it_is_asked_for_is_probed_later() {
    with_host(|host| {
        assert_eq!(host.sends(THEM, 1), [solicits(US, THEM)]);
        let expected = [carries(PEER, 1), answers(PEER, THEM)];
        assert_eq!(host.hears(&asks(PEER, THEM, ip(US))), expected);
        let sent = host.timed_without_search(5500);
        assert_eq!(sent, [(5000, probes(PEER, US, THEM))]);
    });
}

/// RFC 4862 5.4.3: another host looks for duplicates of our address. cilium #18928 and `IncludeOS` #1980 answer it nothing.
#[test]
fn a_solicitation_from_the_unspecified_address_is_answered_to_all() {
    with_host(|host| {
        let expected = format!("33:33:00:00:00:01 < {US} says {US} O at {OURS} to ff02::1");
        assert_eq!(host.hears(&asks(PEER, "::", ip(US))), [expected]);
        assert_eq!((host.stats().learnt, host.stats().advertisements_tx), (0, 1));
    });
}

/// RFC 4861 7.2.4: a solicitation to us alone need not say the link-layer address of its sender.
#[test]
fn who_does_not_say_its_address_is_asked_for_it() {
    with_host(|host| {
        let mut question = asks(PEER, THEM, ip(US));
        question.message.truncate(24);
        question.destination = ip(US);
        assert_eq!(host.hears(&question), [solicits(US, THEM)]);
        assert_eq!(host.hears(&says(PEER, THEM, ip(US), S | O)), [answers(PEER, THEM)]);
        assert_eq!(host.hears(&question), [answers(PEER, THEM)]);
    });
}

/// RFC 5942 4: a solicitation does not make its sender a neighbour.
#[test]
fn who_is_on_another_link_is_answered_and_not_learnt() {
    with_host(|host| {
        assert_eq!(host.hears(&asks(PEER, FAR, ip(US))), [answers(PEER, FAR)]);
        assert_eq!(host.stats().learnt, 0);
        assert_eq!(host.sends(FAR, 1), [""; 0]);
        assert_eq!(host.stats().no_route, 1);
    });
}

/// RFC 4861 7.2.5: what nobody asked for adds no neighbour (v6LC.2.1.16).
#[test]
fn an_unsolicited_advertisement_adds_no_neighbour() {
    with_host(|host| {
        for flags in [O, S | O, R | S | O] {
            assert_eq!(host.hears(&says(PEER, THEM, ip(US), flags)), [""; 0]);
        }
        assert_eq!(host.stats().unsolicited, 3);
        assert_eq!(host.sends(THEM, 1), [solicits(US, THEM)]);
    });
}

/// RFC 4861 7.2.3: a target that is not ours is no matter of ours; nor is what is not for us.
#[test]
fn what_is_for_others_is_neither_answered_nor_learnt() {
    with_host(|host| {
        let mut question = asks(PEER, THEM, ip("2001:db8::7"));
        // To our hardware address, as no switch sends it.
        host.wire.push(
            [&[&OURS.0[..], &PEER.0, &[0x86, 0xdd]].concat()[..], &question.packet()].concat(),
        );
        host.turn();
        assert_eq!(host.sent(), [""; 0]);
        assert_eq!(host.stats().not_for_us, 1);
        question.destination = ip(US);
        assert_eq!(host.hears(&question), [""; 0]);
        assert_eq!(host.stats().learnt, 0);
        // A station with an address of ours.
        assert_eq!(host.hears(&asks(PEER, US, ip(US))), [""; 0]);
        assert_eq!((host.stats().duplicates, host.stats().looped), (1, 0));
        // A question of our own that comes back.
        let looped = Sends { mac: OTHER, ..asks(OURS, US, ip(US)) };
        assert_eq!(host.hears(&looped), [""; 0]);
        assert_eq!((host.stats().duplicates, host.stats().looped), (1, 1));
    });
}

/// RFC 4861 7.2.5: a neighbour that moved says so, and is followed; what waits goes to the station that it has then.
#[test]
fn an_overriding_advertisement_moves_a_neighbour() {
    with_host(|host| {
        host.meets(PEER, THEM);
        assert_eq!(host.hears(&says(OTHER, THEM, ipv6::ALL_NODES, 0)), [""; 0]);
        assert_eq!(host.sends(THEM, 2), [carries(PEER, 2)]);
        assert_eq!(host.hears(&says(OTHER, THEM, ipv6::ALL_NODES, O)), [""; 0]);
        assert_eq!(host.sends(THEM, 3), [carries(OTHER, 3)]);
        assert_eq!(host.stats().changed, 1);
    });
}

/// The link may be another one when it is back: who was reachable is asked again.
#[test]
fn neighbours_are_doubted_when_the_link_was_down() {
    with_host(|host| {
        host.meets(PEER, THEM);
        for up in [false, true] {
            host.wire.set_link(up);
            host.turn();
        }
        host.sent();
        assert_eq!(host.sends(THEM, 2), [carries(PEER, 2)]);
        let sent = host.timed(5500);
        assert!(sent.contains(&(5000, probes(PEER, US, THEM))), "{sent:?}");
    });
}

#[test]
fn what_is_no_neighbour_is_dropped_and_counted() {
    with_host(|host| {
        for address in [US, "::", "::1", "::ffff:10.0.0.1"] {
            assert_eq!(host.sends(address, 1), [""; 0], "{address}");
        }
        assert_eq!(host.stats().not_a_neighbour, 4);
        // A group has a hardware address of its own.
        assert_eq!(host.sends("ff02::1:3", 1), ["33:33:00:01:00:03 < 1"]);
    });
    with_new_host("2001:db8::2/64", |host| {
        assert_eq!(host.sends(THEM, 1), [""; 0], "before an address is ours");
        assert_eq!(host.stats().no_address_tx, 1);
    });
}

/// RFC 4861 7.2.2: packets wait for many neighbours; a full cache or a full queue is counted.
#[test]
fn a_flood_of_neighbours_that_do_not_answer_is_bounded() {
    with_host(|host| {
        host.meets(PEER, THEM);
        let (before, free) = (host.stats(), host.pool.free_pages());
        for number in 0x100..0x4000_u32 {
            host.sends(&format!("2001:db8::{number:x}"), 7);
            assert!(free - host.pool.free_pages() <= ethernet::MAX_WAITING);
        }
        let after = host.stats();
        assert!(after.solicitations_tx - before.solicitations_tx <= 1024);
        assert!(after.cache_full > 10_000 && after.overflowed > 900);
        assert_eq!(host.sends(THEM, 2), [carries(PEER, 2)]);
        assert!(host.lives(4000).len() <= 3 * 1024);
        assert_eq!(host.pool.free_pages(), free);
    });
}

#[test]
fn what_was_left_undone_in_a_packet_goes_down_with_it() {
    with_host(|host| {
        let checksum = Some(layer::PartialChecksum { start: 40, ..layer::PartialChecksum::UDP });
        let offload = TxOffload { checksum, segment_size: None };
        let (now, to) = (host.now, ip(THEM));
        host.ndp.send_to(now, to, EtherType::IPV6, [1; 60], offload).unwrap();
        host.sent();
        host.wire.push(says(PEER, THEM, ip(US), S | O).frame());
        host.turn();
        host.ndp.send_to(now, to, EtherType::IPV6, [1; 60], offload).unwrap();
        let sent = host.wire.drain_offloaded();
        let seen: Vec<_> = sent.iter().map(|(_, offload)| *offload).collect();
        assert_eq!(seen, [offload.shifted(14); 2]);
    });
}

/// RFC 6980 5: a message in fragments is left to IPv6, and so never believed here.
#[test]
fn other_frames_are_handed_up_unchanged() {
    with_host(|host| {
        let echo = Sends::new(PEER, THEM, ip(US), vec![128, 0, 0, 0, 0, 1, 0, 1]);
        let mut fragment = asks(PEER, THEM, ip(US)).frame();
        fragment.splice(54..54, [58, 0, 0, 0, 0, 0, 0, 1]);
        (fragment[20], fragment[19]) = (44, 40);
        let version = [&asks(PEER, THEM, ip(US)).frame()[..14], &[0x45; 60]].concat();
        let arp = [&OURS.0[..], &PEER.0, &[0x08, 0x06], &[0; 46]].concat();
        for frame in [echo.frame(), fragment, version, arp] {
            let before = host.stats();
            host.wire.push(frame.clone());
            let region = Region::new(host.pool, "packet");
            let item = host.ndp.receive(host.now, &region).unwrap().item().unwrap();
            assert_eq!(item.payload, &frame[14..]);
            host.ndp.unclaimed(host.now, item).unwrap();
            assert_eq!((host.sent(), host.stats()), (vec![], before));
        }
        assert_eq!(host.ndp.link().stats().unknown_ethertype, 4);
    });
}

/// One link serves both families.
#[test]
fn what_is_for_ipv4_goes_to_the_link_below() {
    with_pool(64, |pool| {
        let region = Region::new(pool, "memory");
        let (wire, end) = Wire::new(OURS);
        let v4: Cidr = "10.0.0.2/24".parse().unwrap();
        let arp = Arp::new(Ethernet::new(end), v4, 7, &region).unwrap();
        let mut ndp = Ndp::new(arp, US_CIDR.parse().unwrap(), 7, &region).unwrap();
        let now = Instant::from_millis(1);
        assert_eq!(Neighbours::<Ipv4Addr>::address(&ndp), v4);
        let them: Ipv4Addr = [10, 0, 0, 1].into();
        ndp.send_to(now, them, EtherType::IPV4, [1; 20], TxOffload::NONE).unwrap();
        assert_eq!(wire.drain()[0][12..14], [8, 6], "a request of ARP");
        assert!(!Neighbours::<Ipv4Addr>::is_taken(&ndp));
        Neighbours::<Ipv4Addr>::set_address(&mut ndp, "10.0.0.3/24".parse().unwrap());
        assert_eq!(format!("{}", Neighbours::<Ipv4Addr>::address(&ndp)), "10.0.0.3/24");
        // Both are asked whether they are ready, and what they are called.
        assert_eq!(ndp.ready().map_err(|error| format!("{error}")), Ok(false));
        let mut setup = Setup::default();
        setup.probe_at_start = true;
        ndp.configure(&mut setup);
        assert!(!setup.probe_at_start);
        assert_eq!(format!("{}", Neighbours::<Ipv4Addr>::address(&ndp)), "0.0.0.0/32");
    });
}

const US_CIDR: &str = "2001:db8::2/64";

#[test]
fn a_region_without_room_for_the_cache_is_said() {
    with_pool(16, |pool| {
        let region = Region::new(pool, "memory").with_cap(8192);
        let link = Ethernet::new(Wire::new(OURS).1);
        let error = Ndp::new(link, US_CIDR.parse().unwrap(), 7, &region).unwrap_err();
        assert_eq!((error.region, error.requested()), ("memory", 1024 * 40));
    });
}

#[test]
fn counters_are_listed_and_the_log_has_a_name() {
    with_host(|host| {
        host.hears(&asks(PEER, THEM, ip(US)));
        let mut listed = Vec::new();
        host.ndp.counters(&mut |counter| listed.push(format!("{counter}")));
        assert!(listed.contains(&"ndp.solicitations_rx 1".into()), "{listed:?}");
        assert!(listed.iter().any(|line| line.starts_with("ethernet.frames_rx ")));
        for (name, known, ours) in [("udp", false, false), ("ethernet", true, false)]
            .into_iter()
            .chain([("ndp", true, true), ("all", true, true)])
        {
            let mut setup = Setup::default();
            setup.log = Some(name);
            host.ndp.configure(&mut setup);
            assert_eq!((setup.found_log(), host.ndp.log), (known, ours), "{name}");
            host.ndp.log = false;
        }
        struct Described<'a, 'g>(&'a Ndp<'g, Ethernet<testkit::End>>);
        impl fmt::Display for Described<'_, '_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.describe(f)
            }
        }
        assert_eq!(format!("{}", Described(&host.ndp)), " at 2001:db8::2/64 on 02:00:0a:00:00:02");
    });
}
