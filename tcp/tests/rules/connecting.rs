//! Connections that tasks open: addresses, ports, numbers (RFC 9293 3.4.1, 3.9.1.1, RFC 6056, RFC 6528), and what is not of
//! them.

use std::{
    cell::RefCell, collections::BTreeSet, future::poll_fn, net::IpAddr, pin::pin, rc::Rc,
    time::Duration,
};

use network::Problem;
use tcp::{Broken, ConnectError, Flags, State, Trouble};
use testkit::FakeNetwork;

use crate::{
    host::{Net, OURS, Peer},
    listening::bind,
};

const SYN: &str = "S 0 <mss 1460,sackOK,wscale 2>";

#[test]
fn a_task_connects() {
    let mut net = Net::new();
    let (mut peer, outcome) = net.connect();
    net.sends(&mut peer, ["S 0 win 65535 <mss 1460,sackOK,TS 0 0,wscale 2>"]);
    assert!(outcome.take().is_none());
    net.recv(&peer, "S. 0 ack 1 <mss 1000>");
    net.sends(&mut peer, [". 1 ack 1"]);
    let stream = outcome.take().unwrap().unwrap();
    assert_eq!(stream.peer(), "10.0.0.1:80".parse().unwrap());
    assert_eq!((stream.local().ip(), stream.local().port()), (OURS, peer.ports[0]));
    assert_eq!((stream.state(), net.counter("connected")), (State::Established, 1));
}

/// MUST-12, MUST-54, SHLD-26: why it was not opened.
#[test]
fn a_task_hears_why_it_is_not_connected() {
    let connect = |answer: &mut dyn FnMut(&mut Net, &mut Peer)| {
        let mut net = Net::new();
        let (mut peer, outcome) = net.connect();
        net.take(&mut peer);
        answer(&mut net, &mut peer);
        let error = outcome.take().map(|result| result.err());
        net.sent.clear();
        assert!(error.is_none() || net.count() == 0, "{error:?}");
        error
    };
    let broken = |broken| Some(Some(ConnectError::Broken(broken)));
    let refused = connect(&mut |net, peer| net.recv(peer, "R. 0 ack 1"));
    assert_eq!(refused, broken(Broken::Refused));
    let silence = connect(&mut |net, _| net.after(190_999));
    assert_eq!(silence, None);
    let silence = connect(&mut |net, _| net.after(191_000));
    assert_eq!(silence, broken(Broken::TimedOut));
    let unreachable = connect(&mut |net, peer| net.error(peer, 0, Problem::PortUnreachable));
    assert_eq!(unreachable, broken(Broken::Unreachable(Problem::PortUnreachable)));
    // Of this host's own link, which knows that nobody answers there.
    let silent = connect(&mut |net, peer| net.error(peer, 0, Problem::NeighbourSilent));
    assert_eq!(silent, broken(Broken::Unreachable(Problem::NeighbourSilent)));
    // MUST-56: a soft error ends it only if no answer comes.
    let soft = connect(&mut |net, peer| net.error(peer, 0, Problem::HostUnreachable));
    assert_eq!(soft, None);
    let soft = connect(&mut |net, peer| {
        net.error(peer, 0, Problem::HostUnreachable);
        net.after(191_000);
    });
    assert_eq!(soft, broken(Broken::Unreachable(Problem::HostUnreachable)));
    // RFC 5927: an error about something else.
    let forged = connect(&mut |net, peer| net.error(peer, 1, Problem::PortUnreachable));
    assert_eq!(forged, None);
}

/// RFC 9293 3.5.1, figures 9 and 10: the peer has a connection of an earlier life of ours, and acknowledges what that has sent. A
/// reset ends it, and the next SYN opens a new one.
#[test]
fn a_half_open_connection_is_ended() {
    let mut net = Net::new();
    let (mut peer, outcome) = net.connect();
    net.sends(&mut peer, [SYN]);
    net.recv(&peer, ". 300 ack 100");
    net.sends(&mut peer, ["R 100 win 0"]);
    net.after(1_000);
    net.sends(&mut peer, [SYN]);
    net.recv(&peer, "S. 0 ack 1 <mss 1000>");
    net.sends(&mut peer, [". 1 ack 1"]);
    assert!(outcome.take().unwrap().is_ok());
}

