use std::vec::Vec;

use super::*;

fn ip(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

/// Our addresses; a deprecated one begins with `-`.
fn ours(texts: &[&str]) -> Vec<Assigned> {
    let assigned = |text: &&str| {
        let rest = text.strip_prefix('-');
        Assigned { address: rest.unwrap_or(text).parse().unwrap(), deprecated: rest.is_some() }
    };
    texts.iter().map(assigned).collect()
}

/// The choice, whichever the order of the addresses.
fn choice(addresses: &[&str], destination: &str) -> Ipv6Addr {
    let mut list = ours(addresses);
    let first = select(&list, ip(destination)).unwrap();
    for _ in 0..list.len() {
        list.rotate_left(1);
        assert_eq!(select(&list, ip(destination)), Some(first), "{addresses:?} {destination}");
    }
    first
}

#[test]
fn without_an_address_there_is_none() {
    assert_eq!(select(&[], ip("2001:db8::1")), None);
}

/// RFC 6724 5, rule 1.
#[test]
fn the_destination_itself_comes_first() {
    let both = ["2001:db8::2/64", "-2001:db8::3/64"];
    assert_eq!(choice(&both, "2001:db8::3"), ip("2001:db8::3"));
}

/// RFC 6724 5, rule 2, with the examples of 10.1: the smallest scope that is enough.
#[test]
fn the_scope_suits_the_destination() {
    for (addresses, destination, expected) in [
        (["2001:db8:3::1/64", "fe80::1/64"], "2001:db8:1::1", "2001:db8:3::1"),
        (["2001:db8:3::1/64", "fe80::1/64"], "ff05::1", "2001:db8:3::1"),
        (["2001:db8:3::1/64", "fe80::1/64"], "fe80::2", "fe80::1"),
        (["2001:db8:3::1/64", "fe80::1/64"], "ff02::1", "fe80::1"),
        (["fec0::1/64", "fe80::1/64"], "2001:db8::1", "fec0::1"),
        (["fec0::1/64", "2001:db8::1/64"], "ff05::1", "fec0::1"),
        // It comes before being deprecated (rule 3).
        (["-2001:db8:3::1/64", "fe80::1/64"], "2001:db8:1::1", "2001:db8:3::1"),
        (["2001:db8:3::1/64", "-fe80::1/64"], "fe80::2", "fe80::1"),
    ] {
        assert_eq!(choice(&addresses, destination), ip(expected), "{addresses:?} {destination}");
    }
    // Whatever we have is better than nothing.
    assert_eq!(choice(&["fe80::1/64"], "2001:db8::1"), ip("fe80::1"));
}

/// RFC 6724 5, rule 3; RFC 4862 5.5.4.
#[test]
fn a_deprecated_address_is_avoided() {
    let both = ["-2001:db8:1::2/64", "2001:db8:2::2/64"];
    assert_eq!(choice(&both, "2001:db8:1::1"), ip("2001:db8:2::2"));
    assert_eq!(choice(&["-2001:db8:1::2/64"], "2001:db8:2::1"), ip("2001:db8:1::2"));
}

/// RFC 6724 5, rule 6; 2.1; 10.1: 6to4 to 6to4, unique local to unique local.
#[test]
fn labels_are_matched() {
    for (addresses, destination, expected) in [
        (["2002:c633:6401::2/48", "2001:db8:1::2/64"], "2002:c633:6401::1", "2002:c633:6401::2"),
        (["2002:c633:6401::2/48", "2001:db8:1::2/64"], "2001:db8:2::1", "2001:db8:1::2"),
        (["fd00:1::2/64", "2001:db8::2/64"], "fd00:2::1", "fd00:1::2"),
        (["fd00:1::2/64", "2001:db8::2/64"], "2400::1", "2001:db8::2"),
        (["2001::2/32", "2001:db8::2/64"], "2001:0:1::1", "2001::2"),
        (["2001::2/32", "2001:db8::2/64"], "2400::1", "2001:db8::2"),
    ] {
        assert_eq!(choice(&addresses, destination), ip(expected), "{addresses:?} {destination}");
    }
}

/// RFC 6724 5, rule 8, 2.2: the longest common prefix, but no more than the prefix of the source.
#[test]
fn the_longest_common_prefix_decides_last() {
    let both = ["2001:db8:1::2/64", "2001:db8:3::2/64"];
    assert_eq!(choice(&both, "2001:db8:1::d5e3"), ip("2001:db8:1::2"));
    assert_eq!(choice(&both, "2001:db8:2::1"), ip("2001:db8:3::2"));
    // Beyond the prefix nothing counts, so these are equal: the first one is taken.
    let equal = ours(&["2001:db8::1:2/64", "2001:db8::2:2/64"]);
    assert_eq!(select(&equal, ip("2001:db8::2:3")), Some(ip("2001:db8::1:2")));
}

/// RFC 6724 2.1: the table.
#[test]
fn policies() {
    for (address, precedence, label) in [
        ("::1", 50, 0),
        ("2001:db8::1", 40, 1),
        ("::ffff:192.0.2.1", 35, 4),
        ("2002:c000:201::1", 30, 2),
        ("2001::1", 5, 5),
        ("fd00::1", 3, 13),
        ("fc00::1", 3, 13),
        ("::192.0.2.1", 1, 3),
        ("fec0::1", 1, 11),
        ("3ffe::1", 1, 12),
        ("fe80::1", 40, 1),
    ] {
        assert_eq!(policy(ip(address)), Policy { precedence, label }, "{address}");
    }
}

/// RFC 4291 2.7, RFC 6724 3.1.
#[test]
fn scopes() {
    for (address, expected) in [
        ("::1", 2),
        ("fe80::1", 2),
        ("febf::1", 2),
        ("fec0::1", 5),
        ("fd00::1", 14),
        ("2001:db8::1", 14),
        ("ff01::1", 1),
        ("ff02::1", 2),
        ("ff15::1", 5),
        ("ff0e::1", 14),
    ] {
        assert_eq!(scope(ip(address)), expected, "{address}");
    }
}
