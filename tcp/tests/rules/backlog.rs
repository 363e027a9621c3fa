//! Many connections that are not yet open: the backlog, and cookies (RFC 4987).

use crate::{
    host::{Net, Peer},
    listening::{bind, listening},
};

/// How many SYNs are kept at once.
const BACKLOG: u16 = 128;

/// Fills the backlog with SYNs of peers that never answer.
fn flood(net: &mut Net) {
    for port in 0..BACKLOG {
        net.recv(&Peer::new(10_000 + port), "S 0 <mss 1000>");
    }
    assert_eq!(net.sent.len(), BACKLOG.into());
    net.sent.clear();
}

/// As many clients as like may come at once, and each is accepted when it answers.
#[test]
fn many_clients_come_at_once() {
    let mut net = listening();
    let mut peers: Vec<_> = (0..100).map(|port| Peer::new(20_000 + port)).collect();
    for peer in &peers {
        net.recv(peer, "S 0 <mss 1000>");
    }
    assert_eq!(net.sent.len(), 100);
    for peer in &mut peers {
        assert_eq!(net.take(peer).len(), 1);
    }
    for peer in peers.iter().rev() {
        net.recv(peer, ". 1 ack 1");
    }
    assert_eq!((net.count(), net.counter("accepted")), (100, 100));
    for peer in &mut peers {
        net.recv(peer, "P. 1:11 ack 1");
        net.sends(peer, [". 1 ack 11"]);
    }
}

/// RFC 4987 3.6: when the backlog is full, a SYN is answered with a cookie, and a client that answers is served at once; none is
/// reset.
#[test]
fn beyond_the_backlog_a_cookie_is_the_answer() {
    let mut net = listening();
    flood(&mut net);
    for port in 0..50 {
        let mut peer = Peer::new(30_000 + port);
        net.recv(&peer, "S 0 <mss 1460,sackOK,TS 7 0,wscale 5>");
        net.sends(&mut peer, ["S. 0 ack 1 win 65535 <mss 1460,sackOK,wscale 2>"]);
        net.after(15);
        net.recv(&peer, "P. 1:11 ack 1 <TS 8 0>");
        net.sends(&mut peer, [". 1 ack 11"]);
    }
    assert_eq!((net.counter("cookies_tx"), net.counter("cookies_rx"), net.count()), (50, 50, 50));
}

/// Without timestamps, a cookie keeps only the MSS, so nothing else is granted.
#[test]
fn a_cookie_without_timestamps_keeps_the_size() {
    let mut net = listening();
    flood(&mut net);
    let mut peer = Peer::new(30_000);
    net.recv(&peer, "S 0 <mss 1000,sackOK,wscale 5>");
    net.sends(&mut peer, ["S. 0 ack 1 win 65535 <mss 1460>"]);
    net.recv(&peer, ". 1 ack 1");
    assert_eq!(net.count(), 1);
    // The window is not shifted.
    net.recv(&peer, "P. 1:101 ack 1");
    net.sends(&mut peer, [". 1 ack 101 win 65435"]);
}

/// A cookie is good for a minute or two, for this client, and as long as it was not altered.
#[test]
fn a_cookie_that_is_not_good_is_told_by_a_reset() {
    let mut net = listening();
    flood(&mut net);
    let mut peer = Peer::new(30_000);
    net.recv(&peer, "S 0 <mss 1460>");
    net.sends(&mut peer, ["S. 0 ack 1 <mss 1460>"]);
    for (text, answer) in [(". 1 ack 2", "R 2"), (". 2 ack 1", "R 1"), (". 1 ack 5000", "R 5000")] {
        net.recv(&peer, text);
        net.sends(&mut peer, [answer]);
    }
    let mut other = Peer { ours: peer.ours, ..Peer::new(30_001) };
    net.recv(&other, ". 1 ack 1");
    net.sends(&mut other, ["R 1"]);
    net.after(121_000);
    net.sent.clear();
    net.recv(&peer, ". 1 ack 1");
    net.sends(&mut peer, ["R 1"]);
    assert_eq!((net.count(), net.counter("cookies_rx")), (0, 0));
}

/// As long as no cookie was sent, none is looked for: nobody can guess one.
#[test]
fn without_cookies_no_acknowledgment_opens_anything() {
    let mut net = listening();
    flood(&mut net);
    let mut peer = Peer::new(30_000);
    net.recv(&peer, "S 0 <mss 1460>");
    net.sends(&mut peer, ["S. 0 ack 1 <mss 1460>"]);
    // The same secret, and no cookie of it was sent.
    let mut quiet = listening();
    quiet.recv(&peer, ". 1 ack 1");
    quiet.sends(&mut peer, ["R 1"]);
    net.recv(&peer, ". 1 ack 1");
    assert_eq!((quiet.count(), net.count()), (0, 1));
}

/// A backlog that is full empties: those who never answer are forgotten after a minute.
#[test]
fn the_backlog_empties() {
    let mut net = listening();
    flood(&mut net);
    net.after(63_000);
    assert_eq!(net.counter("half_open_expired"), u64::from(BACKLOG));
    net.sent.clear();
    let mut peer = Peer::new(30_000);
    net.open(&mut peer);
    assert_eq!(net.counter("cookies_tx"), 0);
}

/// When there are as many connections as there may be, SYNs are not reset: the client asks again, and
/// is served when there is room.
#[test]
fn without_room_a_client_asks_again() {
    let mut net = Net::with_pages(64);
    bind(&mut net, 80);
    let mut peers = Vec::new();
    loop {
        let mut peer = Peer::new(20_000 + peers.len() as u16);
        net.recv(&peer, "S 0 <mss 1000>");
        if net.take(&mut peer).is_empty() {
            break;
        }
        net.recv(&peer, ". 1 ack 1");
        if net.count() == peers.len() {
            // There was no memory for its task: it is told nothing, and is kept.
            net.silent();
            break;
        }
        peers.push(peer);
        assert!(peers.len() < 100);
    }
    assert!(peers.len() >= 10 && net.counter("no_room") >= 1, "{}", peers.len());
    net.silent();
    // One ends.
    let peer = &mut peers[0];
    net.recv(peer, "F. 1 ack 1");
    net.sends(peer, ["F. 1 ack 2"]);
    net.recv(peer, ". 2 ack 2");
    let mut late = Peer::new(30_000);
    net.open(&mut late);
    net.recv(&late, "P. 1:11 ack 1");
    net.sends(&mut late, [". 1 ack 11"]);
}

/// After any number of connections everything is as before.
#[test]
fn connections_leave_nothing_behind() {
    let mut net = listening();
    let free = |net: &Net| net.tasks.pool().free_pages();
    let mut before = None;
    for round in 0..10_000_u32 {
        let mut peer = Peer::new(1024 + round as u16);
        peer.peer.seq = tcp::Seq(round.wrapping_mul(0x0101_0101));
        net.recv(&peer, "S 0 <mss 1000>");
        net.take(&mut peer);
        net.recv(&peer, "P. 1:101 ack 1");
        match round % 3 {
            0 => net.recv(&peer, "R 101"),
            1 => {
                net.recv(&peer, "F. 101 ack 1");
                net.recv(&peer, ". 102 ack 2");
            }
            _ => {
                net.recv(&peer, "FP. 101:201 ack 1");
                net.recv(&peer, ". 202 ack 2");
            }
        }
        net.take(&mut peer);
        net.silent();
        assert_eq!(net.count(), 0, "{round}");
        if round == 1_000 {
            before = Some(free(&net));
        }
    }
    assert_eq!(Some(free(&net)), before);
    assert_eq!(net.counter("accepted"), 10_000);
}