/// MUST-46: an address that is not one of a host.
#[test]
fn no_connection_is_opened_to_more_than_one_host() {
    let broadcast = Some("10.0.0.255".parse().unwrap());
    let network = FakeNetwork { broadcast, ..FakeNetwork::default() };
    let mut net = Net::with_network(network, 512);
    for address in [
        "10.0.0.255:80",
        "255.255.255.255:80",
        "224.0.0.1:80",
        "239.1.2.3:80",
        "0.0.0.0:80",
        "[ff02::1]:80",
        "[::]:80",
    ] {
        let peer = address.parse().unwrap();
        let outcome = net.spawn(net.connections().connect(peer));
        assert_eq!(outcome.take().unwrap().err(), Some(ConnectError::BadAddress(peer)));
    }
    let outcome = net.spawn(net.connections().connect("10.0.0.1:0".parse().unwrap()));
    assert_eq!(outcome.take().unwrap().err(), Some(ConnectError::NoPort));
    net.silent();
    assert_eq!(net.count(), 0);
}

/// No way leads there: the task hears it at once.
#[test]
fn without_a_route_nothing_is_waited_for() {
    let peer = "10.0.0.1:80".parse().unwrap();
    let network =
        FakeNetwork { unreachable: Some("10.0.0.1".parse().unwrap()), ..FakeNetwork::default() };
    let mut net = Net::with_network(network, 512);
    let outcome = net.spawn(net.connections().connect(peer));
    assert_eq!(outcome.take().unwrap().err(), Some(ConnectError::NoRoute(peer)));
    // We have no address of this family.
    let peer = "[fd00::1]:80".parse().unwrap();
    let mut net = Net::new();
    let outcome = net.spawn(net.connections().connect(peer));
    assert_eq!(outcome.take().unwrap().err(), Some(ConnectError::NoRoute(peer)));
    assert_eq!(net.count(), 0);
}

/// MUST-43, MUST-44, MUST-45: the application chooses our address, or the network does; it stays.
#[test]
fn our_address_is_chosen_by_the_application_or_the_network() {
    let other: IpAddr = "10.0.0.3".parse().unwrap();
    let peer = "10.0.0.1:80".parse().unwrap();
    for (source, expected) in [(None, OURS), (Some(other), other), (Some(OURS), OURS)] {
        let mut net = Net::with_network(FakeNetwork::new([OURS, other]), 512);
        let connections = net.connections();
        let outcome = match source {
            None => net.spawn(connections.connect(peer)),
            Some(source) => net.spawn(connections.connect_from(source, peer)),
        };
        net.after(3_000);
        assert_eq!(net.sent.len(), 3);
        assert!(net.sent.drain(..).all(|sent| sent.outgoing.source == Some(expected)));
        assert!(outcome.take().is_none());
    }
    let mut net = Net::new();
    let connections = net.connections();
    let outcome = net.spawn(connections.connect_from("10.0.0.9".parse().unwrap(), peer));
    assert_eq!(outcome.take().unwrap().err(), Some(ConnectError::NoRoute(peer)));
}

/// RFC 6056 3.3: ports of connections to one peer are all different, cannot be guessed, and are none of a service.
#[test]
fn ports_cannot_be_guessed() {
    let ports = |seed| {
        let mut net = Net::with_seed(seed);
        bind(&mut net, 50_000);
        let mut ports = Vec::new();
        for _ in 0..100 {
            let (peer, _) = net.connect();
            ports.push(peer.ports[0]);
            net.sent.clear();
        }
        ports
    };
    let (one, other) = (ports(1), ports(2));
    assert_eq!(one.iter().collect::<BTreeSet<_>>().len(), 100);
    assert!(one.iter().all(|&port| port >= 1024 && port != 50_000));
    assert_ne!(one[0], other[0]);
}

/// RFC 6056 3.3.3: where ports begin differs from peer to peer, so that one peer does not learn those of another.
#[test]
fn ports_begin_elsewhere_for_each_peer() {
    let mut net = Net::new();
    let mut ports = BTreeSet::new();
    for host in 1..=40 {
        let peer = format!("10.0.1.{host}:80").parse().unwrap();
        net.spawn(net.connections().connect(peer));
        let sent = net.sent.pop().unwrap();
        // What is common to all is the count of connections.
        ports.insert(sent.segment.ports[0] / 512);
    }
    assert!(ports.len() > 10, "{ports:?}");
}

