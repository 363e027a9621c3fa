//! What comes between a SYN and the acknowledgment of our answer: SYN-RECEIVED of a port that listens.

use crate::{
    host::{Net, Peer},
    listening::listening,
};

/// A peer that has sent a SYN with this option, which was answered.
fn answered(options: &str) -> (Net, Peer) {
    let (mut net, mut peer) = (listening(), Peer::new(5000));
    net.recv(&peer, &format!("S 0 <mss 1000{options}>"));
    assert_eq!(net.take(&mut peer).len(), 1);
    (net, peer)
}

/// RFC 5961 3.2, 4.2: a challenge has the window of the connection, shifted if that was agreed on. A peer that has the connection
/// already would send nothing into a window of 0.
#[test]
fn a_challenge_has_the_window() {
    for (options, window) in [("", 65_535), (",wscale 0", 65_535 >> 2)] {
        for segment in ["S 100", "R 100", "R 0:11", ". 0 ack 1", "P. 100000000:100000010 ack 1"] {
            let (mut net, mut peer) = answered(options);
            net.recv(&peer, segment);
            net.sends(&mut peer, [&format!(". 1 ack 1 win {window}")]);
        }
    }
}

/// RFC 9293 3.4: data that begins before the window and ends in it opens the connection.
#[test]
fn data_that_overlaps_the_syn_is_taken() {
    let (mut net, mut peer) = answered("");
    net.recv(&peer, "P. 0:11 ack 1");
    net.sends(&mut peer, [". 1 ack 11"]);
    assert_eq!(net.counter("accepted"), 1);
    // What ends where the window begins does not.
    let (mut net, mut peer) = answered("");
    net.recv(&peer, "P. -10:1 ack 1");
    net.sends(&mut peer, [". 1 ack 1"]);
    assert_eq!(net.counter("accepted"), 0);
}

/// There are hosts whose SYN has a timestamp of 0, and whose clock is anything (Linux has an exception for them, too).
#[test]
fn a_timestamp_of_0_in_a_syn_is_no_time() {
    // The timestamps of the test begin 256 before 0.
    let (mut net, mut peer) = answered(",TS 256 0");
    net.recv(&peer, ". 1 ack 1 <TS -1000000000 0>");
    net.silent();
    assert_eq!(net.counter("accepted"), 1);
    net.recv(&peer, "P. 1:11 ack 1 <TS -1000000000 0>");
    net.sends(&mut peer, [". 1 ack 11"]);
    // From then on there is one.
    net.recv(&peer, "P. 11:21 ack 1 <TS -1000000001 0>");
    net.sends(&mut peer, [". 1 ack 11"]);
    // If the acknowledgment is lost, the first data opens the connection.
    let (mut net, mut peer) = answered(",TS 256 0");
    net.recv(&peer, "P. 1:11 ack 1 <TS -1000000000 0>");
    net.sends(&mut peer, [". 1 ack 11"]);
}
