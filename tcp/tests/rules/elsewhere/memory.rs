//! Connections that were left behind.

use super::{free_pages, replying};
use crate::{
    host::{Net, Peer},
    listening::listening,
};

/// After 65,535 connections no more were accepted.
#[test]
fn mirage_tcpip_462_more_connections_than_there_are_ports() {
    let mut net = listening();
    for round in 0..66_000_u32 {
        let mut peer = Peer::new(1024 + (round % 64_000) as u16);
        peer.peer.seq += 7 * round;
        net.recv(&peer, "S 0 <mss 1000>");
        net.take(&mut peer);
        net.recv(&peer, ". 1 ack 1");
        net.recv(&peer, "R 1");
    }
    assert_eq!((net.counter("accepted"), net.count()), (66_000, 0));
}

/// Connections that were begun and not finished were never forgotten.
#[test]
fn mirage_tcpip_499_connections_that_are_not_finished_are_forgotten() {
    let mut net = listening();
    let before = free_pages(&net);
    for port in 0..500 {
        let peer = Peer::new(10_000 + port);
        net.recv(&peer, "S 0 <mss 1000>");
        net.after(5);
    }
    let mut ours = Vec::new();
    for _ in 0..20 {
        ours.push(net.connect().1);
    }
    net.after(250_000);
    net.sent.clear();
    assert!(ours.iter().all(|outcome| outcome.take().is_some_and(|result| result.is_err())));
    assert_eq!(net.count(), 0);
    // What is kept for the next ones is a few pages at most.
    assert!(free_pages(&net) + 8 >= before, "{} of {before}", free_pages(&net));
    let mut peer = Peer::new(5000);
    net.open(&mut peer);
}

/// A simultaneous close left the connection behind.
#[test]
fn mirage_tcpip_489_a_simultaneous_close_leaves_nothing() {
    let mut net = Net::new();
    net.host
        .tower
        .bind(80, async |stream, _| {
            stream.shutdown();
            while stream.receive(|bytes| (bytes.len(), Some(()))).await?.is_some() {}
            Ok(())
        })
        .unwrap();
    let mut before = None;
    for round in 0..300 {
        let mut peer = Peer::new(10_000 + round);
        net.recv(&peer, "S 0 <mss 1000>");
        net.take(&mut peer);
        net.recv(&peer, ". 1 ack 1");
        net.sends(&mut peer, ["F. 1 ack 1"]);
        // Before it has ours, the peer sends its own.
        net.recv(&peer, "F. 1 ack 1");
        net.sends(&mut peer, [". 2 ack 2"]);
        net.recv(&peer, ". 2 ack 2");
        net.silent();
        assert_eq!(net.count(), 0, "{round}");
        if round == 100 {
            before = Some(free_pages(&net));
        }
    }
    assert_eq!(Some(free_pages(&net)), before);
}

/// A buffer was lost with each connection of HTTP.
#[test]
fn includeos_272_a_request_leaves_nothing() {
    let mut net = replying();
    let mut before = None;
    for round in 0..600 {
        let mut peer = Peer::new(10_000 + round);
        net.open(&mut peer);
        net.recv(&peer, "P. 1:11 ack 1");
        let sent: usize = net.take(&mut peer).iter().map(|sent| sent.segment.data.len()).sum();
        assert_eq!(sent, 3_000);
        match round % 3 {
            0 => {
                net.recv(&peer, "F. 11 ack 3002");
                net.sends(&mut peer, [". 3002 ack 12"]);
            }
            1 => net.recv(&peer, "R 11"),
            // It wants more than there is, and is reset.
            _ => {
                net.recv(&peer, "P. 11:21 ack 3002");
                net.sends(&mut peer, ["R. 3002 ack 11"]);
            }
        }
        assert_eq!(net.count(), 0, "{round}");
        if round == 100 {
            before = Some(free_pages(&net));
        }
    }
    assert_eq!(Some(free_pages(&net)), before);
}
