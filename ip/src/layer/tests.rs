use core::time::Duration;
use std::{cell::RefCell, fmt, format, string::ToString, vec, vec::Vec};

use arp::Arp;
use ethernet::Ethernet;
use icmp::Icmp;
use icmpv6::Icmpv6;
use ipv6::Discovery as _;
use layer::Ipv6Cidr;
use ndp::Ndp;
use netif::MacAddr;
use testkit::{Clock, End, Host, with_pool};
use udp::{Failure, Udp};

use super::*;

type Stack<'g> = Icmp<Icmpv6<Ip<'g, Ndp<'g, Arp<'g, Ethernet<End>>>>>>;

type Heard = RefCell<Vec<(IpAddr, Vec<u8>)>>;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// The layers of a host whose addresses end with this number.
fn stack<'g>(end: End, number: u8, memory: &'g Region<'g>) -> Stack<'g> {
    let ipv4 = format!("10.0.0.{number}/24").parse().unwrap();
    let ipv6 = format!("2001:db8::{number}/64").parse().unwrap();
    let seed = number.into();
    let arp = Arp::new(Ethernet::new(end), ipv4, seed, memory).unwrap();
    let ndp = Ndp::new(arp, ipv6, seed, memory).unwrap().with_detection(false);
    let network = Icmpv6::new(Ip::new(ndp, seed, memory).unwrap(), seed);
    Icmp::new(network, seed)
}

/// Calls `test` with two hosts on one cable. The second one echoes on port 8080. What the first one hears on port 5000 is in
/// `heard`.
fn with_hosts(
    test: impl FnOnce(&mut Host<'_, Udp<'_, Stack<'_>>>, &mut Host<'_, Udp<'_, Stack<'_>>>, &Heard),
) {
    with_pool(2048, |pool| {
        let (memory, heard) = (Region::new(pool, "memory"), Heard::default());
        let (one, other) = End::pair(MacAddr([2, 0, 0, 0, 0, 1]), MacAddr([2, 0, 0, 0, 0, 2]));
        let clock = Clock::new();
        let mut client = Udp::new(stack(one, 1, &memory), 1, &memory).unwrap();
        client
            .bind_datagram(5000, |request, _| {
                heard.borrow_mut().push((request.source().ip(), request.payload().to_vec()));
                Err(Failure::Silent)
            })
            .unwrap();
        let mut server = Udp::new(stack(other, 2, &memory), 2, &memory).unwrap();
        server.bind(8080, |request, _| Ok(request)).unwrap();
        let mut client = Host::new(client, clock.clone(), pool);
        let mut server = Host::new(server, clock, pool);
        client.run_with(&mut server, Duration::from_secs(5), || false);
        test(&mut client, &mut server, &heard);
    });
}

/// What comes back to the first host when it sends this to `to`.
fn ask(
    client: &mut Host<'_, Udp<'_, Stack<'_>>>,
    server: &mut Host<'_, Udp<'_, Stack<'_>>>,
    heard: &Heard,
    to: (IpAddr, u16),
    request: &[u8],
) -> Vec<(IpAddr, Vec<u8>)> {
    let now = client.now();
    let sent = client.tower.send(now, 5000, to.into(), request).unwrap();
    assert_eq!(sent, Sent::Queued, "{to:?}");
    client.run_with(server, Duration::from_secs(1), || false);
    heard.take()
}

#[test]
fn one_service_answers_both_families() {
    with_hosts(|client, server, heard| {
        for to in [ip("10.0.0.2"), ip("2001:db8::2")] {
            for length in [0, 5, 1500, 3000, 60_000] {
                let request = vec![7; length];
                let answers = ask(client, server, heard, (to, 8080), &request);
                assert_eq!(answers, [(to, request)], "{length} bytes");
            }
        }
    });
}

/// RFC 4861 7.2.2: a transport is told of each packet that waited for a neighbour which does not answer.
#[test]
fn a_neighbour_that_does_not_answer_is_an_error_after_three_seconds() {
    with_hosts(|client, server, _| {
        // The second one is in fragments: of the first of them the transport is told.
        for length in [5, 3000] {
            let (now, to) = (client.now(), (ip("2001:db8::77"), 9));
            let sent = client.tower.send(now, 5000, to.into(), vec![7; length].as_slice());
            assert_eq!(sent.unwrap(), Sent::Queued);
        }
        let told = |client: &Host<'_, Udp<'_, Stack<'_>>>| {
            (client.counter("ipv6", "undelivered"), client.counter("udp", "icmp_errors"))
        };
        client.run_with(server, Duration::from_millis(2900), || false);
        assert_eq!(told(client), (0, 0));
        client.run_with(server, Duration::from_millis(200), || false);
        assert_eq!(told(client), (2, 2));
        assert_eq!(client.counter("udp", "icmp_errors_malformed"), 0);
    });
}

