//! Segments that come together, before what they cause is sent.

use crate::{
    host::{Net, Peer},
    listening::listening,
};

/// A connection with SACK, on which 1,000 bytes were received and acknowledged.
fn connected() -> (Net, Peer) {
    let (mut net, mut peer) = (listening(), Peer::new(5000));
    net.recv(&peer, "S 0 <mss 1000,sackOK>");
    net.sends(&mut peer, ["S. 0 ack 1 <mss 1460,sackOK>"]);
    net.recv(&peer, ". 1 ack 1");
    net.recv_all(&peer, &[". 1:501 ack 1", ". 501:1001 ack 1"]);
    net.sends(&mut peer, [". 1 ack 1001"]);
    (net, peer)
}

/// RFC 9293 3.8.6.3: those in order have one acknowledgment.
#[test]
fn what_comes_in_order_is_acknowledged_together() {
    let (mut net, mut peer) = connected();
    net.recv_all(&peer, &[". 1001:1501 ack 1", ". 1501:2001 ack 1", ". 2001:2501 ack 1"]);
    net.sends(&mut peer, [". 1 ack 2501"]);
}

/// RFC 2883 4: an acknowledgment reports one piece that came twice. A sender that hears of each knows that all that it took for
/// lost was only late, and sends as fast as before.
#[test]
fn each_piece_that_came_twice_is_reported() {
    let (mut net, mut peer) = connected();
    net.recv_all(
        &peer,
        &[". 1:501 ack 1", ". 501:1001 ack 1", ". 1001:1501 ack 1", ". 1001:1501 ack 1"],
    );
    net.sends(
        &mut peer,
        [
            ". 1 ack 1001 <sack 1:501>",
            ". 1 ack 1001 <sack 501:1001>",
            ". 1 ack 1501 <sack 1001:1501>",
        ],
    );
}

/// Without SACK there is nothing to report it with.
#[test]
fn a_peer_without_sack_hears_of_all_together() {
    let (mut net, mut peer) = (listening(), Peer::new(5000));
    net.recv(&peer, "S 0 <mss 1000>");
    net.sends(&mut peer, ["S. 0 ack 1 <mss 1460>"]);
    net.recv(&peer, ". 1 ack 1");
    net.recv_all(
        &peer,
        &[". 1:501 ack 1", ". 501:1001 ack 1", ". 1:501 ack 1", ". 501:1001 ack 1"],
    );
    net.sends(&mut peer, [". 1 ack 1001"]);
}

/// Data that is older than a window is no peer's: with any number a stranger would have an acknowledgment for each segment.
#[test]
fn what_is_older_than_a_window_is_worth_one_answer_for_many() {
    let (mut net, mut peer) = connected();
    let old = ["P. -20000001:-20000000 ack 1"; 8];
    net.recv_all(&peer, &old);
    assert_eq!(net.take(&mut peer).len(), 1);
    let recent = ["P. 1:501 ack 1"; 8];
    net.recv_all(&peer, &recent);
    assert_eq!(net.take(&mut peer).len(), 8);
}
