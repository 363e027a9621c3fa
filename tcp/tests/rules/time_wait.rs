//! TIME-WAIT, as the host keeps it (RFC 9293 3.6.1, RFC 6191, RFC 1337).

use tcp::Seq;

use crate::{
    host::{Net, Peer},
    listening::listening,
};

/// A connection of which we have sent the first FIN, and which is in TIME-WAIT.
fn in_time_wait(options: &str) -> (Net, Peer) {
    let mut net = Net::new();
    net.host
        .tower
        .bind(80, async |stream, _| {
            stream.shutdown();
            while stream.receive(|bytes| (bytes.len(), Some(()))).await?.is_some() {}
            Ok(())
        })
        .unwrap();
    let mut peer = Peer::new(5000);
    let stamp = if options.contains("TS") { " <TS 100 0>" } else { "" };
    net.recv(&peer, &format!("S 0 <mss 1000{options}>"));
    net.take(&mut peer);
    net.recv(&peer, &format!(". 1 ack 1{stamp}"));
    net.sends(&mut peer, ["F. 1 ack 1"]);
    net.recv(&peer, &format!("F. 1 ack 2{stamp}"));
    net.sends(&mut peer, [". 2 ack 2"]);
    assert_eq!(net.count(), 0);
    (net, peer)
}

/// MUST-13: for a minute, a FIN is acknowledged, which begins the time anew; then there is nothing.
#[test]
fn it_lasts_a_minute_after_the_last_fin() {
    let (mut net, mut peer) = in_time_wait("");
    net.after(50_000);
    net.recv(&peer, "F. 1 ack 2");
    net.sends(&mut peer, [". 2 ack 2"]);
    net.after(59_000);
    net.recv(&peer, "P. 1:11 ack 2");
    net.sends(&mut peer, [". 2 ack 2"]);
    net.after(1_001);
    net.recv(&peer, "F. 1 ack 2");
    net.sends(&mut peer, ["R 2"]);
}

/// RFC 9293 3.10.7.4: what was in the window of the old connection is acknowledged; RFC 1337: a reset does not end it.
#[test]
fn what_comes_late_is_answered_and_resets_are_ignored() {
    let (mut net, mut peer) = in_time_wait("");
    for text in ["P. 2:12 ack 2", ". 700 ack 2", "S. 0 ack 1 <mss 1000>"] {
        net.recv(&peer, text);
        net.sends(&mut peer, [". 2 ack 2"]);
    }
    for text in ["R 2", "R. 2 ack 2", "R 1", ". 2 ack 2"] {
        net.recv(&peer, text);
        net.silent();
    }
    net.recv(&peer, "F. 1 ack 2");
    net.sends(&mut peer, [". 2 ack 2"]);
}

/// MAY-2, SHLD-4; RFC 6191 2: a SYN with a later timestamp, or a later number, opens a new connection. Our numbers go on from
/// those of the old one.
#[test]
fn a_new_syn_opens_a_new_connection() {
    for (options, syn, opens) in [
        ("", "S 2 <mss 1000>", true),
        ("", "S 100000 <mss 1000>", true),
        ("", "S 1 <mss 1000>", false),
        ("", "S -5000 <mss 1000>", false),
        (",TS 99 0", "S -5000 <mss 1000,TS 101 0>", true),
        (",TS 99 0", "S 50 <mss 1000,TS 100 0>", true),
        (",TS 99 0", "S -50 <mss 1000,TS 100 0>", false),
        (",TS 99 0", "S 50 <mss 1000,TS 99 0>", false),
        (",TS 99 0", "S 50 <mss 1000>", true),
        (",TS 99 0", "S -50 <mss 1000>", false),
        ("", "S -50 <mss 1000,TS 100 0>", true),
    ] {
        let (mut net, mut peer) = in_time_wait(options);
        net.recv(&peer, syn);
        if !opens {
            net.silent();
            continue;
        }
        let [sent] = &net.take(&mut peer)[..] else { panic!("{syn}: not one answer") };
        let first = sent.segment.seq;
        assert!(sent.segment.flags.contains(tcp::Flags::SYN), "{syn}");
        // The new connection counts from its own SYN.
        let irs = syn.split_whitespace().nth(1).unwrap().parse::<i64>().unwrap();
        peer.peer.seq += irs as u32;
        let stamp = if syn.contains("TS") { " <TS 102 0>" } else { "" };
        net.recv(&peer, &format!(". 1 ack 1{stamp}"));
        assert_eq!(net.counter("accepted"), 2, "{syn}");
        net.sends(&mut peer, ["F. 1 ack 1"]);
        assert!(first != Seq(0));
    }
}

/// MAY-2 (1): even if the old connection has sent more than the clock of initial numbers counts.
#[test]
fn our_numbers_go_on_from_those_of_the_old_connection() {
    let mut peer = Peer::new(5000);
    let mut net = listening();
    let mut last = None;
    for round in 0..5 {
        peer.peer.seq += 1000;
        net.recv(&peer, "S 0 <mss 1000>");
        let sent = net.take(&mut peer);
        let iss = sent[0].segment.seq;
        if let Some(last) = last {
            assert!(iss.is_after(last), "round {round}");
        }
        net.recv(&peer, ". 1 ack 1");
        // We end it, as the service is dropped.
        net.recv(&peer, "F. 1 ack 1");
        net.recv(&peer, ". 2 ack 2");
        net.take(&mut peer);
        last = Some(iss + 2);
        net.after(1);
    }
}

/// MAY-2 (2): if the SYN was an old duplicate, TIME-WAIT goes on.
#[test]
fn an_old_duplicate_leaves_it_in_time_wait() {
    let (mut net, mut peer) = in_time_wait("");
    let old = peer.ours;
    net.recv(&peer, "S 5000 <mss 1000>");
    net.take(&mut peer);
    net.recv(&peer, "R 5001");
    net.silent();
    peer.ours = old;
    net.recv(&peer, "F. 1 ack 2");
    net.sends(&mut peer, [". 2 ack 2"]);
}

/// It takes none of the places of connections: thousands are in TIME-WAIT, and new ones are accepted.
#[test]
fn it_takes_no_place_of_a_connection() {
    let (mut net, _) = in_time_wait("");
    for port in 0..2_000 {
        let mut peer = Peer::new(10_000 + port);
        net.recv(&peer, "S 0 <mss 1000>");
        net.take(&mut peer);
        net.recv(&peer, ". 1 ack 1");
        net.recv(&peer, "F. 1 ack 2");
        net.take(&mut peer);
        assert_eq!(net.count(), 0);
    }
    assert_eq!((net.counter("accepted"), net.counter("no_room")), (2_001, 0));
}

/// The side that closes second has no TIME-WAIT: the same ports can be used at once.
#[test]
fn the_second_to_close_keeps_nothing() {
    let (mut net, mut peer) = (listening(), Peer::new(5000));
    for _ in 0..10 {
        net.recv(&peer, "S 0 <mss 1000>");
        net.take(&mut peer);
        net.recv(&peer, ". 1 ack 1");
        net.recv(&peer, "F. 1 ack 1");
        net.sends(&mut peer, ["F. 1 ack 2"]);
        net.recv(&peer, ". 2 ack 2");
        net.silent();
    }
    assert_eq!(net.counter("accepted"), 10);
}
