//! Handshakes, backlogs, and ports that are used again.

use std::time::Duration;

use tcp::Flags;

use super::replying;
use crate::{
    host::{Net, Peer},
    listening::{bind, listening},
};

/// One listening socket took one connection, and the next client was reset.
#[test]
fn smoltcp_1120_1133_clients_that_come_together_are_all_served() {
    let mut net = Net::with_pages(2048);
    bind(&mut net, 80);
    let mut peers: Vec<_> = (0..400).map(|port| Peer::new(20_000 + port)).collect();
    for peer in &peers {
        net.recv(peer, "S 0 <mss 1460,sackOK,TS 1 0,wscale 7>");
    }
    for peer in &mut peers {
        let sent = net.take(peer);
        assert!(sent[0].segment.flags.contains(Flags::SYN));
        let stamp = sent[0].segment.options.timestamps.unwrap().value - peer.ours.unwrap().clock;
        net.recv(peer, &format!("P. 1:11 ack 1 <TS 2 {stamp}>"));
        assert_eq!(net.take(peer).len(), 1);
    }
    assert_eq!((net.counter("accepted"), net.counter("resets_tx")), (400, 0));
    assert!(net.counter("cookies_rx") > 200);
}

/// After a while, SYNs were not answered.
#[test]
fn mirage_tcpip_470_syns_are_answered_whatever_came_before() {
    let mut net = listening();
    for round in 0..3_000_u32 {
        let mut peer = Peer::new(1024 + round as u16);
        net.recv(&peer, "S 0 <mss 1000>");
        let sent = net.take(&mut peer);
        assert_eq!(sent.len(), 1, "{round}");
        assert!(sent[0].segment.flags.contains(Flags::SYN.with(Flags::ACK)), "{round}");
        // Most of them never answer; some give up.
        if round % 5 == 0 {
            net.recv(&peer, "R 1");
        }
        net.after(10);
        net.sent.clear();
    }
    let mut peer = Peer::new(60_000);
    net.open(&mut peer);
}

/// A lost SYN-ACK was never sent again.
#[test]
fn includeos_542_a_lost_answer_is_sent_again() {
    let (mut net, mut peer) = (listening(), Peer::new(5000));
    net.recv(&peer, "S 0 <mss 1000>");
    net.sends(&mut peer, ["S. 0 ack 1 <mss 1460>"]);
    net.after(1_000);
    net.sends(&mut peer, ["S. 0 ack 1 <mss 1460>"]);
    net.recv(&peer, ". 1 ack 1");
    assert_eq!(net.count(), 1);
}

/// The service was not started for some connections.
#[test]
fn unikraft_736_each_connection_starts_its_service() {
    let mut net = Net::with_pages(2048);
    net.host
        .tower
        .bind(80, async |stream, _| {
            // Without a byte of the peer, and while others wait.
            stream.send(b"hello").await?;
            stream.sleep(Duration::from_secs(3600)).await;
            Ok(())
        })
        .unwrap();
    for port in 0..200 {
        let mut peer = Peer::new(10_000 + port);
        net.recv(&peer, "S 0 <mss 1000>");
        net.take(&mut peer);
        net.recv(&peer, ". 1 ack 1");
        let sent: usize = net.take(&mut peer).iter().map(|sent| sent.segment.data.len()).sum();
        assert_eq!(sent, 5, "{port}");
        net.recv(&peer, ". 1 ack 6");
    }
    assert_eq!(net.count(), 200);
}

/// With all ports of a client in TIME-WAIT, its next SYNs were dropped.
#[test]
fn lib_lwip_74_ports_in_time_wait_are_used_at_once() {
    let mut net = replying();
    for round in 0..20 {
        for port in 0..50 {
            let mut peer = Peer::new(10_000 + port);
            peer.peer.seq += 100_000 * round;
            let stamp = 100 + round;
            net.recv(&peer, &format!("S 0 <mss 1000,TS {stamp} 0>"));
            assert_eq!(net.take(&mut peer).len(), 1, "{round} {port}");
            net.recv(&peer, &format!("P. 1:11 ack 1 <TS {stamp} 0>"));
            net.take(&mut peer);
            net.recv(&peer, &format!("F. 11 ack 3002 <TS {stamp} 0>"));
            net.sends(&mut peer, [". 3002 ack 12"]);
        }
    }
    assert_eq!(net.counter("accepted"), 1_000);
}

/// A port could not be bound again while connections of before were there.
#[test]
fn lib_lwip_31_a_port_is_bound_again_at_once() {
    let mut net = replying();
    let mut waiting = Peer::new(5000);
    net.open(&mut waiting);
    net.recv(&waiting, "P. 1:11 ack 1");
    net.take(&mut waiting);
    net.recv(&waiting, "F. 11 ack 3002");
    net.take(&mut waiting);
    let mut open = Peer::new(5001);
    net.open(&mut open);
    assert!(net.host.tower.unbind(80));
    bind(&mut net, 80);
    let mut next = Peer::new(5002);
    net.open(&mut next);
    // The open one is still that of the service before.
    net.recv(&open, "P. 1:11 ack 1");
    let sent: usize = net.take(&mut open).iter().map(|sent| sent.segment.data.len()).sum();
    assert_eq!(sent, 3_000);
}

/// Clients that came while the backlog was full were reset.
#[test]
fn osv_283_no_client_is_reset_because_there_are_many() {
    let mut net = Net::with_pages(64);
    bind(&mut net, 80);
    for port in 0..1_000 {
        let peer = Peer::new(10_000 + port);
        net.recv(&peer, "S 0 <mss 1000>");
    }
    let resets = net.sent.iter().filter(|sent| sent.segment.flags.contains(Flags::RST)).count();
    assert_eq!((resets, net.counter("resets_tx")), (0, 0));
}
