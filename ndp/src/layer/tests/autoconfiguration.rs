//! Addresses made of the prefixes of routers (RFC 4862 5.5, RFC 7217, RFC 8064).

use std::vec::Vec;

use super::*;
use crate::MAX_ADDRESSES;

const DAY: u32 = 86_400;

/// The option for the prefix `2001:db8:1::/64`, on the link and for addresses.
fn one(valid: u32, preferred: u32) -> Vec<u8> {
    prefix("2001:db8:1::/64", 0xc0, valid, preferred)
}

/// Lets the router advertise these options.
fn advertise(host: &mut Host<'_>, options: &[u8]) {
    host.hears(&advertises(ROUTER, GATE, 1800, options));
}

/// Our addresses with the first 64 bits of `network`, and whether they are deprecated.
fn made(host: &Host<'_>, network: &str) -> Vec<bool> {
    let network = Ipv6Cidr::new(ip(network), 64).unwrap();
    let ours = host.ndp.addresses().iter().filter(|it| network.contains(it.address.address()));
    ours.map(|assigned| assigned.deprecated).collect()
}

/// RFC 4862 5.5.3 (d), 5.4 (v6LC.3.2.1).
#[test]
fn an_address_is_made_of_a_prefix_and_probed_for() {
    with_host_at("::/128", |host| {
        assert_eq!(host.ready(), Ok(false));
        advertise(host, &one(DAY, DAY / 2));
        let sent = host.lives(2500);
        assert!(sent.iter().any(|text| text.contains("asks for 2001:db8:1:0:")), "{sent:?}");
        assert_eq!((made(host, "2001:db8:1::"), host.ready()), (vec![false], Ok(true)));
        let ours = Neighbours::<Ipv6Addr>::address(&host.ndp);
        assert_eq!((ours.prefix(), ours.address().segments()[2]), (64, 1));
        // RFC 7217 5: its identifier is not that of the link-local address, nor the hardware address.
        let [.., a, b, c, d] = ours.address().segments();
        let [.., e, f, g, h] = host.link_local().segments();
        assert_ne!([a, b, c, d], [e, f, g, h]);
        // It is answered for.
        assert_eq!(host.hears(&asks(PEER, "fe80::1", ours.address())).len(), 1);
        // Once more changes nothing.
        advertise(host, &one(DAY, DAY / 2));
        assert_eq!(made(host, "2001:db8:1::"), [false]);
    });
}

/// RFC 7217 4, RFC 8064 3.
#[test]
fn an_address_is_the_same_each_time_with_the_same_secret() {
    let address = |secret: u128, seed: u128| {
        with_pool(64, |pool| {
            let region = Region::new(pool, "memory");
            let (wire, end) = Wire::new(OURS);
            let none = Ipv6Cidr::UNSPECIFIED;
            let ndp = Ndp::new(Ethernet::new(end), none, seed, &region).unwrap();
            let ndp = ndp.with_identifier_secret(secret).with_detection(false);
            let now = Instant::from_millis(1_000_000);
            let mut host = Host { ndp, wire, now, pool };
            host.turn();
            advertise(&mut host, &one(DAY, DAY));
            host.turn();
            host.addresses()
        })
    };
    assert_eq!(address(1, 7).len(), 2);
    assert_eq!(address(1, 7), address(1, 8));
    assert!(address(1, 7).iter().all(|it| !address(2, 7).contains(it)));
}

/// RFC 4862 5.5.3 (a) to (d) (v6LC.3.2.4).
#[test]
fn prefixes_that_are_not_for_addresses_make_none() {
    with_host_at("::/128", |host| {
        for option in [
            prefix("2001:db8:1::/64", 0x80, DAY, DAY),
            prefix("fe80::/64", 0xc0, DAY, DAY),
            prefix("ff02::/64", 0xc0, DAY, DAY),
            one(DAY, DAY + 1),
            one(0, 0),
            prefix("2001:db8:1::/63", 0xc0, DAY, DAY),
            prefix("2001:db8:1::/65", 0xc0, DAY, DAY),
            prefix("2001:db8:1::/0", 0xc0, DAY, DAY),
        ] {
            advertise(host, &option);
            host.lives(2500);
            assert_eq!(host.addresses(), [host.link_local()], "{option:?}");
        }
    });
}

