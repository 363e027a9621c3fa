use std::{string::String, vec::Vec};

use super::*;

#[cfg(feature = "ipv6")]
mod ipv6;
#[cfg(feature = "dhcp")]
mod lease;
#[cfg(feature = "page")]
mod page;
#[cfg(any(feature = "dns", feature = "ntp"))]
mod servers;
mod tower;

fn read(args: &[&'static str]) -> Result<Config, Error> {
    Config::from_args(args.iter().copied())
}

/// The message of an error in the arguments.
fn refusal(args: &[&'static str]) -> String {
    let error = read(args).unwrap_err();
    assert_eq!(error.status(), 2, "{args:?}");
    error.message().into()
}

#[test]
fn both_spellings_are_read() {
    let one = read(&["--ipv4=10.1.0.2/16", "--ipv4-gateway=10.1.0.1", "--interface=tap7"]).unwrap();
    let other =
        read(&["--ipv4", "10.1.0.2/16", "--ipv4-gateway", "10.1.0.1", "--interface", "tap7"])
            .unwrap();
    assert_eq!(one, other);
    assert_eq!((one.ipv4.prefix(), one.interface), (16, Some("tap7")));
    assert_eq!(one.tower.gateway, Some(Ipv4Addr::new(10, 1, 0, 1)));
    assert_eq!(read(&["--stats-port=9100"]).unwrap().tower.counters_port, Some(9100));
    assert_eq!(read(&["--mac=02:00:00:00:00:01"]).unwrap().mac, Some(MacAddr([2, 0, 0, 0, 0, 1])));
    assert_eq!(read(&["--log", "arp,udp"]).unwrap().tower.log, Some("arp,udp"));
    let probe = read(&["--probe", "--ipv4=10.1.0.2/16"]).unwrap();
    assert_eq!((probe.tower.probe_at_start, probe.ipv4.prefix()), (true, 16));
    assert!(read(&["--offloads", "on"]).unwrap().offloads);
    assert_eq!(read(&["--offloads=off"]).unwrap(), Config::default());
    let on = Config { offloads: true, ..Config::default() };
    assert_eq!(on.with_args(["--offloads=off"]).unwrap(), Config::default());
    assert_eq!(on.with_args([]).unwrap(), on);
    let networks = "10.0.0.0/8,192.0.2.7/32";
    let args = ["--clients", networks, "--stats-from=192.0.2.0/24", "--stats-port=1"];
    let Setup { clients, counters_from, .. } = read(&args).unwrap().tower;
    assert_eq!(clients, networks.parse().ok());
    assert_eq!(Ok(counters_from), "192.0.2.0/24".parse());
    assert_eq!(read(&[]).unwrap(), Config::default());
    // A second `=` belongs to the value.
    assert_eq!(read(&["--interface=a=b"]).unwrap().interface, Some("a=b"));
}

#[test]
fn a_gateway_may_be_outside_of_our_network() {
    for (ipv4, gateway) in [
        ("--ipv4=10.137.0.5/32", "--ipv4-gateway=10.138.0.1"),
        ("--ipv4=10.137.0.5/32", "--ipv4-gateway=169.254.1.1"),
        ("--ipv4=10.137.0.5/24", "--ipv4-gateway=10.138.0.1"),
        ("--ipv4=10.0.0.2/31", "--ipv4-gateway=10.0.0.3"),
        ("--ipv4=10.0.0.3/31", "--ipv4-gateway=10.0.0.2"),
    ] {
        let config = read(&[gateway, ipv4]).unwrap();
        assert_eq!(Some(config), read(&[ipv4, gateway]).ok());
        assert!(gateway.ends_with(&std::format!("={}", config.tower.gateway.unwrap())));
    }
}

#[test]
fn a_bad_argument_is_named_with_what_would_be_right() {
    let host = match cfg!(feature = "dhcp") {
        false => "expected the address of a host with its prefix: 10.0.0.2/24",
        true => "expected the address of a host with its prefix, 10.0.0.2/24, or dhcp",
    };
    let pairs = "expected six pairs of hexadecimal digits: 02:00:0a:00:00:02";
    let port = "expected a port from 1 to 65535";
    let networks = &std::format!("expected {}", ParseNetworksError::EXPECTED)[..];
    let unknown = "unknown; --help lists the arguments";
    for (argument, words) in [
        ("--ipv5=::1", unknown),
        ("--IPV4=10.0.0.2/24", unknown),
        ("--ipv=10.0.0.2/24", unknown),
        ("echo", unknown),
        ("-", unknown),
        ("--", unknown),
        ("=", unknown),
        ("--probe=yes", unknown),
        ("--probe=", unknown),
        ("--ipv4=", host),
        ("--ipv4=10.0.0.2", host),
        ("--ipv4=10.0.0.2/024", host),
        ("--ipv4=10.0.0.2/+24", host),
        ("--ipv4=10.0.0.02/24", host),
        ("--ipv4= 10.0.0.2/24", host),
        ("--ipv4-gateway=x", "expected the address of a host: 10.0.0.1"),
        ("--ipv4-gateway=10.0.0.1/24", "expected the address of a host: 10.0.0.1"),
        ("--mac=2", pairs),
        ("--mac=+2:00:00:00:00:01", pairs),
        ("--mac=02-00-00-00-00-01", pairs),
        ("--stats-port=", port),
        ("--stats-port=0", port),
        ("--stats-port=x", port),
        ("--stats-port=+9100", port),
        ("--stats-port=09100", port),
        ("--stats-port= 9100", port),
        ("--stats-port=65536", port),
        ("--stats-port=4294976396", port),
        ("--clients=", networks),
        ("--clients=10.0.0.1", networks),
        ("--stats-from=1.0.0.0/8,", networks),
        ("--offloads=no", "expected on or off"),
        ("--offloads=", "expected on or off"),
        ("--interface=", "expected the name of an interface"),
    ] {
        let name = if argument == "=" { "\"\"=" } else { argument };
        assert_eq!(refusal(&[argument]), std::format!("{name}: {words}"));
    }
    assert_eq!(refusal(&["--probe", "yes"]), std::format!("yes: {unknown}"));
    assert_eq!(refusal(&[""]), std::format!("\"\": {unknown}"));
}

#[test]
fn addresses_that_no_host_has_are_refused() {
    for address in [
        "--ipv4=10.0.0.0/24",
        "--ipv4=10.0.0.255/24",
        "--ipv4=0.1.2.3/8",
        "--ipv4=0.0.0.0/0",
        "--ipv4=127.0.0.1/8",
        "--ipv4=224.0.0.1/24",
        "--ipv4=240.0.0.1/4",
        "--ipv4=255.255.255.255/32",
        "--ipv4-gateway=0.0.0.0",
        "--ipv4-gateway=127.0.0.1",
        "--ipv4-gateway=224.0.0.1",
        "--ipv4-gateway=240.0.0.1",
        "--ipv4-gateway=255.255.255.255",
    ] {
        let refusal = refusal(&[address]);
        let words = std::format!("{address}: no host has this address: expected the address of a ");
        assert!(refusal.starts_with(&words), "{refusal}");
    }
    for gateway in ["10.0.0.2", "10.0.0.0", "10.0.0.255"] {
        let gateway = &*String::leak(std::format!("--ipv4-gateway={gateway}"));
        let words = "not the address of another host beside --ipv4=10.0.0.2/24";
        assert_eq!(refusal(&[gateway]), std::format!("{gateway}: {words}"));
    }
}

#[test]
fn hardware_addresses_that_no_station_has_are_refused() {
    for (mac, words) in [
        ("--mac=00:00:00:00:00:00", "no station has this address"),
        ("--mac=03:00:00:00:00:01", "a group has this address"),
        ("--mac=ff:ff:ff:ff:ff:ff", "a group has this address"),
    ] {
        let words = std::format!("{mac}: {words}: expected six pairs of hexadecimal digits");
        assert!(refusal(&[mac]).starts_with(&words));
    }
}

#[test]
fn a_missing_value_is_missed() {
    for args in [&["--ipv4"][..], &["--ipv4", "--probe"], &["--ipv4", "--ipv4-gateway=10.0.0.1"]] {
        let words = "--ipv4: its value is missing: expected the address of a host with its prefix";
        assert!(refusal(args).starts_with(words), "{args:?}");
    }
    let words = "--interface: its value is missing: expected the name of an interface";
    assert!(refusal(&["--interface", "--probe"]).starts_with(words));
    assert_eq!(read(&["--interface=--x"]).unwrap().interface, Some("--x"));
}

#[test]
fn an_argument_that_is_given_twice_is_refused_and_both_are_shown() {
    for (args, both) in [
        (&["--stats-port=1", "--stats-port=2"][..], "--stats-port=1 and --stats-port=2"),
        (&["--log=arp", "--log", "arp"], "--log=arp and --log=arp"),
        (&["--probe", "--log=x", "--probe"], "--probe and --probe"),
        (&["--ipv4=10.0.0.2/24", "--ipv4=x"], "--ipv4=10.0.0.2/24 and --ipv4=x"),
    ] {
        assert_eq!(refusal(args), std::format!("{both}: given twice, expected once"));
    }
    // One may begin as another does.
    assert!(read(&["--ipv4=10.0.0.2/24", "--ipv4-gateway=10.0.0.1"]).is_ok());
}

#[test]
fn a_value_is_shown_in_one_line_that_is_not_too_long() {
    let words = "unknown; --help lists the arguments";
    assert_eq!(refusal(&["a\nb\x1b[2J"]), std::format!(r"a\x0ab\x1b[2J: {words}"));
    let words = "expected on or off";
    assert_eq!(refusal(&["--offloads=\n"]), std::format!(r"--offloads=\x0a: {words}"));
    let long: &'static str = String::leak("é".repeat(2000));
    let shown = "é".repeat(32);
    assert_eq!(refusal(&["--offloads", long]), std::format!("--offloads={shown}...: {words}"));
}

#[test]
fn help_lists_every_argument() {
    let help = read(&["--probe", "--help", "x"]).unwrap_err();
    assert_eq!(help.status(), 0);
    let lines: Vec<_> = help.message().lines().collect();
    assert_eq!(lines.len(), 1 + ARGUMENTS.len());
    for (line, argument) in lines[1..].iter().zip(&ARGUMENTS) {
        // The words begin in one column.
        assert!(line.starts_with(&std::format!("  {}", argument.name)), "{line}");
        assert!(line.as_bytes()[27] == b' ' && line.as_bytes()[28] != b' ', "{line}");
    }
}

#[test]
fn who_may_ask_for_the_counters_needs_a_port_to_ask() {
    let words = "--stats-from: expected with --stats-port";
    assert_eq!(refusal(&["--stats-from=192.0.2.0/24"]), words);
}
