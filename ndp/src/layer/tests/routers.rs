//! Routers, and what they say of the link (RFC 4861 6.3, RFC 4191, RFC 7559, RFC 8106).

use ipv6::ALL_NODES;
use rt_regions::Region;
use std::{cell::RefCell, net::Ipv6Addr, string::String, vec::Vec};
use testkit::with_pool;

use super::*;

/// Lets the router be one.
fn advertise(host: &mut Host<'_>, options: &[u8]) {
    assert_eq!(host.hears(&advertises(ROUTER, GATE, 1800, options)), [""; 0]);
}

/// RFC 4861 5.2, 6.3.4 (v6LC.2.2.17).
#[test]
fn packets_for_other_links_go_to_a_router() {
    with_host(|host| {
        assert!(!host.ndp.has_route(ip(FAR)));
        assert!(host.ndp.has_route(ip(THEM)) && host.ndp.has_route(ip("fe80::9")));
        assert_eq!(host.sends(FAR, 1), [""; 0]);
        assert_eq!(host.stats().no_route, 1);
        advertise(host, &[]);
        assert!(host.ndp.has_route(ip(FAR)));
        // The router said its link-layer address.
        assert_eq!(host.sends(FAR, 1), [carries(ROUTER, 1)]);
        // Its lifetime ends.
        host.lives(1_799_000);
        assert!(host.ndp.has_route(ip(FAR)));
        host.lives(2000);
        assert!(!host.ndp.has_route(ip(FAR)));
    });
}

/// RFC 4861 6.3.4: a lifetime of 0 ends it at once (v6LC.2.2.13).
#[test]
fn a_router_says_that_it_is_none_any_more() {
    with_host(|host| {
        advertise(host, &[]);
        host.hears(&advertises(ROUTER, GATE, 0, &[]));
        assert!(!host.ndp.has_route(ip(FAR)));
        advertise(host, &[]);
        host.hears(&says(ROUTER, GATE, ALL_NODES, O));
        assert!(!host.ndp.has_route(ip(FAR)), "it had said that it is one");
        // Another says it in its answer (RFC 4861 7.2.5; v6LC.2.1.21).
        advertise(host, &[]);
        assert_eq!(host.hears(&says(ROUTER, GATE, ALL_NODES, R | O)), [""; 0]);
        assert!(host.ndp.has_route(ip(FAR)));
        assert_eq!(host.hears(&says(ROUTER, GATE, ALL_NODES, O)), [""; 0]);
        assert!(!host.ndp.has_route(ip(FAR)));
    });
}

/// RFC 4861 6.3.6, 7.3.3 (v6LC.2.2.10): a router that does not answer is left for another, and taken again if none does.
#[test]
fn a_router_that_does_not_answer_is_left_for_another() {
    with_host(|host| {
        advertise(host, &[]);
        assert_eq!(host.sends(FAR, 1), [carries(ROUTER, 1)]);
        host.hears(&advertises(OTHER, "fe80::fd", 1800, &[]));
        assert_eq!(host.sends(FAR, 2), [carries(ROUTER, 2)], "the first stays");
        host.lives(8500);
        assert_eq!(host.stats().unreachable, 1);
        assert_eq!(host.sends(FAR, 3), [carries(OTHER, 3)]);
        host.lives(8500);
        // None is reachable: each is asked for in turn.
        let mut asked: Vec<String> = (4..8)
            .flat_map(|byte| {
                let sent = host.sends(FAR, byte);
                host.lives(5000);
                sent
            })
            .collect();
        asked.sort();
        asked.dedup();
        let local = format!("{}", host.link_local());
        assert_eq!(asked, [solicits(&local, "fe80::fd"), solicits(&local, GATE)]);
        // One answers, and is taken from then on.
        advertise(host, &[]);
        assert_eq!(host.sends(FAR, 8), [carries(ROUTER, 8)]);
    });
}

