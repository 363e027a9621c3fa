//! Whether our addresses are ours: Duplicate Address Detection (RFC 4862 5.4, RFC 7527).

use core::time::Duration;
use std::{string::String, vec::Vec};

use ipv6::{ALL_NODES, solicited_node};
use netif::MacAddr;

use super::*;

/// The probe for an address, and the report of its group from the unspecified address.
fn probe(address: &str) -> [String; 2] {
    let group = solicited_node(ip(address));
    let mac = multicast_mac(group);
    [
        format!("33:33:00:00:00:16 < :: reports +{group}"),
        format!("{mac} < :: asks for {address} nonce"),
    ]
}

/// RFC 4862 5.4, 5.4.2; RFC 9777 6.1, 5.2.13 (v6LC.3.1.1): the group is joined, then one probe, then a second of silence. picoTCP #189
/// probes nothing.
#[test]
fn an_address_is_probed_for_after_its_group_is_joined() {
    with_new_host(US_CIDR, |host| {
        assert_eq!(host.addresses(), [""; 0].map(ip));
        assert_eq!(host.ready(), Ok(false));
        let sent = host.timed(2500);
        let is_about_us = |text: &str| text.contains(US) || text.contains("+ff02::1:ff00:2");
        let about_us: Vec<_> = sent.iter().filter(|(_, text)| is_about_us(text)).collect();
        let [report, solicitation] = probe(US);
        let begin = about_us[0].0;
        assert!(begin <= 1000, "a random delay of a second at most: {sent:?}");
        assert_eq!((&about_us[0].1, &about_us[1].1), (&report, &solicitation));
        assert_eq!(about_us[1].0, begin);
        let ours = format!("33:33:00:00:00:01 < {US} says {US} O at {OURS} to ff02::1");
        let announced = about_us.iter().find(|(_, text)| *text == ours).unwrap();
        assert_eq!(announced.0, begin + 1000, "{sent:?}");
        assert_eq!(sent.iter().filter(|(_, text)| text.contains("nonce")).count(), 2);
        assert_eq!((host.ready(), host.stats().probes_tx), (Ok(true), 2));
        // RFC 9777 5.2.13: once there is a link-local address, all groups are reported from it.
        let local = host.link_local();
        let groups = [ip(US), local].map(solicited_node);
        let all = format!("33:33:00:00:00:16 < {local} reports +{} +{}", groups[0], groups[1]);
        assert_eq!(sent.iter().filter(|(_, text)| *text == all).count(), 2, "{sent:?}");
        // The link-local address is the other one.
        assert_eq!(host.addresses().len(), 2);
        assert!(host.link_local().segments()[..4] == [0xfe80, 0, 0, 0]);
    });
}

/// RFC 4862 5.4: nothing is answered, and nothing sent, from an address that is not ours yet.
#[test]
fn until_an_address_is_ours_it_is_neither_used_nor_answered_for() {
    with_new_host(US_CIDR, |host| {
        host.lives(1100);
        // RFC 4862 5.4.3: who asks from an address of its own only looks for us (v6LC.3.1.3).
        assert_eq!(host.hears(&asks(PEER, THEM, ip(US))), [""; 0]);
        assert_eq!(host.sends(THEM, 1), [""; 0]);
        assert_eq!((host.stats().duplicates, host.ready()), (0, Ok(false)));
        host.lives(1000);
        assert_eq!(host.ready(), Ok(true));
    });
}

/// RFC 4862 5.4.3, 5.4.4, 5.4.5 (v6LC.3.1.2 to 3.1.4).
#[test]
fn a_duplicate_of_the_configured_address_is_an_error_that_says_who_has_it() {
    let advertisement = says(PEER, US, ALL_NODES, O);
    let mut unnamed = says(PEER, US, ALL_NODES, 0);
    unnamed.message.truncate(24);
    for message in [asks(PEER, "::", ip(US)), advertisement, unnamed] {
        with_new_host(US_CIDR, |host| {
            host.lives(1050);
            // The group of the address is left.
            let left = format!("33:33:00:00:00:16 < :: reports -{}", solicited_node(ip(US)));
            assert_eq!(host.hears(&message), [left]);
            let reason = format!("the address {US} is in use by the station {PEER}");
            assert_eq!(host.ready(), Err(reason.clone()));
            assert!(Neighbours::<Ipv6Addr>::is_taken(&host.ndp));
            host.lives(60_000);
            assert_eq!(host.ready(), Err(reason));
            assert_eq!(host.addresses(), [host.link_local()]);
            assert_eq!((host.stats().duplicates, host.stats().given_up), (1, 1));
            assert_eq!(host.hears(&asks(PEER, THEM, ip(US))), [""; 0]);
            assert!(!host.ndp.is_member(solicited_node(ip(US))));
            // Another address is another matter.
            host.ndp.set_address("2001:db8::3/64".parse().unwrap());
            host.lives(2000);
            assert_eq!(host.ready(), Ok(true));
        });
    }
}

