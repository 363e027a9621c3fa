//! The arguments of the page.

use super::{super::super::config::USAGE, *};

#[test]
fn the_port_and_the_networks_are_read_and_bad_ones_are_named() {
    let networks = "192.0.2.0/24,198.51.100.7/32";
    let Setup { page_port, page_from, .. } =
        read(&["--page-port", "9090", "--page-from", networks]).unwrap().tower;
    assert_eq!((page_port, Ok(page_from)), (Some(9090), networks.parse()));
    for argument in ["--page-port=", "--page-port=0", "--page-port=65536", "--page-port=x"] {
        let words = std::format!("{argument}: expected a port from 1 to 65535");
        assert_eq!(refusal(&[argument]), words);
    }
    assert!(
        refusal(&["--page-port=1", "--page-from=all"]).starts_with("--page-from=all: expected")
    );
    assert_eq!(refusal(&["--page-from=192.0.2.0/24"]), "--page-from: expected with --page-port");
    assert!(USAGE.contains("\n  --page-port=PORT ") && USAGE.contains("\n  --page-from=CIDR,"));
}