/// When one port after the other was used, they begin anew; none in TIME-WAIT is taken.
#[test]
fn ports_are_used_again() {
    let mut net = Net::new();
    for round in 0..70_000 {
        let (mut peer, outcome) = net.connect();
        peer.peer.seq += round;
        net.take(&mut peer);
        net.recv(&peer, "S. 0 ack 1 <mss 1000>");
        let stream = outcome.take().unwrap().unwrap();
        drop(stream);
        net.turn();
        net.recv(&peer, "R 1");
        net.sent.clear();
        assert_eq!(net.count(), 0, "{round}");
    }
    assert_eq!(net.counter("connected"), 70_000);
}

/// MUST-8, MUST-9, SHLD-1; RFC 6528 3: initial numbers follow a clock, for each pair of ends from where nobody else can tell.
#[test]
fn initial_numbers_follow_a_clock_and_a_secret() {
    let first = |seed: u128, port: u16, millis: u64| {
        let mut net = Net::with_seed(seed);
        bind(&mut net, 80);
        net.after(millis);
        net.recv(&Peer::new(port), "S 0 <mss 1000>");
        net.sent[0].segment.seq
    };
    // 250 in a millisecond.
    assert_eq!(first(1, 5000, 40) - first(1, 5000, 0), 10_000);
    let distance = |one: tcp::Seq, other: tcp::Seq| one.distance(other).unsigned_abs();
    assert!(distance(first(1, 5000, 0), first(1, 5001, 0)) > 100_000);
    assert!(distance(first(1, 5000, 0), first(2, 5000, 0)) > 100_000);
}

/// MUST-42: a port can be bound while a connection has it, of whichever state; MUST-41: the connection does not notice.
#[test]
fn a_port_is_bound_beside_connections_that_have_it() {
    let mut net = Net::new();
    let (mut peer, outcome) = net.connect();
    let port = peer.ports[0];
    net.take(&mut peer);
    bind(&mut net, port);
    let mut other = Peer { ports: [port, 6000], ..Peer::new(6000) };
    net.open(&mut other);
    net.recv(&peer, "S. 0 ack 1 <mss 1000>");
    net.sends(&mut peer, [". 1 ack 1"]);
    assert!(outcome.take().unwrap().is_ok());
    assert_eq!(net.count(), 2);
    // Once only.
    let again = net.host.tower.bind(port, async |_, _| Ok(()));
    assert_eq!(again, Err(tcp::BindError::InUse(port)));
}

/// MUST-10: both open at once, and each has a service at the port.
#[test]
fn both_open_at_once() {
    let mut net = Net::new();
    let (mut peer, outcome) = net.connect();
    bind(&mut net, peer.ports[0]);
    net.sends(&mut peer, [SYN]);
    net.recv(&peer, "S 0 <mss 1000>");
    net.sends(&mut peer, ["S. 0 ack 1 <mss 1460>"]);
    assert!(outcome.take().is_none());
    net.recv(&peer, ". 1 ack 1");
    assert!(outcome.take().unwrap().is_ok());
    assert_eq!((net.count(), net.counter("accepted"), net.counter("connected")), (1, 0, 1));
}

/// MUST-15: over IPv6 a peer that says nothing takes 1,220 bytes.
#[test]
fn the_default_size_over_ipv6() {
    let (ours, theirs): (IpAddr, IpAddr) = ("fd00::2".parse().unwrap(), "fd00::1".parse().unwrap());
    let mut net = Net::with_network(FakeNetwork::new([ours]), 512);
    let outcome = net.spawn(net.connections().connect("[fd00::1]:80".parse().unwrap()));
    let port = net.sent[0].segment.ports[0];
    let mut peer = Peer { address: theirs, host: ours, ports: [port, 80], ..Peer::new(0) };
    net.sends(&mut peer, ["S 0 <mss 1440,sackOK,wscale 2>"]);
    net.recv(&peer, "S. 0 ack 1");
    net.take(&mut peer);
    let stream = outcome.take().unwrap().unwrap();
    let sent = net.spawn(async move {
        stream.send(&[7; 5_000][..]).await.unwrap();
        stream.acknowledged().await
    });
    let longest = net.take(&mut peer).iter().map(|sent| sent.segment.data.len()).max();
    assert_eq!(longest, Some(1_220));
    drop(sent);
}

