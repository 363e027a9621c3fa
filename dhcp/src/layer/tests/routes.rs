//! The routes of a lease (RFC 3442).

use super::*;

const US: Ipv4Addr = GRANTED;

/// As Google's cloud has it: the router is in no network of ours.
#[test]
fn a_router_outside_of_our_network_is_used() {
    with_bench(Probing::No, |bench| {
        let [a, b, c, d] = SERVER.octets();
        let routes = vec![32, a, b, c, d, 0, 0, 0, 0, 0, a, b, c, d];
        bench.server.options =
            vec![(options::SUBNET_MASK, vec![255; 4]), (options::CLASSLESS_ROUTES, routes)];
        bench.passes(secs(1));
        assert_eq!(bench.address().to_string(), "10.0.0.100/32");
        let far = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 9);
        let now = bench.host.now();
        assert_eq!(bench.host.tower.send(now, 8080, far, b"far"), Ok(Sent::Queued));
        bench.turn();
        assert_eq!((bench.replies.len(), bench.counter("routes_unused")), (1, 0));
        // The server, which is the router, is answered too.
        assert_eq!(bench.asks(US), Some(US));
    });
}

/// Where the service's packets to these hosts go: the last byte of the station, or nothing.
fn next_hops<const N: usize>(bench: &mut Bench<'_>, to: [[u8; 4]; N]) -> [Option<u8>; N] {
    to.map(|address| {
        let now = bench.host.now();
        let to = SocketAddr::new(IpAddr::V4(address.into()), 9);
        bench.next_hops.clear();
        let _ = bench.host.tower.send(now, 8080, to, b"far").expect("the device works");
        bench.turn();
        Some(bench.next_hops.first()?.0[5])
    })
}

/// RFC 3442: two routers beside the gateway, and a network on the link. The option for routers is ignored.
#[test]
fn the_routes_of_the_lease_are_used_as_long_as_it_lasts() {
    with_bench(Probing::No, |bench| {
        bench.squatters =
            [[10, 0, 0, 7], [10, 0, 0, 8], [172, 16, 0, 5]].map(Ipv4Addr::from).into();
        let routes = [
            &[8, 10, 10, 0, 0, 7][..],
            &[16, 10, 9, 10, 0, 0, 8],
            &[24, 172, 16, 0, 0, 0, 0, 0],
            // A part of our own network.
            &[28, 10, 0, 0, 0xf0, 10, 0, 0, 7],
            &[0, 10, 0, 0, 1],
        ];
        bench.server.options = vec![
            (options::ROUTER, vec![10, 0, 0, 9]),
            (options::CLASSLESS_ROUTES, routes.concat()),
        ];
        bench.passes(secs(1));
        let to = [
            [10, 1, 0, 1],
            [10, 9, 0, 1],
            [172, 16, 0, 5],
            [172, 16, 1, 5],
            [10, 0, 0, 0xf5],
            [10, 0, 0, 8],
        ];
        assert_eq!(next_hops(bench, to), [7, 8, 5, 1, 7, 8].map(Some));
        assert_eq!(bench.counter("routes_unused"), 0);
        // The next grant has one of them, which leads elsewhere.
        let routes = [&[8, 10, 10, 0, 0, 8][..], &[0, 10, 0, 0, 1]];
        bench.server.options = vec![(options::CLASSLESS_ROUTES, routes.concat())];
        bench.passes(secs(1801));
        assert_eq!(next_hops(bench, to), [8, 8, 1, 1, 0, 8].map(|hop| (hop > 0).then_some(hop)));
        // Without a lease, and with the next one, which has no routes, none is left.
        bench.server.is_up = false;
        bench.passes(secs(3601));
        assert_eq!(bench.dhcp().network().routes().routes(), []);
        (bench.server.is_up, bench.server.options) = (true, vec![]);
        bench.passes(secs(70));
        assert!(bench.ready());
        assert_eq!(next_hops(bench, to), [None, None, None, None, None, Some(8)]);
    });
}

/// A network with a gateway alone counts the others.
#[test]
fn routes_without_a_table_for_them_are_counted() {
    with_pool(256, |pool| {
        let memory = Region::new(pool, "memory");
        let (wire, end) = Wire::new(MAC);
        let arp = Arp::new(Ethernet::new(end), Cidr::UNSPECIFIED, 7, &memory).unwrap();
        let mut dhcp = Dhcp::new(Ipv4::new(arp, 7, &memory).unwrap(), 7);
        let routes = [&[8, 10, 10, 0, 0, 7][..], &[0, 10, 0, 0, 1], &[16, 10, 9, 10, 0, 0, 8]];
        gets_a_lease(&mut dhcp, &wire, (options::CLASSLESS_ROUTES, routes.concat()));
        assert_eq!(dhcp.stats().routes_unused, 2);
    });
}
