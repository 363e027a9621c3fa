//! The groups that we are in (RFC 9777, RFC 2710).

use std::{string::String, vec::Vec};

use super::*;

const GROUP: &str = "ff05::1:3";

/// The milliseconds at which something with `word` was sent, and what it was.
fn about(sent: &[(u64, String)], word: &str) -> Vec<(u64, String)> {
    sent.iter().filter(|(_, text)| text.contains(word)).cloned().collect()
}

/// A host that has reported its own groups.
fn with_listener(test: impl FnOnce(&mut Host<'_>)) {
    with_host(|host| {
        host.ndp.set_gateway(Some(ip(GATE)));
        host.hears(&advertises(ROUTER, GATE, 1800, &[]));
        host.lives(60_000);
        test(host);
    });
}

/// A query of version 1.
fn queries_v1(milliseconds: u16, group: &str) -> Sends {
    let mut sends = queries(milliseconds, group);
    sends.message.truncate(24);
    sends
}

/// RFC 9777 6.1: a change is reported, and once more within a second.
#[test]
fn joining_and_leaving_is_reported_twice() {
    with_listener(|host| {
        let local = host.link_local();
        host.ndp.join_group(ip(GROUP)).unwrap();
        host.ndp.join_group(ip(GROUP)).unwrap();
        assert!(host.ndp.is_member(ip(GROUP)));
        for sign in ["+", "-"] {
            let text = format!("33:33:00:00:00:16 < {local} reports {sign}{GROUP}");
            let sent = host.timed(5000);
            let [(0, first), (1..=1000, second)] = &sent[..] else { panic!("{sent:?}") };
            assert_eq!((first, second), (&text, &text));
            host.ndp.leave_group(ip(GROUP));
        }
        assert!(!host.ndp.is_member(ip(GROUP)));
        assert_eq!(host.lives(60_000), [""; 0]);
        // Left before it was reported, and joined again.
        host.ndp.join_group(ip(GROUP)).unwrap();
        host.ndp.leave_group(ip(GROUP));
        host.ndp.join_group(ip(GROUP)).unwrap();
        assert_eq!(about(&host.timed(5000), "reports +").len(), 2);
    });
}

/// RFC 9777 6.2, 5.1.15: within the time that the router gives, in one report, with all groups but that of all nodes.
#[test]
fn a_query_for_all_groups_is_answered_within_its_time() {
    with_listener(|host| {
        host.ndp.join_group(ip(GROUP)).unwrap();
        host.lives(5000);
        let mut times = Vec::new();
        for _ in 0..20 {
            host.hears(&queries(2000, "::"));
            let sent = host.timed(3000);
            let [(at, text)] = &sent[..] else { panic!("{sent:?}") };
            assert!(*at <= 2000);
            assert!(text.contains(&format!("={GROUP}")) && text.contains("=ff02::1:ff00:2"));
            assert_eq!(
                (text.matches('=').count(), text.contains("=ff02::1 ")),
                (3, false),
                "{text}"
            );
            times.push(*at);
        }
        times.sort_unstable();
        assert!(times[0] < 600 && times[19] > 1400, "random: {times:?}");
    });
}

#[test]
fn a_query_for_one_group_is_answered_for_it() {
    with_listener(|host| {
        host.ndp.join_group(ip(GROUP)).unwrap();
        host.lives(5000);
        host.hears(&queries(1000, GROUP));
        let sent = host.timed(2000);
        let [(0..=1000, text)] = &sent[..] else { panic!("{sent:?}") };
        assert!(text.ends_with(&format!("reports ={GROUP}")), "{text}");
        host.hears(&queries(1000, "ff05::99"));
        host.hears(&queries(1000, "ff02::1"));
        assert_eq!(host.lives(2000), [""; 0]);
        assert_eq!(host.stats().queries_rx, 3);
    });
}

/// RFC 9777 8.2.1, RFC 2710 4, 5: where an older router asks, it is told in its version.
#[test]
fn an_older_router_is_told_in_version_1() {
    with_listener(|host| {
        let local = host.link_local();
        host.ndp.join_group(ip(GROUP)).unwrap();
        host.lives(5000);
        host.hears(&queries_v1(1000, "::"));
        let sent = host.timed(3000);
        let about_group = format!("33:33:00:01:00:03 < {local} listens to {GROUP} (1)");
        assert_eq!(about(&sent, "listens").len(), 3, "{sent:?}");
        assert_eq!((about(&sent, &about_group).len(), about(&sent, "reports").len()), (1, 0));
        // What is joined now is told twice within ten seconds, and what is left once.
        host.ndp.join_group(ip("ff05::77")).unwrap();
        let sent = about(&host.timed(12_000), "listens to ff05::77 (1)");
        assert!(matches!(sent[..], [(0, _), (0..=10_000, _)]), "{sent:?}");
        host.ndp.leave_group(ip("ff05::77"));
        let left = format!("33:33:00:00:00:02 < {local} leaves ff05::77 (1)");
        assert_eq!(host.timed(12_000), [(0, left)]);
        // The answer of another host is enough.
        host.hears(&queries_v1(1000, GROUP));
        let message = [&[131, 0, 0, 0, 0, 0, 0, 0][..], &ip(GROUP).octets()].concat();
        host.hears(&Sends::new(PEER, "fe80::1", ip(GROUP), message).mld());
        assert_eq!(host.lives(3000), [""; 0]);
        // RFC 9777 9.12: for 250 s and the response time; then version 2 again.
        host.lives(255_000);
        host.hears(&queries(1000, GROUP));
        let sent = host.timed(3000);
        assert_eq!(about(&sent, "reports").len(), 1, "{sent:?}");
    });
}

/// RFC 9777 8.2.1: what is pending in one version is not reported in the other.
#[test]
fn a_change_of_version_drops_what_is_pending() {
    with_listener(|host| {
        host.ndp.join_group(ip(GROUP)).unwrap();
        host.turn();
        assert!(host.sent()[0].ends_with(&format!("reports +{GROUP}")));
        host.hears(&queries_v1(10_000, "::"));
        let sent = host.timed(12_000);
        assert_eq!(about(&sent, &format!("listens to {GROUP}")).len(), 1, "{sent:?}");
    });
}

/// However often a router asks, there are ten answers a second at most.
#[test]
fn a_flood_of_queries_is_not_answered_by_a_flood() {
    for query in [queries(0, "::"), queries(0, GROUP), queries_v1(0, "::"), queries_v1(0, GROUP)] {
        with_listener(|host| {
            host.ndp.join_group(ip(GROUP)).unwrap();
            host.lives(5000);
            let mut answers = 0;
            for _ in 0..1000 {
                answers += host.hears(&query).len();
                answers += host.lives(1).len();
            }
            assert!((5..=11).contains(&answers), "{answers} in a second");
        });
    }
}

/// RFC 4291 2.7: no group of a link.
#[test]
fn what_is_no_group_is_not_joined() {
    with_listener(|host| {
        for address in ["2001:db8::1", "::", "ff01::1", "ff00::1", "ff11::5"] {
            let refused = JoinError::NotAGroup(ip(address));
            assert_eq!(host.ndp.join_group(ip(address)), Err(refused), "{address}");
        }
        assert_eq!(host.lives(5000), [""; 0]);
        // The group that everybody is in is neither reported nor left.
        host.ndp.join_group(ipv6::ALL_NODES).unwrap();
        host.ndp.leave_group(ipv6::ALL_NODES);
        assert!(host.ndp.is_member(ipv6::ALL_NODES));
        assert_eq!(host.lives(5000), [""; 0]);
    });
}

#[test]
fn there_is_room_for_sixteen_groups() {
    with_listener(|host| {
        let joined = (0..20).map(|last| host.ndp.join_group(ip(&format!("ff05::1:{last:x}"))));
        let joined: Vec<_> = joined.collect();
        // All nodes, and the groups of our two addresses.
        assert_eq!(joined.iter().filter(|result| result.is_ok()).count(), 13);
        assert_eq!(joined[13], Err(JoinError::Full));
        let sent = host.timed(3000);
        assert_eq!(sent[0].1.matches('+').count(), 13);
        // A group that is left makes room at once.
        host.ndp.leave_group(ip("ff05::1:0"));
        host.turn();
        host.ndp.join_group(ip("ff05::1:19")).unwrap();
        host.lives(3000);
        host.hears(&queries(100, "::"));
        let sent = host.timed(3000);
        assert_eq!(sent[0].1.matches('=').count(), 15, "{sent:?}");
    });
}

/// Several groups may have one hardware address, which is received as long as one of them is joined.
#[test]
fn groups_share_their_hardware_address() {
    with_listener(|host| {
        let groups = ["ff05::1:3", "ff02::1:3"].map(ip);
        for group in groups {
            host.ndp.join_group(group).unwrap();
        }
        host.lives(2000);
        let hears = |host: &mut Host<'_>| {
            let before = host.ndp.link().stats().not_for_us;
            host.wire.push(Sends::new(PEER, THEM, groups[1], vec![128, 0, 0, 0]).frame());
            host.turn();
            host.ndp.link().stats().not_for_us == before
        };
        host.ndp.leave_group(groups[0]);
        host.lives(2000);
        assert!(hears(host));
        host.ndp.leave_group(groups[1]);
        host.lives(2000);
        assert!(!hears(host));
    });
}

/// The link below has no place for another group.
#[test]
fn a_group_that_the_link_cannot_join_is_not_joined() {
    with_listener(|host| {
        for last in 0..20 {
            let _ = host.ndp.link_mut().join(netif::MacAddr([1, 0, 0, 0, 0, last]));
        }
        assert_eq!(host.ndp.join_group(ip(GROUP)), Err(JoinError::Full));
        assert!(!host.ndp.is_member(ip(GROUP)));
    });
}
