use std::{string::ToString, vec::Vec};

use super::*;

fn ip(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

fn route(network: &str, router: &str) -> Route {
    let router = Some(ip(router)).filter(|router| !router.is_unspecified());
    Route { network: network.parse().unwrap(), router }
}

fn table(routes: &[Route]) -> RouteTable {
    let mut table = RouteTable::from(Gateway(Some(ip("10.0.0.1"))));
    assert_eq!(table.set_routes(routes), 0);
    table
}

fn words(table: &RouteTable) -> Vec<std::string::String> {
    table.routes().iter().map(ToString::to_string).collect()
}

#[test]
fn the_longest_prefix_counts_in_any_order() {
    let routes = [
        route("192.0.0.0/8", "10.0.0.2"),
        route("192.0.2.0/24", "10.0.0.3"),
        route("192.0.2.7/32", "10.0.0.4"),
        route("198.51.100.0/24", "0.0.0.0"),
    ];
    let orders = [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]];
    for table in orders.map(|order| table(&order.map(|index| routes[index]))) {
        for (destination, hop) in [
            ("192.0.2.7", "10.0.0.4"),
            ("192.0.2.8", "10.0.0.3"),
            ("192.0.3.7", "10.0.0.2"),
            ("198.51.100.9", "198.51.100.9"),
            ("203.0.113.1", "10.0.0.1"),
        ] {
            assert_eq!(table.next_hop(ip(destination)), Some(ip(hop)), "{destination}");
        }
    }
}

#[test]
fn of_two_routes_to_one_network_the_first_counts() {
    let table = table(&[
        route("192.0.2.0/24", "10.0.0.3"),
        route("198.51.100.0/24", "10.0.0.5"),
        route("192.0.2.0/24", "10.0.0.4"),
    ]);
    assert_eq!(table.next_hop(ip("192.0.2.1")), Some(ip("10.0.0.3")));
}

#[test]
fn a_route_to_all_takes_the_place_of_the_gateway() {
    let mut table = table(&[route("0.0.0.0/0", "0.0.0.0")]);
    assert_eq!(table.next_hop(ip("192.0.2.1")), Some(ip("192.0.2.1")));
    table.set_routes(&[]);
    assert_eq!(table.next_hop(ip("192.0.2.1")), Some(ip("10.0.0.1")));
    table.set_gateway(None);
    assert_eq!(table.next_hop(ip("192.0.2.1")), None);
}

/// Our link is a route too, whose prefix is that of our network.
#[test]
fn a_part_of_our_network_may_be_behind_a_router() {
    let ours = "10.0.0.9/24".parse().unwrap();
    let table = table(&[
        route("10.0.0.128/25", "10.0.0.2"),
        route("10.0.0.0/24", "10.0.0.3"),
        route("10.0.0.0/8", "10.0.0.4"),
        route("10.0.0.192/26", "0.0.0.0"),
    ]);
    assert_eq!(table.detour(ours, ip("10.0.0.129")), Some(ip("10.0.0.2")));
    assert_eq!(table.detour(ours, ip("10.0.0.7")), None);
    assert_eq!(table.detour(ours, ip("10.0.0.200")), None, "it is on the link again");
}

#[test]
fn what_has_no_room_is_counted_and_others_take_the_place_of_what_was() {
    let routes: Vec<_> =
        (0..20).map(|n| route(&std::format!("10.{n}.0.0/16"), "10.0.0.2")).collect();
    let mut table = RouteTable::from(Gateway::default());
    assert_eq!((table.set_routes(&routes), table.routes()), (4, &routes[..MAX_ROUTES]));
    assert_eq!(table.next_hop(ip("10.15.0.1")), Some(ip("10.0.0.2")));
    assert_eq!(table.next_hop(ip("10.16.0.1")), None);
    assert_eq!(table.set_routes(&routes[19..]), 0);
    assert_eq!(words(&table), ["10.19.0.0/16 by 10.0.0.2"]);
    assert_eq!(table.next_hop(ip("10.15.0.1")), None);
}

#[test]
fn a_gateway_is_for_all_and_takes_no_other_route() {
    let mut gateway = Gateway::default();
    assert_eq!(gateway.next_hop(ip("192.0.2.1")), None);
    gateway.set_gateway(Some(ip("10.0.0.1")));
    assert_eq!(gateway.set_routes(&[route("192.0.2.0/24", "10.0.0.2"); 3]), 3);
    assert_eq!(gateway.next_hop(ip("192.0.2.1")), Some(ip("10.0.0.1")));
    assert_eq!(gateway.detour("10.0.0.9/24".parse().unwrap(), ip("10.0.0.7")), None);
}
