use std::{string::ToString, vec::Vec};

use netif::MacAddr;
use proptest::prelude::*;

use super::*;
use crate::{
    server::{Reply, SERVER},
    wire::MessageType,
};

fn reply() -> Reply {
    Reply::new(MessageType::ACK, MacAddr([2, 0, 10, 0, 0, 2]), 7)
}

fn read(reply: &Reply) -> Result<Lease, LeaseError> {
    Lease::read(&Message::parse(&reply.bytes()).unwrap())
}

fn ip(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

#[test]
fn a_lease_has_all_that_the_server_says() {
    let reply = reply()
        .with(options::ROUTER, &[10, 0, 0, 1, 10, 0, 0, 3])
        .with(options::DNS_SERVERS, &[9, 9, 9, 9, 8, 8, 8, 8])
        .with(options::NTP_SERVERS, &[10, 0, 0, 4])
        .with(options::INTERFACE_MTU, &[5, 180]);
    let lease = read(&reply).unwrap();
    assert_eq!((lease.address.to_string().as_str(), lease.server), ("10.0.0.100/24", SERVER));
    assert_eq!((lease.gateway, lease.routes.len()), (Some(ip("10.0.0.1")), 0));
    assert_eq!(
        (&lease.dns[..], &lease.ntp[..]),
        (&[ip("9.9.9.9"), ip("8.8.8.8")][..], &[ip("10.0.0.4")][..])
    );
    assert_eq!(lease.mtu, Some(1460));
    assert_eq!(lease.times.lease, Some(Duration::from_secs(3600)));
}

/// smoltcp #459: 0.0.0.0 was in the list.
#[test]
fn servers_that_no_host_can_be_are_left_out() {
    let reply = reply()
        .with(
            options::DNS_SERVERS,
            &[0, 0, 0, 0, 9, 9, 9, 9, 127, 0, 0, 1, 9, 9, 9, 9, 224, 0, 0, 1],
        )
        .with(options::ROUTER, &[0, 0, 0, 0, 255, 255, 255, 255, 10, 0, 0, 100, 10, 0, 0, 1]);
    let lease = read(&reply).unwrap();
    assert_eq!((&lease.dns[..], lease.gateway), (&[ip("9.9.9.9")][..], Some(ip("10.0.0.1"))));
}

#[test]
fn the_first_servers_are_kept() {
    let many: Vec<u8> = (1..=9).flat_map(|last| [10, 0, 0, last]).collect();
    let lease = read(&reply().with(options::DNS_SERVERS, &many)).unwrap();
    assert_eq!((lease.dns.len(), lease.dns[3]), (MAX_SERVERS, ip("10.0.0.4")));
}

/// RFC 3442: the router is ignored, even if no route leads to a gateway.
#[test]
fn classless_routes_take_the_place_of_the_router() {
    let reply = reply().with(options::ROUTER, &[10, 0, 0, 1]);
    let with = |value: &[u8]| read(&reply.clone().with(options::CLASSLESS_ROUTES, value));
    let lease = with(&[0, 10, 0, 0, 9, 16, 10, 7, 10, 0, 0, 8]).unwrap();
    assert_eq!((lease.gateway, lease.routes.len()), (Some(ip("10.0.0.9")), 1));
    assert_eq!(with(&[16, 10, 7, 10, 0, 0, 8]).unwrap().gateway, None);
    assert_eq!(with(&[16, 10, 7, 10]), Err(LeaseError::Value(121)));
    // Ourselves we cannot ask.
    assert_eq!(with(&[0, 10, 0, 0, 100]).unwrap().gateway, None);
}

#[test]
fn an_address_that_no_host_can_have_is_refused() {
    for (address, mask) in [
        ("0.0.0.0", "255.255.255.0"),
        ("127.0.0.1", "255.0.0.0"),
        ("224.0.0.1", "255.255.255.0"),
        ("240.0.0.1", "255.255.255.0"),
        ("255.255.255.255", "255.255.255.255"),
        ("10.0.0.0", "255.255.255.0"),
        ("10.0.0.255", "255.255.255.0"),
        ("10.0.0.1", "255.255.255.0"), // the server's
    ] {
        let reply = reply().granting(ip(address)).with(options::SUBNET_MASK, &ip(mask).octets());
        let reply = reply.with(options::SERVER_ID, &[10, 0, 0, 1]);
        assert_eq!(read(&reply), Err(LeaseError::Address(ip(address))), "{address}");
    }
}

#[test]
fn a_mask_is_one_bits_and_then_zero_bits() {
    for (mask, prefix) in [
        ("255.255.255.255", Some(32)),
        ("255.255.255.254", Some(31)),
        ("255.255.255.0", Some(24)),
        ("128.0.0.0", Some(1)),
        ("0.0.0.0", None),
        ("255.0.255.0", None),
        ("0.255.255.255", None),
        ("255.255.255.1", None),
    ] {
        let lease = read(&reply().with(options::SUBNET_MASK, &ip(mask).octets()));
        let expected = prefix.ok_or(LeaseError::Mask(ip(mask)));
        assert_eq!(lease.map(|lease| lease.address.prefix()), expected, "{mask}");
    }
}

#[test]
fn without_a_mask_it_is_that_of_the_class() {
    for (address, prefix) in [("10.1.2.3", 8), ("172.16.2.3", 16), ("192.168.2.3", 24)] {
        let lease = read(&reply().granting(ip(address)).without(options::SUBNET_MASK)).unwrap();
        assert_eq!(lease.address.prefix(), prefix, "{address}");
    }
}

/// RFC 2131 table 3.
#[test]
fn what_a_server_must_say_is_demanded() {
    for code in [options::SERVER_ID, options::LEASE_TIME] {
        assert_eq!(read(&reply().without(code)), Err(LeaseError::Missing(code)));
    }
    for server in ["0.0.0.0", "127.0.0.1", "224.0.0.9", "255.255.255.255"] {
        let reply = reply().with(options::SERVER_ID, &ip(server).octets());
        assert_eq!(read(&reply), Err(LeaseError::Server(ip(server))));
    }
}

#[test]
fn a_value_of_another_length_is_refused() {
    for code in [1, 3, 6, 26, 42, 51, 54, 58, 59, 121] {
        let reply = reply().with(code, &[10, 0, 0]);
        assert_eq!(read(&reply), Err(LeaseError::Value(code)), "{code}");
    }
}

#[test]
fn an_mtu_that_no_link_has_is_none() {
    for (mtu, expected) in [(0, None), (67, None), (68, Some(68)), (1500, Some(1500))] {
        let reply = reply().with(options::INTERFACE_MTU, &u16::to_be_bytes(mtu));
        assert_eq!(read(&reply).unwrap().mtu, expected);
    }
}

fn times(
    lease: u32,
    renewal: Option<u32>,
    rebinding: Option<u32>,
) -> Result<[Option<u64>; 3], LeaseError> {
    let mut reply = reply().with(options::LEASE_TIME, &lease.to_be_bytes());
    for (code, value) in [(options::RENEWAL_TIME, renewal), (options::REBINDING_TIME, rebinding)] {
        if let Some(value) = value {
            reply = reply.with(code, &value.to_be_bytes());
        }
    }
    let times = read(&reply)?.times;
    Ok([times.renewal, times.rebinding, times.lease].map(|time| time.map(|time| time.as_secs())))
}

/// RFC 2131 4.4.5. smoltcp #1029: a panic unless T1 < T2 < the end.
#[test]
fn t1_comes_before_t2_and_t2_before_the_end() {
    let usual = Ok([Some(500), Some(875), Some(1000)]);
    assert_eq!(times(1000, None, None), usual);
    assert_eq!(times(1000, Some(100), Some(200)), Ok([Some(100), Some(200), Some(1000)]));
    assert_eq!(times(1000, Some(100), None), Ok([Some(100), Some(875), Some(1000)]));
    assert_eq!(times(1000, None, Some(600)), Ok([Some(500), Some(600), Some(1000)]));
    for (renewal, rebinding) in [
        (Some(0), Some(0)),
        (Some(4), Some(875)),
        (Some(200), Some(200)),
        (Some(300), Some(200)),
        (Some(100), Some(1000)),
        (Some(1000), Some(2000)),
        (Some(u32::MAX), Some(u32::MAX)),
        (Some(u32::MAX), None),
        (None, Some(u32::MAX)),
        (None, Some(500)),
        (Some(900), None),
    ] {
        assert_eq!(times(1000, renewal, rebinding), usual, "{renewal:?} {rebinding:?}");
    }
}

#[test]
fn a_lease_lasts_for_ten_seconds_at_least_and_for_ever_at_most() {
    for seconds in [0, 1, 9] {
        assert_eq!(times(seconds, None, None), Err(LeaseError::Short(seconds)));
    }
    assert_eq!(times(10, None, None), Ok([Some(5), Some(8), Some(10)]));
    let longest = u64::from(u32::MAX - 1);
    assert_eq!(times(u32::MAX - 1, None, None).unwrap()[2], Some(longest));
    assert_eq!(times(u32::MAX, Some(5), Some(6)), Ok([None; 3]));
}

#[test]
fn what_is_different_is_said() {
    let before = read(&reply()).unwrap();
    assert!(!Changes::between(Some(&before), &before).any());
    let all = Changes::between(None, &before);
    assert!(all.address && all.routes && all.mtu && all.dns && all.ntp);
    let changes = |code, value: &[u8]| {
        Changes::between(Some(&before), &read(&reply().with(code, value)).unwrap())
    };
    let none = Changes::default();
    assert_eq!(changes(options::SUBNET_MASK, &[255, 255, 0, 0]), Changes { address: true, ..none });
    assert_eq!(changes(options::ROUTER, &[10, 0, 0, 9]), Changes { routes: true, ..none });
    assert_eq!(changes(options::INTERFACE_MTU, &[5, 0]), Changes { mtu: true, ..none });
    assert_eq!(changes(options::DNS_SERVERS, &[9, 9, 9, 9]), Changes { dns: true, ..none });
    assert_eq!(changes(options::NTP_SERVERS, &[9, 9, 9, 9]), Changes { ntp: true, ..none });
    assert_eq!(changes(options::LEASE_TIME, &[0, 0, 9, 9]), none);
}

proptest! {
    /// Whatever a server says, what is accepted could be true.
    #[test]
    fn what_is_accepted_could_be_true(
        address in any::<[u8; 4]>(),
        values in proptest::collection::vec(
            (proptest::sample::select(&[1_u8, 3, 6, 26, 42, 51, 54, 58, 59, 121][..]),
             proptest::collection::vec(any::<u8>(), 0..16)), 0..12),
    ) {
        let reply = values.iter().fold(reply().granting(address.into()), |reply, (code, value)| {
            reply.with(*code, value)
        });
        if let Ok(lease) = read(&reply) {
            prop_assert!(lease.address.is_host() && is_unicast(lease.server));
            prop_assert!(lease.gateway.is_none_or(is_unicast));
            prop_assert!(lease.dns.iter().chain(&lease.ntp[..]).all(|one| is_unicast(*one)));
            if let Some(end) = lease.times.lease {
                prop_assert!(lease.times.renewal.unwrap() >= MIN_LEASE / 2);
                prop_assert!(lease.times.renewal < lease.times.rebinding && lease.times.rebinding < Some(end));
            }
        }
    }
}
