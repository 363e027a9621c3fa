//! ICMP errors about the length of packets, through the layer (RFC 1191, RFC 5927).

use network::Problem;
use tcp::Stream;

use crate::host::{Net, Peer};

/// A connection that has sent 4,380 bytes in segments of 1,460, which are not acknowledged.
fn sending() -> (Net, Peer, Stream) {
    let mut net = Net::new();
    let (mut peer, outcome) = net.connect();
    net.take(&mut peer);
    net.recv(&peer, "S. 0 ack 1 <mss 1460>");
    net.take(&mut peer);
    let stream = outcome.take().unwrap().unwrap();
    let sent = net.spawn(async move {
        stream.send(&peer.our_bytes(1, 4_380)[..]).await.unwrap();
        stream
    });
    let stream = sent.take().unwrap();
    net.sends(&mut peer, [". 1:1461 ack 1", ". 1461:2921 ack 1", "P. 2921:4381 ack 1"]);
    (net, peer, stream)
}

fn lower(net: &mut Net, mtu: usize) {
    net.host.tower.network_mut().path_mtu = mtu;
}

/// RFC 1191 6.5, RFC 5927 4.1: the path is told, and what is lost is sent again in smaller segments, at once.
#[test]
fn an_error_about_what_is_on_its_way_lowers_the_path() {
    let (mut net, mut peer, stream) = sending();
    lower(&mut net, 1_000);
    net.error(&peer, 1, Problem::TooBig(1_000));
    assert_eq!(net.host.tower.network_mut().too_big, [(peer.address, 1_000)]);
    let sent = net.take(&mut peer);
    assert!(!sent.is_empty() && sent.iter().all(|sent| sent.segment.data.len() <= 960));
    assert_eq!(sent[0].segment.seq, peer.ours.unwrap().seq + 1);
    stream.abort();
    net.turn();
}

/// RFC 5927 4.1, 7: anybody can forge one that quotes something else.
#[test]
fn an_error_about_something_else_lowers_nothing() {
    let (mut net, mut peer, stream) = sending();
    net.recv(&peer, ". 1 ack 1461");
    net.take(&mut peer);
    let stranger = Peer { ports: [peer.ports[0], 81], ..peer };
    for (about, number) in
        [(peer, 0), (peer, 1_460), (peer, 4_381), (peer, 900_000), (stranger, 1_461)]
    {
        net.error(&about, number, Problem::TooBig(600));
    }
    net.silent();
    assert!(net.host.tower.network_mut().too_big.is_empty());
    assert_eq!(net.counter("icmp_errors_unconfirmed"), 5);
    // Nothing is on its way, so nothing can be too long.
    net.recv(&peer, ". 1 ack 4381");
    net.error(&peer, 4_380, Problem::TooBig(600));
    assert!(net.host.tower.network_mut().too_big.is_empty());
    stream.abort();
    net.turn();
}

/// All connections over this path are told: the others need not lose segments to learn it. No message makes a path larger.
#[test]
fn all_connections_to_the_host_follow() {
    let (mut net, first, one) = sending();
    let (mut peer, outcome) = net.connect();
    net.take(&mut peer);
    net.recv(&peer, "S. 0 ack 1 <mss 1460>");
    net.take(&mut peer);
    let other = outcome.take().unwrap().unwrap();
    lower(&mut net, 1_000);
    net.error(&first, 1, Problem::TooBig(1_000));
    lower(&mut net, 1_400);
    net.error(&first, 1, Problem::TooBig(1_400));
    net.sent.clear();
    let sent = net.spawn(async move {
        other.send(&[1; 3_000][..]).await.unwrap();
        other
    });
    let lengths: Vec<_> = net.take_raw(&peer);
    assert_eq!(lengths, [960, 960, 960, 120]);
    sent.take().unwrap().abort();
    one.abort();
    net.turn();
}