/// Each host has a link-local address too, which it does not mix up with the other one.
#[test]
fn the_address_that_was_asked_answers() {
    with_hosts(|client, server, heard| {
        let network = server.tower.network().network().network();
        let all: Vec<_> = network.link().addresses().iter().map(|a| a.address.address()).collect();
        assert!(all.len() == 2 && all.iter().any(core::net::Ipv6Addr::is_unicast_link_local));
        for address in all {
            let answers = ask(client, server, heard, (address.into(), 8080), b"hello");
            assert_eq!(answers, [(address.into(), b"hello".to_vec())]);
        }
    });
}

/// Both ICMPs stand in one tower, and each answers for its family.
#[test]
fn a_closed_port_is_an_error_of_its_family() {
    with_hosts(|client, server, heard| {
        for (to, layer) in [(ip("10.0.0.2"), "icmp"), (ip("2001:db8::2"), "icmpv6")] {
            assert!(ask(client, server, heard, (to, 9), b"hello").is_empty());
            assert_eq!(server.counter(layer, "errors_tx"), 1);
            assert_eq!(client.counter(layer, "errors_rx"), 1);
        }
        assert_eq!(client.counter("udp", "icmp_errors"), 2);
    });
}

/// Of a protocol that nobody speaks, ICMP says "protocol unreachable", and ICMPv6 where the packet names it.
#[test]
fn an_unknown_protocol_is_an_error_of_its_family() {
    with_hosts(|client, server, _| {
        for (to, layer) in [(ip("10.0.0.2"), "icmp"), (ip("2001:db8::2"), "icmpv6")] {
            let now = client.now();
            let outgoing = Outgoing::new(to, Protocol(99));
            let sent = client.tower.network_mut().send(now, &outgoing, b"12345678").unwrap();
            assert_eq!(sent, Sent::Queued);
            client.run_with(server, Duration::from_secs(1), || false);
            assert_eq!(server.counter(layer, "unknown_protocol"), 1);
            assert_eq!(
                (server.counter(layer, "errors_tx"), client.counter(layer, "errors_rx")),
                (1, 1)
            );
        }
    });
}

/// A number of one family is nothing in the other: ICMP over IPv6, and ICMPv6 over IPv4.
#[test]
fn icmp_of_the_other_family_is_an_unknown_protocol() {
    with_hosts(|client, server, _| {
        for (to, protocol, layer) in [
            (ip("10.0.0.2"), Protocol::ICMPV6, "icmp"),
            (ip("2001:db8::2"), Protocol::ICMP, "icmpv6"),
        ] {
            let now = client.now();
            let outgoing = Outgoing::new(to, protocol);
            let echo = [8, 0, 0xf7, 0xff, 0, 0, 0, 0];
            assert_eq!(client.tower.network_mut().send(now, &outgoing, echo), Ok(Sent::Queued));
            client.run_with(server, Duration::from_secs(1), || false);
            assert_eq!(server.counter(layer, "unknown_protocol"), 1, "{to}");
            assert_eq!(server.counter("icmp", "echo_requests"), 0);
        }
    });
}

#[test]
fn it_knows_its_own_addresses_and_the_longest_payloads() {
    with_hosts(|client, _, _| {
        let network = client.tower.network();
        for (ours, other) in [("10.0.0.1", "10.0.0.2"), ("2001:db8::1", "2001:db8::2")] {
            assert!(network.is_ours(ip(ours)) && !network.is_ours(ip(other)));
            assert_eq!(network.source_for(ip(other)), Some(ip(ours)));
            assert!(network.is_unicast(ip(other)));
        }
        for group in ["224.0.0.1", "10.0.0.255", "ff02::1"] {
            assert!(!network.is_unicast(ip(group)), "{group}");
        }
        assert_eq!(network.max_payload(ip("10.0.0.2")), 65_515);
        assert_eq!(network.max_payload(ip("2001:db8::2")), 65_535);
    });
}

#[test]
fn it_says_where_it_serves() {
    with_hosts(|_, server, _| {
        let place = fmt::from_fn(|f| server.tower.describe(f)).to_string();
        assert!(place.starts_with(" udp 8080 at 2001:db8::2/64 at 10.0.0.2/24"), "{place}");
        assert!(server.tower.ready().is_ok_and(|ready| ready));
    });
}