/// RFC 4191 3.2.
#[test]
fn the_router_with_the_highest_preference_is_taken() {
    with_host(|host| {
        for (mac, source, preference) in
            [(ROUTER, GATE, 0x18), (PEER, "fe80::fc", 0), (OTHER, "fe80::fd", 0x08)]
        {
            let mut sends = advertises(mac, source, 1800, &[]);
            sends.message[5] = preference;
            host.hears(&sends);
            assert_eq!(host.sends(FAR, 1), [carries(mac, 1)]);
        }
    });
}

/// A gateway of the configuration is taken before a router that says that it is one.
#[test]
fn the_gateway_of_the_configuration_is_taken() {
    with_host(|host| {
        advertise(host, &[]);
        for gateway in ["2001:db8::1", "fe80::77", "2001:db8:77::1"] {
            host.ndp.set_gateway(Some(ip(gateway)));
            let asked = host.sends(FAR, 1);
            assert!(asked[0].contains(&format!("asks for {gateway} ")), "{asked:?}");
            assert_eq!(host.hears(&says(OTHER, gateway, ip(US), S | O)), [carries(OTHER, 1)]);
        }
        host.ndp.set_gateway(None);
        assert_eq!(host.sends(FAR, 1), [carries(ROUTER, 1)]);
    });
}

/// RFC 4861 6.3.4; systemd #28437: a Cur Hop Limit of 0 says nothing (v6LC.2.2.12).
#[test]
fn a_hop_limit_of_0_says_nothing() {
    with_host(|host| {
        assert_eq!(host.ndp.hop_limit(), 64);
        for (said, expected) in [(0, 64), (15, 15), (0, 15), (255, 255)] {
            let mut sends = advertises(ROUTER, GATE, 1800, &[]);
            sends.message[4] = said;
            host.hears(&sends);
            assert_eq!(host.ndp.hop_limit(), expected);
        }
    });
}

/// RFC 4861 6.3.4: at least 1280, and not more than the link has.
#[test]
fn the_mtu_of_a_router_is_limited() {
    with_host(|host| {
        assert_eq!(host.ndp.ipv6_mtu(), 1500);
        for (said, expected) in
            [(1279, 1500), (1501, 1500), (1400, 1400), (0, 1400), (u32::MAX, 1400), (1280, 1280)]
        {
            advertise(host, &[&[5, 1, 0, 0][..], &said.to_be_bytes()].concat());
            assert_eq!(host.ndp.ipv6_mtu(), expected, "{said}");
        }
    });
}

/// RFC 8200 5: a link that carries less does not carry IPv6.
#[test]
fn no_packet_is_shorter_than_1280_bytes_because_of_a_link() {
    with_pool(64, |pool| {
        let region = Region::new(pool, "memory");
        let end = Wire::new(OURS).1.with_mtu(1000);
        let ndp = Ndp::new(Ethernet::new(end), US_CIDR.parse().unwrap(), 7, &region).unwrap();
        assert_eq!(ndp.ipv6_mtu(), 1280);
    });
}

/// RFC 4861 6.3.7: it may be another link.
#[test]
fn routers_are_solicited_again_when_the_link_is_back() {
    with_host(|host| {
        advertise(host, &[]);
        assert_eq!(host.lives(20_000), [""; 0]);
        for up in [false, true] {
            host.wire.set_link(up);
            host.turn();
        }
        host.sent();
        let sent = host.timed(1500);
        let times: Vec<_> = sent.iter().filter(|(_, text)| text.contains("solicits")).collect();
        assert!(matches!(times[..], [(0..=1000, _)]), "{sent:?}");
    });
}

/// RFC 4861 6.3.4: the times of the cache (v6LC.2.2.14).
#[test]
fn a_router_says_how_often_neighbours_are_asked_for() {
    with_host(|host| {
        let mut sends = advertises(ROUTER, GATE, 1800, &[]);
        sends.message[12..16].copy_from_slice(&5000_u32.to_be_bytes());
        host.hears(&sends);
        assert_eq!(host.sends(THEM, 1), [solicits(US, THEM)]);
        let expected = [(5000, solicits(US, THEM)), (10_000, solicits(US, THEM))];
        assert_eq!(host.timed(15_500), expected);
    });
}

