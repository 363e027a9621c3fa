//! The arguments of a client of DHCP.

use super::{tower::serve, *};

#[test]
fn the_address_from_before_is_read_and_a_bad_one_is_named() {
    let config = read(&["--dhcp-address=10.0.0.7", "--ipv4=dhcp"]).unwrap();
    assert_eq!(config.tower.last_address, Some(Ipv4Addr::new(10, 0, 0, 7)));
    let config = read(&["--ipv4=dhcp", "--dhcp-lease", "/run/lease"]).unwrap();
    assert_eq!((config.dhcp_lease, config.tower.last_address), (Some("/run/lease"), None));
    for argument in ["--dhcp-address=", "--dhcp-address=10.0.0.7/24", "--dhcp-address=lease"] {
        let words = "expected the address of a host: 10.0.0.1";
        assert_eq!(refusal(&[argument, "--ipv4=dhcp"]), std::format!("{argument}: {words}"));
    }
    for argument in ["--dhcp-address=127.0.0.1", "--dhcp-address=255.255.255.255"] {
        assert!(refusal(&[argument, "--ipv4=dhcp"]).contains("no host has this address"));
    }
    assert!(refusal(&["--dhcp-lease=", "--ipv4=dhcp"]).contains("expected the name of a file"));
}

#[test]
fn they_are_of_no_use_without_a_server() {
    for argument in ["--dhcp-address=10.0.0.7", "--dhcp-lease=/run/lease"] {
        let name = argument.split('=').next().unwrap();
        let words = std::format!("{name}: expected with --ipv4=dhcp");
        assert_eq!(refusal(&[argument]), words);
        assert_eq!(refusal(&[argument, "--ipv4=10.0.0.2/24"]), words);
    }
}

#[test]
fn a_tower_or_a_platform_that_cannot_do_it_refuses() {
    let error = serve(&["--ipv4=dhcp", "--dhcp-address=10.0.0.7"], false, |_| ()).unwrap_err();
    let words = "--dhcp-address: no layer of this program can do that";
    assert_eq!((error.status(), error.message()), (2, words));
    let take = |setup: &mut Setup<'_>| {
        assert_eq!(setup.last_address.take(), Some(Ipv4Addr::new(10, 0, 0, 7)));
    };
    serve(&["--ipv4=dhcp", "--dhcp-address=10.0.0.7"], false, take).unwrap();
    let error = serve(&["--ipv4=dhcp", "--dhcp-lease=/run/lease"], false, |_| ()).unwrap_err();
    let words = "--dhcp-lease=/run/lease: this platform has no files";
    assert_eq!((error.status(), error.message()), (2, words));
}
