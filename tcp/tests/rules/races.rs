//! Connections to a host with several addresses (RFC 8305).

use std::net::IpAddr;

use network::Problem;
use tcp::{Broken, ConnectError, Stream};
use testkit::FakeNetwork;

use crate::host::{Net, Outcome, Peer};

const SIX: &str = "fd00::1";
const FOUR: &str = "10.0.0.1";

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A host with both families, and a task that connects to port 80 of these addresses.
fn race(addresses: &'static [&'static str]) -> (Net, Outcome<Result<Stream, ConnectError>>) {
    let ours = [ip("fd00::2"), ip("10.0.0.2")];
    let mut net = Net::with_network(FakeNetwork::new(ours), 512);
    let connections = net.connections();
    let outcome = net.spawn(async move {
        let addresses: Vec<_> = addresses.iter().map(|address| ip(address)).collect();
        connections.connect_any(&addresses, 80).await
    });
    (net, outcome)
}

/// Whom a SYN was sent to since the last time, in their order.
fn asked(net: &mut Net) -> Vec<Peer> {
    let mut peers = Vec::new();
    while let Some(sent) = net.sent.first() {
        let address = sent.outgoing.destination;
        let host = sent.outgoing.source.unwrap();
        let mut peer = Peer { address, host, ports: sent.segment.ports, ..Peer::new(0) };
        assert_eq!(peer.ports[1], 80);
        net.take(&mut peer);
        peers.push(peer);
    }
    peers
}

fn addresses(net: &mut Net) -> Vec<String> {
    asked(net).iter().map(|peer| peer.address.to_string()).collect()
}

#[test]
fn the_first_address_has_a_quarter_of_a_second() {
    let (mut net, outcome) = race(&[SIX, FOUR]);
    let six = asked(&mut net).remove(0);
    assert_eq!(six.address, ip(SIX));
    net.after(249);
    assert!(asked(&mut net).is_empty());
    net.recv(&six, "S. 0 ack 1 <mss 1000>");
    assert_eq!(outcome.take().unwrap().unwrap().peer().ip(), ip(SIX));
    net.after(1_000);
    assert!(!addresses(&mut net).contains(&FOUR.into()));
}

/// The one that is there first ends the others.
#[test]
fn an_address_that_is_silent_is_passed_by() {
    let (mut net, outcome) = race(&[SIX, FOUR]);
    let six = asked(&mut net).remove(0);
    net.after(250);
    let four = asked(&mut net).remove(0);
    assert_eq!(four.address, ip(FOUR));
    net.recv(&four, "S. 0 ack 1 <mss 1000>");
    let stream = outcome.take().unwrap().unwrap();
    assert_eq!((stream.peer().ip(), net.count()), (ip(FOUR), 1));
    // Its answer comes late, and it hears that nobody is there.
    asked(&mut net);
    net.recv(&six, "S. 0 ack 1 <mss 1000>");
    assert_eq!((addresses(&mut net), net.count()), (vec![SIX.to_owned()], 1));
    net.after(10_000);
    assert!(addresses(&mut net).is_empty());
}

#[test]
fn an_address_that_refuses_makes_way_at_once() {
    let (mut net, outcome) = race(&[SIX, FOUR]);
    let six = asked(&mut net).remove(0);
    net.after(10);
    net.recv(&six, "R. 0 ack 1");
    let four = asked(&mut net).remove(0);
    assert_eq!(four.address, ip(FOUR));
    net.recv(&four, "S. 0 ack 1 <mss 1000>");
    assert!(outcome.take().unwrap().is_ok());
}

/// The families take turns, a quarter of a second from one attempt to the next.
#[test]
fn all_addresses_have_a_turn() {
    let all = &["fd00::1", "fd00::3", "10.0.0.1", "10.0.0.3"];
    let (mut net, outcome) = race(all);
    let mut order = addresses(&mut net);
    for _ in 0..3 {
        net.after(249);
        assert!(addresses(&mut net).is_empty());
        net.after(1);
        order.extend(addresses(&mut net));
    }
    assert_eq!(order, ["fd00::1", "10.0.0.1", "fd00::3", "10.0.0.3"]);
    assert!(outcome.take().is_none());
}

/// No more than four are under way, however many addresses a host has.
#[test]
fn a_fifth_attempt_waits_until_another_has_failed() {
    let all = &["10.0.0.1", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"];
    let (mut net, outcome) = race(all);
    let first = asked(&mut net).remove(0);
    net.after(900);
    assert_eq!((asked(&mut net).len(), net.count()), (3, 4));
    net.error(&first, 0, Problem::PortUnreachable);
    let fifth = asked(&mut net).remove(0);
    assert_eq!((fifth.address, net.count()), (ip("10.0.0.6"), 4));
    net.recv(&fifth, "S. 0 ack 1 <mss 1000>");
    assert_eq!((outcome.take().unwrap().is_ok(), net.count()), (true, 1));
}

#[test]
fn if_all_fail_the_first_error_is_told() {
    let (mut net, outcome) = race(&[SIX, FOUR]);
    let six = asked(&mut net).remove(0);
    net.recv(&six, "R. 0 ack 1");
    let four = asked(&mut net).remove(0);
    net.error(&four, 0, Problem::PortUnreachable);
    assert_eq!(outcome.take().unwrap().err(), Some(ConnectError::Broken(Broken::Refused)));
    assert_eq!(net.count(), 0);
    let (_, outcome) = race(&[]);
    assert_eq!(outcome.take().unwrap().err(), Some(ConnectError::NoAddress));
}

/// A host without an address of the other family does not wait for it.
#[test]
fn a_family_without_a_route_costs_no_time() {
    let mut net = Net::with_network(FakeNetwork::new([ip("10.0.0.2")]), 512);
    let connections = net.connections();
    let outcome = net.spawn(async move { connections.connect_any(&[ip(SIX), ip(FOUR)], 80).await });
    let four = asked(&mut net).remove(0);
    net.recv(&four, "S. 0 ack 1 <mss 1000>");
    assert!(outcome.take().unwrap().is_ok());
}