/// RFC 4861 6.3.4, 5.2: a prefix is on the link as long as it is valid, if it has the flag (v6LC.2.1.3, 2.1.4).
#[test]
fn hosts_with_a_prefix_of_the_link_are_neighbours() {
    with_host(|host| {
        let near = "2001:db8:5::1";
        advertise(host, &prefix("2001:db8:5::/64", 0x40, 3600, 3600));
        assert_eq!(host.sends(near, 1), [carries(ROUTER, 1)], "without the flag it says nothing");
        advertise(host, &prefix("2001:db8:5::77/48", 0x80, 60, 0));
        assert!(host.sends(near, 1)[0].contains("asks for 2001:db8:5::1"));
        host.lives(61_000);
        advertise(host, &[]);
        assert_eq!(host.sends(near, 1), [carries(ROUTER, 1)]);
        // 0 ends it at once, and the flag must be set for that.
        advertise(host, &prefix("2001:db8:5::/48", 0x80, u32::MAX, 0));
        advertise(host, &prefix("2001:db8:5::/48", 0, 0, 0));
        assert!(host.sends(near, 1)[0].contains("asks for"));
        host.lives(4000);
        advertise(host, &prefix("2001:db8:5::/48", 0x80, 0, 0));
        assert_eq!(host.sends(near, 1), [carries(ROUTER, 1)]);
        // That of link-local addresses is none that a router can end, or that takes a place.
        for length in 10..30 {
            advertise(host, &prefix(&format!("fe80::/{length}"), 0x80, 3600, 0));
        }
        assert_eq!(host.stats().lists_full, 0);
        advertise(host, &prefix("fe80::/10", 0x80, 0, 0));
        assert!(host.ndp.has_route(ip("fe80::9")));
    });
}

/// The option that names DNS servers.
fn rdnss(seconds: u32, servers: &[&str]) -> Vec<u8> {
    let head = [25, 1 + 2 * servers.len() as u8, 0, 0];
    let servers: Vec<u8> = servers.iter().flat_map(|server| ip(server).octets()).collect();
    [&head[..], &seconds.to_be_bytes(), &servers].concat()
}

/// RFC 8106 5.3; embassy #5623 knows none of it.
#[test]
fn dns_servers_are_known_as_long_as_they_may_be_asked() {
    fn known(host: &Host<'_>) -> Vec<String> {
        host.ndp.dns_servers().map(|server| format!("{server}")).collect()
    }
    with_host(|host| {
        advertise(host, &rdnss(600, &["2001:db8::53", "fe80::53"]));
        assert_eq!(known(host), ["2001:db8::53", "fe80::53"]);
        advertise(host, &rdnss(1200, &["fe80::53"]));
        host.lives(601_000);
        assert_eq!(known(host), ["fe80::53"]);
        advertise(host, &rdnss(0, &["fe80::53"]));
        assert_eq!(known(host), [""; 0]);
        advertise(host, &rdnss(u32::MAX, &["::", "ff02::fb", "::1", "2001:db8::53"]));
        host.lives(1_000_000_000);
        assert_eq!(known(host), ["2001:db8::53"]);
        // A full list: those that last longest stay (RFC 8106 5.3.1).
        for number in 1..=9_u32 {
            let server = format!("2001:db8::{number}");
            advertise(host, &rdnss(number * 100, &[&server]));
        }
        let mut last = known(host);
        last.sort();
        assert_eq!(last, ["2001:db8::53", "2001:db8::7", "2001:db8::8", "2001:db8::9"]);
        advertise(host, &rdnss(10, &["2001:db8::aaaa"]));
        assert!(!known(host).contains(&"2001:db8::aaaa".into()));
    });
}