/// A task that gives up leaves nothing, and whoever answers late hears a reset.
#[test]
fn a_task_that_gives_up_leaves_nothing() {
    let mut net = Net::new();
    let connections = net.connections();
    let gives_up = async move {
        let mut connect = pin!(connections.connect("10.0.0.1:80".parse().unwrap()));
        let mut sleep = pin!(connections.tasks().sleep(Duration::from_millis(50)));
        poll_fn(|context| {
            let _ = connect.as_mut().poll(context);
            sleep.as_mut().poll(context)
        })
        .await;
    };
    net.spawn(gives_up);
    let port = net.sent[0].segment.ports[0];
    let mut peer = Peer { ports: [port, 80], ..Peer::new(0) };
    net.sends(&mut peer, [SYN]);
    net.after(60);
    assert_eq!(net.count(), 0);
    net.recv(&peer, "S. 0 ack 1 <mss 1000>");
    net.sends(&mut peer, ["R 1"]);
    net.after(5_000);
    net.silent();
}

/// MUST-47, SHLD-9, MUST-32: a task that waits is polled when there is trouble, or urgent data.
#[test]
fn a_task_that_waits_hears_of_trouble_and_of_urgent_data() {
    let mut net = Net::new();
    let (mut peer, outcome) = net.connect();
    net.take(&mut peer);
    net.recv(&peer, "S. 0 ack 1 <mss 1000>");
    net.take(&mut peer);
    let stream = Rc::new(outcome.take().unwrap().unwrap());
    let heard = Rc::new(RefCell::new(Vec::new()));
    let (reader, list) = (stream.clone(), heard.clone());
    net.spawn(async move {
        let mut read = pin!(reader.receive(|_| (0, None::<()>)));
        poll_fn(|context| {
            list.borrow_mut().push((reader.urgent(), reader.trouble()));
            read.as_mut().poll(context).map(|_| ())
        })
        .await;
    });
    heard.borrow_mut().clear();
    net.recv(&peer, "U. 1 ack 1 urg 100");
    assert_eq!(heard.borrow_mut().drain(..).collect::<Vec<_>>(), [(100, None)]);
    let writer = stream.clone();
    net.spawn(async move { writer.send(b"hello").await });
    net.error(&peer, 1, Problem::HostUnreachable);
    let trouble = Some(Trouble::Error(Problem::HostUnreachable));
    assert_eq!(heard.borrow_mut().drain(..).collect::<Vec<_>>(), [(100, trouble)]);
    net.recv(&peer, ". 1 ack 1");
    net.after(10_000);
    assert_eq!(heard.borrow().last(), Some(&(100, Some(Trouble::Unanswered))));
    net.recv(&peer, ". 1 ack 6");
    assert_eq!(stream.trouble(), None);
    net.sent.clear();
    stream.abort();
    net.turn();
}

/// MUST-48, MUST-49, SHLD-21, SHLD-22: the application chooses the differentiated services field and the time to live of each
/// segment of its connection.
#[test]
fn the_application_chooses_service_and_time_to_live() {
    let mut net = Net::new();
    let (mut peer, outcome) = net.connect();
    let first = net.take(&mut peer);
    assert_eq!((first[0].outgoing.tos, first[0].outgoing.ttl), (0, None));
    net.recv(&peer, "S. 0 ack 1 <mss 1000>");
    net.take(&mut peer);
    let stream = outcome.take().unwrap().unwrap();
    // The lower two bits are those of ECN.
    for (tos, ttl, expected) in [(0xb8, Some(3), 0xb8), (0x23, None, 0x20)] {
        stream.set_tos(tos);
        stream.set_ttl(ttl);
        net.recv(&peer, ". 0:1 ack 1");
        let sent = net.take(&mut peer);
        assert_eq!((sent[0].outgoing.tos, sent[0].outgoing.ttl), (expected, ttl));
    }
    stream.abort();
    net.turn();
    let sent = net.take(&mut peer);
    assert!(sent[0].segment.flags.contains(Flags::RST) && sent[0].outgoing.tos == 0x20);
}
