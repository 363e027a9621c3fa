//! Servers of names that a router names (RFC 8106).

use std::{
    net::Ipv6Addr,
    thread,
    time::{Duration, Instant},
};

use lab::{Lab, Network, Service};

use super::{
    page::get,
    services::{ip, names, start},
};
use crate::{
    dnsmasq::{self, Dnsmasq},
    radvd::{self, Radvd},
    tool,
    unbound::{UNBOUND, Unbound},
};

const PREFIX: &str = "prefix 2001:db8::/64 { };";

/// What the service says when it does not know whom to ask.
const NO_SERVER: &str = "no server of names is known: --dns=ADDRESS names one\n";

/// The address that the service says it serves at.
fn address(service: &Service<'_>) -> Ipv6Addr {
    let lines = service.lines();
    let line = lines.iter().find(|line| line.starts_with("serving")).expect("it serves");
    let address = line.split(" at ").nth(1).and_then(|rest| rest.split('/').next()?.parse().ok());
    address.unwrap_or_else(|| panic!("no address of IPv6: {line}"))
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < end, "{what}");
        thread::sleep(Duration::from_millis(200));
    }
}

fn in_lab(test: impl FnOnce(&Lab) + Send) {
    lab::in_namespace(Network::default(), |lab| {
        ip("-6 address add 2001:db8::1/64 dev tap0 nodad");
        test(lab);
    })
    .unwrap_or_else(|error| panic!("{error:#}"));
}

/// A router names a server, which is forgotten when its lifetime ends; then another one, by its link-local address, which is forgotten
/// when the router takes it back. No argument names one.
pub(crate) fn servers_of_a_router_are_asked_as_long_as_they_may_be() {
    let (names, programs) = (names(), (radvd::fetch(), dnsmasq::fetch()));
    in_lab(|lab| {
        ip("-6 address add fe80::1/64 dev tap0 nodad");
        let options = ["--log-queries", "--host-record=www.test,192.0.2.7,2001:db8::7"];
        let server = Dnsmasq::with_names(lab, &programs.1, 53, &options);
        let asked = |from: &str| {
            let is_it = |line: &&String| line.contains("www.test from ") && line.contains(from);
            server.lines().iter().filter(is_it).count()
        };
        let first = "RDNSS 2001:db8::1 { AdvRDNSSLifetime 8; FlushRDNSS off; };";
        let mut router = Radvd::start(&programs.0, &format!("{PREFIX} {first}"));
        let service = start(lab, &names, &["--ipv6=auto"]);
        let address = address(&service);
        let resolve = || get(address, 80, "/?name=www.test").0;
        assert_eq!(resolve(), "2001:db8::7 192.0.2.7\n");
        // A question for each family, from the address that the prefix gave.
        wait_until("both families are not asked for", || asked("from 2001:db8:") == 2);
        assert_eq!(asked("from fe80:"), 0);
        let second = "RDNSS fe80::1 { AdvRDNSSLifetime 600; };";
        router.restart(&programs.0, &format!("{PREFIX} {second}"));
        wait_until("the second server is not asked", || {
            assert_eq!(resolve(), "2001:db8::7 192.0.2.7\n");
            asked("from fe80:") > 0
        });
        drop(router);
        wait_until("the server is not forgotten", || resolve() == NO_SERVER);
        let (status, lines) = service.stop().expect("it ends");
        assert!(status.success(), "{status}: {lines:#?}");
    });
}

/// RFC 8106 5.3.1.
pub(crate) fn servers_of_a_lease_are_asked_before_those_of_a_router() {
    let (names, programs) = (names(), (radvd::fetch(), dnsmasq::fetch()));
    tool::find(&UNBOUND);
    in_lab(|lab| {
        // Each says something else, so it is seen who is asked.
        let record = "--host-record=www.test,192.0.2.7,2001:db8::7";
        let options = ["--listen-address=10.0.0.1", "--bind-interfaces", record];
        let of_lease = Dnsmasq::with_names(lab, &programs.1, 53, &options);
        ip("-6 address add 2001:db8::53/64 dev tap0 nodad");
        let of_router = "local-zone: \"test.\" static\n local-data: \"www.test. 0 IN A 192.0.2.8\"";
        let _of_router = Unbound::start("2001:db8::53@53", of_router, "");
        let _router = Radvd::start(&programs.0, &format!("{PREFIX} RDNSS 2001:db8::53 {{ }};"));
        let service = start(lab, &names, &["--ipv4=dhcp", "--ipv6=auto"]);
        let address = address(&service);
        let resolve = || get(address, 80, "/?name=www.test").0;
        for _ in 0..3 {
            assert_eq!(resolve(), "2001:db8::7 192.0.2.7\n");
        }
        drop(of_lease);
        wait_until("the server of the router is not asked", || resolve() == "192.0.2.8\n");
        let _ = service.stop().expect("it ends");
    });
}

/// What an argument names is asked, and nobody else.
pub(crate) fn a_server_of_the_arguments_is_asked_alone() {
    let (names, radvd) = (names(), radvd::fetch());
    tool::find(&UNBOUND);
    in_lab(|lab| {
        ip("-6 address add 2001:db8::53/64 dev tap0 nodad");
        let data = |address| {
            format!("local-zone: \"test.\" static\n local-data: \"www.test. 0 IN A {address}\"")
        };
        let _ours = Unbound::start("10.0.0.1@53", &data("192.0.2.9"), "");
        let _of_router = Unbound::start("2001:db8::53@53", &data("192.0.2.8"), "");
        let _router = Radvd::start(&radvd, &format!("{PREFIX} RDNSS 2001:db8::53 {{ }};"));
        let service = start(lab, &names, &["--ipv6=auto", "--dns=10.0.0.1"]);
        let address = address(&service);
        // Longer than the router is silent.
        for _ in 0..5 {
            assert_eq!(get(address, 80, "/?name=www.test").0, "192.0.2.9\n");
            thread::sleep(Duration::from_secs(1));
        }
        let (status, lines) = service.stop().expect("it ends");
        assert!(status.success(), "{status}: {lines:#?}");
    });
}