/// RFC 7217 5, 6: an identifier that is another's is not used, and another one is made, up to three times.
#[test]
fn a_duplicate_of_the_link_local_address_is_replaced_by_another() {
    with_new_host("::/128", |host| {
        let mut tried: Vec<Ipv6Addr> = Vec::new();
        for attempt in 0..4 {
            let sent = host.lives(if attempt == 0 { 1000 } else { 2000 });
            let asked = sent.iter().find_map(|text| text.split_once("asks for ")).expect("a probe");
            let address = ip(asked.1.split(' ').next().unwrap());
            assert!(!tried.contains(&address));
            tried.push(address);
            // The probe is not older than a second.
            let left = format!("33:33:00:00:00:16 < :: reports -{}", solicited_node(address));
            assert_eq!(host.hears(&asks(PEER, "::", address)), [left]);
            assert!(!host.ndp.is_member(solicited_node(address)));
        }
        assert_eq!((host.stats().duplicates, host.stats().given_up), (4, 1));
        let last = tried[3];
        let reason = format!("the address {last} is in use by the station {PEER}");
        assert_eq!(host.ready(), Err(reason));
        host.lives(2000);
        assert_eq!(host.lives(60_000), [""; 0]);
    });
}

/// RFC 7527 4.2; lwip #60: what comes back from a loop is no duplicate, be it a probe or an advertisement.
#[test]
fn our_own_probe_that_comes_back_is_no_duplicate() {
    with_new_host(US_CIDR, |host| {
        let mut probes = 0;
        for _ in 0..100 {
            host.now += Duration::from_millis(100);
            host.turn();
            for frame in host.wire.drain() {
                // Another source: Ethernet drops frames with our own.
                let looped = [&frame[..6], &OTHER.0, &frame[12..]].concat();
                probes += usize::from(frame[54] == 135 && frame[20] == 58);
                host.wire.push(looped);
            }
        }
        assert_eq!((host.ready(), host.stats().duplicates), (Ok(true), 0));
        // One probe for each of two addresses, and three more because they came back.
        assert_eq!(probes, 8);
        assert!(host.stats().looped >= 8);
    });
}

/// RFC 7527 4.2: with another nonce it is another host.
#[test]
fn a_probe_with_another_nonce_is_a_duplicate() {
    with_new_host(US_CIDR, |host| {
        host.lives(1050);
        let mut other = asks(PEER, "::", ip(US));
        other.message.extend([14, 1, 1, 2, 3, 4, 5, 6]);
        host.hears(&other);
        assert!(host.ready().is_err());
    });
}

/// RFC 4862 5.4.5 says nothing of an address that is ours: it stays so.
#[test]
fn an_address_that_is_ours_is_kept() {
    with_host(|host| {
        assert_eq!(host.hears(&says(PEER, US, ALL_NODES, O)), [""; 0]);
        assert_eq!((host.ready(), host.stats().duplicates), (Ok(true), 1));
        assert_eq!(host.hears(&asks(PEER, THEM, ip(US))), [answers(PEER, THEM)]);
    });
}

#[test]
fn without_detection_an_address_is_ours_at_once() {
    with_pool(64, |pool| {
        let region = Region::new(pool, "memory");
        let Host { ndp, wire, now, pool } = Host::new(&region, US_CIDR);
        let mut host = Host { ndp: ndp.with_detection(false), wire, now, pool };
        host.turn();
        assert_eq!((host.ready(), host.addresses().len()), (Ok(true), 2));
        let sent = host.sent();
        assert!(sent.iter().all(|text| !text.contains("nonce")), "{sent:?}");
        let ours = format!("33:33:00:00:00:01 < {US} says {US} O at {OURS} to ff02::1");
        assert!(sent.contains(&ours), "{sent:?}");
        // RFC 4861 6.3.7: nobody has waited for a random time yet.
        assert!(sent.iter().all(|text| !text.contains("solicits")), "{sent:?}");
        assert!(host.lives(1000).iter().any(|text| text.contains("solicits")));
        let mut setup = Setup::default();
        setup.probe_at_start = true;
        host.ndp.configure(&mut setup);
        assert!(setup.probe_at_start, "nobody probes");
    });
}