/// A host with a configured address makes none, unless it is told to.
#[test]
fn a_configured_host_makes_addresses_only_if_it_is_to() {
    with_host(|host| {
        advertise(host, &one(DAY, DAY));
        host.lives(2500);
        assert_eq!(host.addresses().len(), 2);
    });
    with_pool(64, |pool| {
        let region = Region::new(pool, "memory");
        let Host { ndp, wire, now, pool } = Host::new(&region, US_CIDR);
        let mut host = Host { ndp: ndp.with_autoconfiguration(true), wire, now, pool };
        host.lives(3000);
        advertise(&mut host, &one(DAY, DAY));
        host.lives(2500);
        assert_eq!(host.addresses().len(), 3);
        assert_eq!(Neighbours::<Ipv6Addr>::address(&host.ndp), US_CIDR.parse().unwrap());
    });
}

/// RFC 4862 5.5.4 (v6LC.3.2.2).
#[test]
fn an_address_is_deprecated_and_ends() {
    with_host_at("::/128", |host| {
        advertise(host, &one(3600, 1800));
        host.lives(1_799_000);
        assert_eq!(made(host, "2001:db8:1::"), [false]);
        host.lives(2000);
        assert_eq!(made(host, "2001:db8:1::"), [true]);
        host.lives(1_798_000);
        assert_eq!(made(host, "2001:db8:1::"), [true]);
        let ours = Neighbours::<Ipv6Addr>::address(&host.ndp).address();
        let sent = host.lives(2000);
        assert_eq!(made(host, "2001:db8:1::"), []);
        let left = format!("reports -{}", ipv6::solicited_node(ours));
        assert!(sent.iter().any(|text| text.contains(&left)), "{sent:?}");
        assert_eq!(host.hears(&asks(PEER, "fe80::1", ours)), [""; 0]);
    });
}

/// RFC 4862 5.5.3 (e), the rule of two hours (v6LC.3.2.5).
#[test]
fn a_router_cannot_end_an_address_within_two_hours() {
    let lasts = |first: u32, passed: u64, second: u32| {
        let mut seconds = 0;
        with_host_at("::/128", |host| {
            advertise(host, &one(first, 10));
            host.lives(passed * 1000);
            advertise(host, &one(second, 0));
            let is_ours = |host: &Host<'_>| !made(host, "2001:db8:1::").is_empty();
            let begin = host.now;
            while is_ours(host) && host.now < begin + core::time::Duration::from_secs(200_000) {
                host.lives(60_000);
                seconds += 60;
            }
        });
        seconds
    };
    // Longer than what remains, or than two hours: as the router says.
    assert_eq!(lasts(DAY, 10, 2 * DAY), 172_800);
    assert_eq!(lasts(DAY, 10, 10_800), 10_800);
    assert_eq!(lasts(600, 10, 1200), 1200);
    // Less than two hours, where more remains: two hours.
    assert_eq!(lasts(DAY, 10, 60), 7200);
    assert_eq!(lasts(DAY, 10, 0), 7200);
    // Less than two hours remain: it is ignored.
    assert_eq!(lasts(3660, 60, 60), 3600);
    assert_eq!(lasts(3660, 60, 0), 3600);
}

/// v6LC.3.2.3. embassy #6796 keeps the dead prefix: after a renumbering the new address is used at once, the old
/// prefix is not on the link any more, and the old address ends.
#[test]
fn a_network_is_renumbered() {
    with_host_at("::/128", |host| {
        advertise(host, &one(DAY, DAY));
        host.lives(2500);
        let old = Neighbours::<Ipv6Addr>::address(&host.ndp).address();
        let options = [one(0, 0), prefix("2001:db8:2::/64", 0xc0, DAY, DAY)].concat();
        advertise(host, &options);
        host.lives(2500);
        assert_eq!(
            (made(host, "2001:db8:1::"), made(host, "2001:db8:2::")),
            (vec![true], vec![false])
        );
        let new = Neighbours::<Ipv6Addr>::address(&host.ndp).address();
        assert_eq!(new.segments()[2], 2);
        // A host with the old prefix is reached by way of the router.
        assert_eq!(host.sends("2001:db8:1::1", 1), [carries(ROUTER, 1)]);
        let neighbour = host.sends("2001:db8:2::1", 1);
        assert!(neighbour[0].contains("asks for 2001:db8:2::1"), "{neighbour:?}");
        host.lives(7_200_000);
        assert!(!host.addresses().contains(&old));
        assert!(host.addresses().contains(&new));
    });
}