/// Who asks them is told of what is news, and of nothing else.
#[test]
fn who_wants_to_know_is_told_when_dns_servers_change() {
    let told = RefCell::new(Vec::new());
    let tell = |servers: &[Ipv6Addr]| {
        let texts: Vec<_> = servers.iter().map(|server| format!("{server}")).collect();
        told.borrow_mut().push(texts.join(" "));
    };
    with_pool(256, |pool| {
        let region = Region::new(pool, "memory");
        let mut host = Host::new(&region, US_CIDR);
        host.ndp.on_dns_servers(&tell);
        host.lives(3000);
        advertise(&mut host, &rdnss(600, &["fe80::53", "2001:db8::53"]));
        // The same once more, and what was not known ends.
        advertise(&mut host, &rdnss(900, &["2001:db8::53", "fe80::53"]));
        advertise(&mut host, &rdnss(0, &["2001:db8::54"]));
        advertise(&mut host, &rdnss(300, &["2001:db8::54"]));
        advertise(&mut host, &rdnss(0, &["fe80::53"]));
        host.lives(299_000);
        assert_eq!(told.borrow().len(), 3);
        host.lives(2000);
        host.lives(1_000_000);
    });
    let expected = [
        "fe80::53 2001:db8::53",
        "fe80::53 2001:db8::53 2001:db8::54",
        "2001:db8::53 2001:db8::54",
        "2001:db8::53",
        "",
    ];
    assert_eq!(told.into_inner(), expected);
}

/// RFC 4861 6.3.7, RFC 7559 2 (v6LC.2.2.1, 2.2.2). picoTCP #304 sends them with the hop limit 0; here the reader of what was sent
/// insists on 255.
#[test]
fn routers_are_solicited_until_one_answers() {
    with_new_host("::/128", |host| {
        let sent = host.timed(40_000);
        let times: Vec<_> =
            sent.iter().filter(|(_, text)| text.contains("solicits")).map(|(at, _)| *at).collect();
        let gaps: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(matches!(gaps[..], [3600..=4400, 7200..=8800, 14_400..=17_600]), "{gaps:?}");
        let text =
            format!("33:33:00:00:00:02 < {} solicits routers source {OURS}", host.link_local());
        assert!(sent.iter().any(|(_, sent)| *sent == text), "{sent:?}");
        advertise(host, &[]);
        let sent = host.lives(3_600_000);
        assert!(sent.iter().all(|text| !text.contains("solicits")), "{sent:?}");
    });
}

/// RFC 7559 2: a router that is none for packets does not end the search.
#[test]
fn a_router_without_a_lifetime_does_not_end_the_solicitations() {
    with_host_at("::/128", |host| {
        host.hears(&advertises(ROUTER, GATE, 0, &[]));
        let sent = host.lives(20_000);
        assert!(sent.iter().any(|text| text.contains("solicits")), "{sent:?}");
    });
}

/// A host that needs no router asks for none.
#[test]
fn who_has_an_address_and_a_gateway_solicits_no_router() {
    with_new_host(US_CIDR, |host| {
        host.ndp.set_gateway(Some(ip(GATE)));
        let sent = host.lives(60_000);
        assert!(sent.iter().all(|text| !text.contains("solicits")), "{sent:?}");
    });
}

/// Strangers who call themselves routers displace none that works; and one that does not makes room.
#[test]
fn forged_routers_displace_no_router_that_works() {
    with_host(|host| {
        advertise(host, &[]);
        assert_eq!(host.sends(FAR, 1), [carries(ROUTER, 1)]);
        for number in 1..1000 {
            host.hears(&advertises(OTHER, &format!("fe80::1:{number:x}"), 9000, &[]));
        }
        assert_eq!(host.sends(FAR, 2), [carries(ROUTER, 2)]);
        assert!(host.stats().lists_full > 0);
    });
}
