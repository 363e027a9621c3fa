use layer::Ipv6Cidr;

use super::*;

fn cidr(text: &str) -> Ipv6Cidr {
    text.parse().unwrap()
}

#[test]
fn the_addresses_are_read() {
    for (value, ipv6) in [
        ("--ipv6=off", Ipv6::Off),
        ("--ipv6=auto", Ipv6::Auto),
        ("--ipv6=2001:db8::2/64", Ipv6::Address(cidr("2001:db8::2/64"))),
        ("--ipv6=fe80::2/64", Ipv6::Address(cidr("fe80::2/64"))),
    ] {
        assert_eq!(read(&[value]).unwrap().ipv6, ipv6, "{value}");
    }
    assert_eq!((read(&[]).unwrap().ipv6, read(&[]).unwrap().ipv6_dad), (Ipv6::Off, true));
    assert!(!read(&["--ipv6-dad=off"]).unwrap().ipv6_dad);
    let config = read(&["--ipv6=auto", "--ipv6-gateway=fe80::1"]).unwrap();
    assert_eq!(config.tower.ipv6_gateway, "fe80::1".parse().ok());
}

#[test]
fn what_is_wrong_is_said() {
    for (args, words) in [
        (&["--ipv6=on"][..], "--ipv6=on: expected the address of a host with its prefix"),
        (&["--ipv6=2001:db8::2"], "2001:db8::2/64, or auto or off"),
        (&["--ipv6=2001:db8::/64"], "no host has this address"),
        (&["--ipv6=ff02::1/64"], "no host has this address"),
        (&["--ipv6=auto", "--ipv6-gateway=ff02::1"], "no host has this address"),
        (&["--ipv6=auto", "--ipv6-gateway=10.0.0.1"], "expected the address of a host: fe80::1"),
        (&["--ipv6-gateway=fe80::1"], "--ipv6-gateway=fe80::1: expected with --ipv6"),
        (
            &["--ipv6=2001:db8::2/64", "--ipv6-gateway=2001:db8::2"],
            "not the address of another host beside --ipv6=2001:db8::2/64",
        ),
        (&["--ipv6-dad=yes"], "expected on or off"),
    ] {
        let said = refusal(args);
        assert!(said.contains(words), "{args:?}: {said}");
    }
}

#[test]
fn networks_of_both_families_are_listed() {
    let networks = "10.0.0.0/8,2001:db8::/32";
    let config = read(&["--clients", networks]).unwrap();
    assert_eq!(config.tower.clients, networks.parse().ok());
}