/// RFC 7217 6: an identifier that another station has is replaced; and a prefix whose identifiers all are, is given up.
#[test]
fn a_duplicate_of_an_address_is_replaced_by_another() {
    with_host_at("::/128", |host| {
        let mut tried = Vec::new();
        for attempt in 0..4 {
            advertise(host, &one(DAY, DAY));
            let sent = host.timed(if attempt == 0 { 1000 } else { 2000 });
            let asked = sent.iter().find_map(|(_, text)| text.split_once("asks for 2001"));
            let address = ip(&format!("2001{}", asked.unwrap().1.split(' ').next().unwrap()));
            assert!(!tried.contains(&address));
            tried.push(address);
            host.hears(&asks(PEER, "::", address));
        }
        for _ in 0..10 {
            advertise(host, &one(DAY, DAY));
            let sent = host.lives(10_000);
            assert!(sent.iter().all(|text| !text.contains("nonce")), "{sent:?}");
        }
        // The link-local address is ours, so that the host is no failure.
        assert_eq!((host.ready(), host.stats().given_up), (Ok(true), 1));
        assert_eq!(host.addresses(), [host.link_local()]);
    });
}

/// RFC 4861 6.3.7: where no router answers, the link-local address is enough.
#[test]
fn a_link_without_a_router_is_served_at_the_link_local_address() {
    with_new_host("::/128", |host| {
        host.lives(12_000);
        assert_eq!(host.ready(), Ok(false));
        host.lives(8_000);
        assert_eq!((host.ready(), host.stats().router_solicitations_tx), (Ok(true), 3));
        assert_eq!(host.addresses(), [host.link_local()]);
    });
}

/// A router need not have a prefix for addresses: that of DHCP for IPv6, or one for routes alone.
#[test]
fn a_router_without_a_prefix_leaves_the_link_local_address() {
    with_host_at("::/128", |host| {
        advertise(host, &prefix("2001:db8:1::/64", 0x80, DAY, DAY));
        host.lives(3900);
        assert_eq!(host.ready(), Ok(false), "another message may come");
        host.lives(200);
        assert_eq!((host.ready(), host.addresses().len()), (Ok(true), 1));
    });
    with_host_at("::/128", |host| {
        advertise(host, &[]);
        host.lives(3500);
        advertise(host, &one(DAY, DAY));
        host.lives(600);
        assert_eq!(host.ready(), Ok(false), "an address is on its way");
        host.lives(2000);
        assert_eq!((host.ready(), host.addresses().len()), (Ok(true), 2));
    });
}

/// The number of addresses is bounded, and so is the pace at which a router can make us look for duplicates.
#[test]
fn a_flood_of_prefixes_is_bounded() {
    with_host_at("::/128", |host| {
        let mut probes = 0;
        for round in 0..100_u16 {
            let options: Vec<u8> = (0..40)
                .flat_map(|number| {
                    // Each lasts for two seconds, so that there is room for others again.
                    prefix(&format!("2001:db8:{round:x}:{number:x}::/64"), 0xc0, 3, 3)
                })
                .collect();
            advertise(host, &options);
            assert!(host.addresses().len() <= MAX_ADDRESSES);
            let sent = host.lives(1000);
            probes += sent.iter().filter(|text| text.contains("nonce")).count();
        }
        assert!((50..=108).contains(&probes), "{probes} in 100 seconds");
        assert!(host.stats().lists_full > 3000);
        // The prefixes of the link are bounded as well.
        host.lives(5000);
        assert_eq!(host.addresses(), [host.link_local()]);
    });
}
