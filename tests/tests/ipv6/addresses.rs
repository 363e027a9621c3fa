//! Whose an address is, and which one answers.

use std::{
    io::ErrorKind,
    net::{Ipv6Addr, SocketAddr, SocketAddrV6},
    process::Command,
    time::{Duration, Instant},
};

use nix::net::if_::if_nametoindex;

use super::peers::{ARGUMENT, SERVICE, ask, in_lab, ip, socket_to, start, stop};

/// Linux as the gateway.
const GATEWAY: &str = "--ipv6-gateway=2001:db8::1";

/// How long the service may take to answer a ping to all nodes.
const SOON: Duration = Duration::from_secs(20);

/// What a program says on standard output.
fn said(program: &str, arguments: &str) -> String {
    let output = Command::new(program).args(arguments.split(' ')).output();
    let output = output.unwrap_or_else(|error| panic!("{program} cannot be called: {error}"));
    String::from_utf8(output.stdout).expect("it is text")
}

/// The link-local address of the service, which answers a ping to all nodes. Linux does so too, and sooner, so that ping may end
/// before it hears the service.
fn link_local() -> Ipv6Addr {
    let ours = said("ip", "-6 address show dev tap0");
    let address = |line: &str| line.split("from ").nth(1)?.split('%').next()?.parse().ok();
    let start = Instant::now();
    loop {
        let answers = said("ping", "-6 -c 4 -i 0.3 -W 5 ff02::1%tap0");
        let found = answers.lines().filter_map(address).find(|address: &Ipv6Addr| {
            address.is_unicast_link_local() && !ours.contains(&address.to_string())
        });
        if let Some(found) = found {
            return found;
        }
        assert!(start.elapsed() < SOON, "no other host answers:\n{answers}");
    }
}

/// The address on the link of the lab.
fn on_link(address: Ipv6Addr) -> SocketAddr {
    let index = if_nametoindex("tap0").expect("it is there");
    SocketAddrV6::new(address, 8080, 0, index).into()
}

/// Linux takes only answers from the address that it has asked.
pub(crate) fn the_address_that_was_asked_answers() {
    in_lab(|lab, echo| {
        let service = start(lab, echo, &[ARGUMENT]);
        assert_eq!(ask((SERVICE, 8080).into(), b"hello"), b"hello");
        assert_eq!(ask(on_link(link_local()), b"hello"), b"hello");
        drop(service);
    });
}

/// The configured address may hold on the link alone.
pub(crate) fn a_link_local_address_answers() {
    in_lab(|lab, echo| {
        let service = start(lab, echo, &["--ipv6=fe80::1234/64"]);
        let address = on_link("fe80::1234".parse().expect("it is an address"));
        for length in [5, 3000] {
            assert_eq!(ask(address, &vec![7; length]), vec![7; length]);
        }
        drop(service);
    });
}

/// RFC 4862 5.4: a service that another host has the address of ends, and says who has it.
pub(crate) fn an_address_in_use_is_refused() {
    in_lab(|lab, echo| {
        ip(&format!("-6 address add {SERVICE}/64 dev tap0 nodad"));
        let output = lab.command(echo, [ARGUMENT]).output().expect("it can be started");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(
            said.contains(&SERVICE.to_string()) && said.contains("is in use by the station"),
            "{said}"
        );
        // Who does not look does not know.
        let service = start(lab, echo, &[ARGUMENT, "--ipv6-dad=off"]);
        drop(service);
    });
}

pub(crate) fn a_forbidden_client_is_not_answered() {
    in_lab(|lab, echo| {
        let service =
            start(lab, echo, &[ARGUMENT, GATEWAY, "--clients=2001:db8:1::/48,10.0.0.0/8"]);
        let ipv4 = lab.network().service;
        assert_eq!(ask((ipv4, 8080).into(), b"hello"), b"hello");
        let socket = socket_to((SERVICE, 8080).into());
        socket.set_read_timeout(Some(Duration::from_secs(1))).expect("it can be set");
        socket.send(b"hello").expect("it can be sent");
        let error = socket.recv(&mut [0; 16]).expect_err("it is forbidden");
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        ip("-6 address add 2001:db8:1::1/48 dev tap0 nodad");
        ip(&format!("-6 route replace {SERVICE}/128 dev tap0 src 2001:db8:1::1"));
        assert_eq!(ask((SERVICE, 8080).into(), b"hello"), b"hello");
        assert_eq!(stop(service)("udp.not_allowed"), 1);
    });
}

/// Without `--ipv6` a service with the feature says nothing over IPv6.
pub(crate) fn what_is_off_is_silent() {
    in_lab(|lab, echo| {
        let service = start(lab, echo, &[]);
        let ipv4 = lab.network().service;
        assert_eq!(ask((ipv4, 8080).into(), b"hello"), b"hello");
        let answers = said("ping", "-6 -c 1 -W 1 ff02::1%tap0");
        assert!(!answers.contains("DUP!"), "{answers}");
        let counted = stop(service);
        assert_eq!((counted("ipv6.packets_tx"), counted("icmpv6.messages_tx")), (0, 0));
    });
}