/// A probe that did not leave is none, and silence on a link that is down is no consent.
#[test]
fn silence_on_a_link_that_is_down_is_no_consent() {
    with_new_host(US_CIDR, |host| {
        host.wire.set_link(false);
        host.turn();
        assert_eq!(host.lives(60_000), [""; 0]);
        assert_eq!((host.ready(), host.stats().probes_tx), (Ok(false), 0));
        host.wire.set_link(true);
        host.turn();
        let sent = host.lives(2500);
        assert!(sent.contains(&probe(US)[1]), "{sent:?}");
        assert_eq!(host.ready(), Ok(true));
        // In the middle of it.
        host.ndp.set_address("2001:db8::3/64".parse().unwrap());
        host.lives(1050);
        host.wire.set_link(false);
        host.turn();
        host.lives(5000);
        assert_eq!(host.ready(), Ok(false));
    });
}

/// RFC 4861 7.2.6, 6.3.7; RFC 9777 5.2.13: the link is told, once a second at most, however often it goes down and up.
#[test]
fn a_link_that_is_back_is_told_who_is_there() {
    with_host(|host| {
        host.lives(60_000);
        let flap = |host: &mut Host<'_>| {
            for up in [false, true] {
                host.wire.set_link(up);
                host.turn();
            }
        };
        flap(host);
        let sent = host.lives(3000);
        let count =
            |sent: &[String], word: &str| sent.iter().filter(|text| text.contains(word)).count();
        assert_eq!(count(&sent, "says"), 2, "{sent:?}");
        assert_eq!(count(&sent, "reports"), 2, "{sent:?}");
        assert_eq!(count(&sent, "nonce"), 0, "what is ours is kept: {sent:?}");
        let mut sent = Vec::new();
        for _ in 0..100 {
            flap(host);
            sent.extend(host.sent());
            sent.extend(host.lives(100));
            sent.extend(host.sent());
        }
        assert!((2 * 9..=2 * 11).contains(&count(&sent, "says")), "{sent:?}");
        assert!(count(&sent, "reports") <= 2 * 11, "{sent:?}");
        assert!(count(&sent, "solicits") <= 3, "{sent:?}");
    });
}

#[test]
fn an_address_can_be_changed_and_taken_away() {
    with_host(|host| {
        host.sends(THEM, 1);
        host.ndp.set_address("2001:db8::3/64".parse().unwrap());
        assert_eq!((host.stats().abandoned, host.ready()), (1, Ok(false)));
        let sent = host.lives(2500);
        let left = format!(
            "33:33:00:00:00:16 < {} reports -{}",
            host.link_local(),
            solicited_node(ip(US))
        );
        assert!(sent.contains(&left), "{sent:?}");
        assert!(sent.contains(&probe("2001:db8::3")[1]), "{sent:?}");
        assert_eq!(host.ready(), Ok(true));
        assert_eq!(host.hears(&asks(PEER, THEM, ip(US))), [""; 0]);
        for unusable in ["::/128", "ff02::1/64", "2001:db8::/64"] {
            host.ndp.set_address(unusable.parse().unwrap());
            host.lives(2500);
            assert_eq!(host.addresses(), [host.link_local()], "{unusable}");
            let address = Neighbours::<Ipv6Addr>::address(&host.ndp);
            assert_eq!(address.address(), host.link_local());
        }
    });
}

/// A frame for the group of an address reaches us, and one for another group does not.
#[test]
fn the_link_below_joins_the_groups_of_our_addresses() {
    with_host(|host| {
        for address in [ip(US), host.link_local()] {
            assert_eq!(host.hears(&asks(PEER, "fe80::1", address)).len(), 1, "{address}");
        }
        let before = host.ndp.link().stats().not_for_us;
        assert_eq!(host.hears(&asks(PEER, "fe80::1", ip("2001:db8::7"))), [""; 0]);
        assert_eq!(host.ndp.link().stats().not_for_us, before + 1);
    });
    with_host_at("::/128", |host| {
        for last in 0..20 {
            let _ = host.ndp.link_mut().join(MacAddr([1, 0, 0, 0, 0, last]));
        }
        host.ndp.set_address(US_CIDR.parse().unwrap());
        host.lives(2500);
        assert_eq!(host.stats().groups_full, 1, "it is counted");
    });
}
