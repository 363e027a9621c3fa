use std::{string::ToString, vec::Vec};

use proptest::prelude::*;

use super::*;
use crate::options::{CLASSLESS_ROUTES, Options};

/// What is read of the value, in words.
fn read(value: &[u8]) -> Option<(Option<Ipv4Addr>, Vec<std::string::String>)> {
    let field = [&[CLASSLESS_ROUTES, value.len() as u8][..], value].concat();
    let options = Options::parse(&field, &[], &[]).unwrap();
    let (gateway, routes) =
        super::read(options.get(CLASSLESS_ROUTES).unwrap(), Ipv4Addr::new(10, 0, 0, 100))?;
    Some((gateway, routes.iter().map(ToString::to_string).collect()))
}

/// The examples of RFC 3442, "Classless Route Option Format".
#[test]
fn destinations_are_as_short_as_their_widths_allow() {
    let router = [10, 0, 0, 1];
    for (descriptor, expected) in [
        (&[8, 10][..], "10.0.0.0/8"),
        (&[24, 10, 0, 0], "10.0.0.0/24"),
        (&[16, 10, 17], "10.17.0.0/16"),
        (&[24, 10, 27, 129], "10.27.129.0/24"),
        (&[25, 10, 229, 0, 128], "10.229.0.128/25"),
        (&[32, 10, 198, 122, 47], "10.198.122.47/32"),
    ] {
        let (gateway, routes) = read(&[descriptor, &router].concat()).unwrap();
        assert_eq!((gateway, &routes[..]), (None, &[std::format!("{expected} by 10.0.0.1")][..]));
    }
    let gateway = Some(Ipv4Addr::from(router));
    assert_eq!(read(&[0, 10, 0, 0, 1]), Some((gateway, [].into())));
}

#[test]
fn bits_beyond_the_width_are_cleared() {
    let (_, routes) = read(&[25, 129, 210, 177, 255, 10, 0, 0, 1]).unwrap();
    assert_eq!(routes, ["129.210.177.128/25 by 10.0.0.1"]);
}

/// As Google's cloud has it: an address with a prefix of 32 bits, and a router outside.
#[test]
fn a_router_may_be_on_the_link_and_in_no_network() {
    let value = [32, 10, 128, 0, 1, 0, 0, 0, 0, 0, 10, 128, 0, 1];
    let (gateway, routes) = read(&value).unwrap();
    assert_eq!(gateway, Some(Ipv4Addr::new(10, 128, 0, 1)));
    assert_eq!(routes, ["10.128.0.1/32 on the link"]);
}

#[test]
fn what_is_malformed_is_refused() {
    for value in [
        &[][..],
        &[0],
        &[0, 10, 0, 0],
        &[33, 10, 0, 0, 1, 10, 0, 0, 1],
        &[255, 10, 0, 0, 1, 10, 0, 0, 1],
        &[24, 10, 0],
        &[24, 10, 0, 0, 10, 0, 0],
        &[0, 10, 0, 0, 1, 7],
    ] {
        assert_eq!(read(value), None, "{value:?}");
    }
}

#[test]
fn a_route_by_nobody_or_by_us_is_left_out() {
    // The last one is ours.
    for router in
        [[127, 0, 0, 1], [224, 0, 0, 1], [255, 255, 255, 255], [0, 0, 0, 1], [10, 0, 0, 100]]
    {
        for destination in [&[0][..], &[8, 10]] {
            let value = [destination, &router].concat();
            assert_eq!(read(&value), Some((None, [].into())), "{value:?}");
        }
    }
}

#[test]
fn the_first_gateway_counts_and_the_first_sixteen_routes() {
    let mut value: Vec<u8> = [0, 10, 0, 0, 1, 0, 10, 0, 0, 2].into();
    for route in 0..20 {
        value.extend([16, 10, route, 10, 0, 0, 3]);
    }
    let (gateway, routes) = read(&value).unwrap();
    assert_eq!(gateway, Some(Ipv4Addr::new(10, 0, 0, 1)));
    assert_eq!((routes.len(), &routes[15][..]), (MAX_ROUTES, "10.15.0.0/16 by 10.0.0.3"));
}

proptest! {
    #[test]
    fn any_value_is_routes_or_none(value in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Some((gateway, routes)) = read(&value) {
            prop_assert!(gateway.is_none_or(is_unicast) && routes.len() <= MAX_ROUTES);
        }
    }
}