/// What is learnt of a path in one family does not hold in the other.
#[test]
fn each_family_has_paths_of_its_own() {
    with_hosts(|client, _, _| {
        let now = client.now();
        let network = client.tower.network_mut();
        let mtus = |network: &Stack<'_>| {
            [ip("10.0.0.2"), ip("2001:db8::2")].map(|to| network.path_mtu(now, to, Protocol::UDP))
        };
        assert_eq!(mtus(network), [1500, 1500]);
        network.packet_too_big(now, ip("2001:db8::2"), Protocol::UDP, 1300);
        assert_eq!(mtus(network), [1500, 1300]);
        network.packet_too_big(now, ip("10.0.0.2"), Protocol::UDP, 1000);
        assert_eq!(mtus(network), [1000, 1300]);
    });
}

/// A client of DHCP sets the address of IPv4, and leaves IPv6 alone.
#[test]
fn the_address_of_ipv4_is_configured_alone() {
    with_hosts(|client, server, heard| {
        let network = client.tower.network_mut().network_mut().network_mut();
        Configure::link_mut(network).link_mut().set_address(Cidr::UNSPECIFIED);
        Configure::set_gateway(network, None);
        assert_eq!(client.tower.network().source_for(ip("10.0.0.2")), None);
        let answers = ask(client, server, heard, (ip("2001:db8::2"), 8080), b"hello");
        assert_eq!(answers.len(), 1);
    });
}

/// The router of a route is asked for its hardware address, and not the gateway.
#[test]
fn a_table_has_routes_of_ipv4() {
    with_pool(512, |pool| {
        let memory = Region::new(pool, "memory");
        let (wire, end) = testkit::Wire::new(MacAddr([2, 0, 0, 0, 0, 1]));
        let arp = Arp::new(Ethernet::new(end), "10.0.0.1/24".parse().unwrap(), 7, &memory).unwrap();
        let ndp = Ndp::new(arp, Ipv6Cidr::UNSPECIFIED, 7, &memory).unwrap().enabled(false);
        let mut network = Ip::new(ndp, 7, &memory).unwrap();
        let route = Route {
            network: "192.0.2.0/24".parse().unwrap(),
            router: Some(Ipv4Addr::new(10, 0, 0, 7)),
        };
        assert_eq!(network.set_routes(&[route; 2]), 2, "there is no table");
        network.set_gateway(Some(Ipv4Addr::new(10, 0, 0, 9)));
        let mut network = network.with_route_table();
        assert_eq!(network.set_routes(&[route]), 0);
        for (destination, hop) in [("192.0.2.1", 7), ("198.51.100.1", 9)] {
            let outgoing = Outgoing::new(ip(destination), Protocol::UDP);
            assert!(matches!(network.send(Instant::ZERO, &outgoing, b"x"), Ok(Sent::Queued)));
            let frame = wire.pop().expect("it asks");
            assert_eq!((&frame[12..14], frame[41]), (&[8, 6][..], hop), "{destination}");
        }
    });
}

/// `--ipv6=off`: the tower is there, and silent.
#[test]
fn without_ipv6_nothing_is_sent_over_it() {
    with_pool(512, |pool| {
        let memory = Region::new(pool, "memory");
        let (wire, end) = testkit::Wire::new(MacAddr([2, 0, 0, 0, 0, 1]));
        let arp = Arp::new(Ethernet::new(end), "10.0.0.1/24".parse().unwrap(), 7, &memory).unwrap();
        let ndp = Ndp::new(arp, Ipv6Cidr::UNSPECIFIED, 7, &memory).unwrap().enabled(false);
        let tower = Icmpv6::new(Ip::new(ndp, 7, &memory).unwrap(), 7);
        let mut host = Host::new(tower, Clock::new(), pool);
        host.sleep(Duration::from_secs(60));
        let types: Vec<_> = wire.drain().iter().map(|frame| [frame[12], frame[13]]).collect();
        assert_eq!(types, [[8, 6]; 2], "two announcements of ARP");
        assert!(host.tower.ready().is_ok_and(|ready| ready));
        assert_eq!(host.tower.source_for(ip("2001:db8::2")), None);
        let outgoing = Outgoing::new(ip("2001:db8::2"), Protocol::UDP);
        let now = host.now();
        assert!(matches!(host.tower.send(now, &outgoing, b"x"), Ok(Sent::NotSent(_))));
        let place = fmt::from_fn(|f| host.tower.describe(f)).to_string();
        assert!(place.starts_with(" at 10.0.0.1/24"), "{place}");
    });
}
