//! Connections that peers open: LISTEN, SYN-RECEIVED, and ports where nobody listens (RFC 9293 3.10.7.1, 3.10.7.2,
//! 3.10.7.4).

use network::Problem;

use crate::host::{Net, Peer};

/// A host whose port 80 has a service that reads until the end.
pub(crate) fn listening() -> Net {
    let mut net = Net::new();
    bind(&mut net, 80);
    net
}

pub(crate) fn bind(net: &mut Net, port: u16) {
    net.host
        .tower
        .bind(port, async |stream, _| {
            while stream
                .receive(|bytes| (bytes.len(), (!bytes.is_empty()).then_some(())))
                .await?
                .is_some()
            {}
            Ok(())
        })
        .unwrap();
}

/// RFC 9293 3.5, figure 6.
#[test]
fn a_connection_is_opened_in_three_steps() {
    let (mut net, mut peer) = (listening(), Peer::new(5000));
    net.recv(&peer, "S 0 <mss 1000,sackOK,TS 7 0,wscale 5>");
    net.sends(&mut peer, ["S. 0 ack 1 win 65535 <mss 1460,sackOK,TS 0 7,wscale 2>"]);
    // Nothing is kept for it but that it was answered.
    assert_eq!((net.count(), net.counter("accepted")), (0, 0));
    net.recv(&peer, ". 1 ack 1 <TS 8 0>");
    assert_eq!((net.count(), net.counter("accepted")), (1, 1));
    net.silent();
    net.recv(&peer, "P. 1:101 ack 1 <TS 9 0>");
    net.sends(&mut peer, [". 1 ack 101"]);
}

/// RFC 7323 1.3, 3.2, RFC 2018 2: an option is only in our answer if it was in the SYN.
#[test]
fn only_options_of_the_syn_are_answered() {
    for (syn, answer) in [
        ("S 0", "S. 0 ack 1 <mss 1460>"),
        ("S 0 <mss 1000>", "S. 0 ack 1 <mss 1460>"),
        ("S 0 <sackOK>", "S. 0 ack 1 <mss 1460,sackOK>"),
        ("S 0 <wscale 0>", "S. 0 ack 1 <mss 1460,wscale 2>"),
        ("S 0 <TS 5 0>", "S. 0 ack 1 <mss 1460,TS 0 5>"),
    ] {
        let (mut net, mut peer) = (listening(), Peer::new(5000));
        net.recv(&peer, syn);
        net.sends(&mut peer, [answer]);
    }
}

/// RFC 9293 3.10.7.1: nobody listens.
#[test]
fn a_port_where_nobody_listens_resets() {
    let mut net = Net::new();
    for (text, answer) in [
        ("S 0 <mss 1000>", "R. 0 ack 1 win 0"),
        ("SP 0:11", "R. 0 ack 11 win 0"),
        ("F 5", "R. 0 ack 6 win 0"),
        ("- 5", "R. 0 ack 5 win 0"),
        ("P 5:15", "R. 0 ack 15 win 0"),
        (". 5 ack 77", "R 77 win 0"),
        ("S. 5 ack 77", "R 77 win 0"),
        ("FP. 5:9 ack 77", "R 77 win 0"),
    ] {
        let mut peer = Peer::new(5000);
        net.recv(&peer, text);
        net.sends(&mut peer, [answer]);
    }
    let peer = Peer::new(5000);
    for text in ["R 5", "R. 5 ack 77", "RS 5", "RF. 5 ack 7"] {
        net.recv(&peer, text);
        net.silent();
    }
    assert_eq!(net.counter("resets_tx"), 8);
}

/// RFC 9293 3.10.7.2.
#[test]
fn what_is_no_syn_opens_nothing() {
    let mut net = listening();
    for (text, answer) in [
        (". 5 ack 77", "R 77"),
        ("S. 5 ack 77", "R 77"),
        ("FP. 5:9 ack 77", "R 77"),
        ("SF. 5 ack 77", "R 77"),
    ] {
        let mut peer = Peer::new(5000);
        net.recv(&peer, text);
        net.sends(&mut peer, [answer]);
    }
    // Fourth: without SYN, ACK and RST it is dropped. First: a reset is ignored.
    for text in ["- 5", "F 5", "P 5:15", "U 5", "R 5", "R. 5 ack 7", "RS 5"] {
        net.recv(&Peer::new(5000), text);
        net.silent();
    }
    assert_eq!(net.count(), 0);
}

/// RFC 9293 3.10.7.2 lets the data of a SYN wait. It is not kept, as it would be memory for whoever forges addresses: the peer
/// sends it again.
#[test]
fn data_with_a_syn_comes_again() {
    let (mut net, mut peer) = (listening(), Peer::new(5000));
    net.recv(&peer, "SP 0:11 <mss 1000>");
    net.sends(&mut peer, ["S. 0 ack 1 <mss 1460>"]);
    net.recv(&peer, "P. 1:11 ack 1");
    net.sends(&mut peer, [". 1 ack 11"]);
}

/// Data and FIN may come with the acknowledgment of our SYN.
#[test]
fn data_and_fin_come_with_the_acknowledgment() {
    let (mut net, mut peer) = (listening(), Peer::new(5000));
    net.recv(&peer, "S 0 <mss 1000>");
    net.sends(&mut peer, ["S. 0 ack 1 <mss 1460>"]);
    net.recv(&peer, "FP. 1:101 ack 1");
    net.sends(&mut peer, ["F. 1 ack 102"]);
    net.recv(&peer, ". 102 ack 2");
    assert_eq!(net.count(), 0);
}

/// The acknowledgment is lost: the first data opens the connection, also if it comes out of order.
#[test]
fn data_opens_the_connection_if_the_acknowledgment_is_lost() {
    let (mut net, mut peer) = (listening(), Peer::new(5000));
    net.recv(&peer, "S 0 <mss 1000>");
    net.sends(&mut peer, ["S. 0 ack 1 <mss 1460>"]);
    net.recv(&peer, "P. 1001:2001 ack 1");
    net.sends(&mut peer, [". 1 ack 1"]);
    net.recv(&peer, "P. 1:1001 ack 1");
    net.sends(&mut peer, [". 1 ack 2001"]);
}

/// Our answer is lost: it is sent again, and given up after a minute.
#[test]
fn an_answer_is_sent_again() {
    let (mut net, mut peer) = (listening(), Peer::new(5000));
    net.recv(&peer, "S 0 <mss 1000>");
    net.sends(&mut peer, ["S. 0 ack 1 <mss 1460>"]);
    for seconds in [1, 2, 4, 8, 16] {
        net.after(seconds * 1000 - 1);
        net.silent();
        net.after(1);
        net.sends(&mut peer, ["S. 0 ack 1 <mss 1460>"]);
    }
    net.after(32_000);
    net.silent();
    assert_eq!(net.counter("half_open_expired"), 1);
    // Whoever acknowledges it now hears that there is nothing.
    net.recv(&peer, ". 1 ack 1");
    net.sends(&mut peer, ["R 1"]);
}

/// The peer's SYN comes again: our answer was lost. Its newer timestamp is echoed (RFC 7323 4.3).
#[test]
fn a_syn_that_comes_again_is_answered_again() {
    let (mut net, mut peer) = (listening(), Peer::new(5000));
    for value in [7, 1007, 3007] {
        net.recv(&peer, &format!("S 0 <mss 1000,TS {value} 0>"));
        let echo = net.sent[0].segment.options.timestamps.unwrap().echo;
        assert_eq!(echo, peer.peer.clock.wrapping_add(value));
        net.sends(&mut peer, ["S. 0 ack 1 <mss 1460>"]);
        net.after(300);
    }
    net.recv(&peer, ". 1 ack 1");
    assert_eq!(net.counter("accepted"), 1);
    net.silent();
}

/// MUST-11: a reset ends SYN-RECEIVED, and the port goes on listening.
#[test]
fn a_reset_leaves_the_port_listening() {
    let (mut net, mut peer) = (listening(), Peer::new(5000));
    for _ in 0..3 {
        net.recv(&peer, "S 0 <mss 1000>");
        net.sends(&mut peer, ["S. 0 ack 1 <mss 1460>"]);
        net.recv(&peer, "R 1");
        net.silent();
        // It is forgotten.
        net.recv(&peer, ". 1 ack 1");
        net.sends(&mut peer, ["R 1"]);
    }
    net.open(&mut peer);
    assert_eq!(net.count(), 1);
}

/// RFC 5961 3.2 and 4.2: what is elsewhere in the window, or another SYN, is questioned; half a second apart.
#[test]
fn a_reset_or_syn_elsewhere_is_questioned() {
    for text in [
        "R 500",
        "S 77 <mss 1000>",
        "S 0 <mss 1000>".replace('S', "S.").as_str(),
        ". 70000 ack 1",
        ". 0 ack 1",
    ] {
        let text = if text == "S. 0 <mss 1000>" { "S. 0 ack 1 <mss 1000>" } else { text };
        let (mut net, mut peer) = (listening(), Peer::new(5000));
        net.recv(&peer, "S 0 <mss 1000>");
        net.sends(&mut peer, ["S. 0 ack 1 <mss 1460>"]);
        for _ in 0..2 {
            net.recv(&peer, text);
            net.sends(&mut peer, [". 1 ack 1"]);
            for _ in 0..10 {
                net.recv(&peer, text);
                net.silent();
            }
            net.after(500);
            net.take(&mut peer);
        }
        net.recv(&peer, ". 1 ack 1");
        assert_eq!(net.count(), 1, "{text}");
    }
    let (mut net, mut peer) = (listening(), Peer::new(5000));
    net.recv(&peer, "S 0 <mss 1000>");
    net.sends(&mut peer, ["S. 0 ack 1 <mss 1460>"]);
    for text in ["R 0", "R 70000", "- 1", "F 1", "P 1:11"] {
        net.recv(&peer, text);
        net.silent();
    }
    net.recv(&peer, ". 1 ack 1");
    assert_eq!(net.count(), 1);
}

/// RFC 9293 3.5, figure 8: an old duplicate SYN is answered, and the peer ends it by a reset; then its new one comes.
#[test]
fn an_old_duplicate_syn_is_recovered_from() {
    let (mut net, mut peer) = (listening(), Peer::new(5000));
    net.recv(&peer, "S -900 <mss 1000>");
    net.sends(&mut peer, ["S. 0 ack -899 <mss 1460>"]);
    net.recv(&peer, "R -899");
    net.open(&mut peer);
    assert_eq!(net.count(), 1);
}

/// RFC 9293 3.5, figure 8, but the new SYN comes before the reset of the old one: it is questioned first.
#[test]
fn an_old_duplicate_syn_with_a_new_one_behind_it_is_recovered_from() {
    let (mut net, mut peer) = (listening(), Peer::new(5000));
    net.recv(&peer, "S -900 <mss 1000>");
    net.sends(&mut peer, ["S. 0 ack -899 <mss 1460>"]);
    net.recv(&peer, "S 0 <mss 1000>");
    net.sends(&mut peer, [". 1 ack -899"]);
    net.recv(&peer, "R -899");
    net.silent();
    net.open(&mut peer);
}

/// RFC 9293 3.10.7.4, SYN-RECEIVED, fifth: an acknowledgment of something else is told by a reset.
#[test]
fn a_wrong_acknowledgment_is_told_by_a_reset() {
    let (mut net, mut peer) = (listening(), Peer::new(5000));
    net.recv(&peer, "S 0 <mss 1000>");
    net.sends(&mut peer, ["S. 0 ack 1 <mss 1460>"]);
    for (text, answer) in [(". 1 ack 0", "R 0"), (". 1 ack 2", "R 2"), ("P. 1:11 ack 900", "R 900")]
    {
        net.recv(&peer, text);
        net.sends(&mut peer, [answer]);
    }
    net.recv(&peer, ". 1 ack 1");
    assert_eq!(net.count(), 1);
}

/// RFC 7323 5.3: an old duplicate of an earlier connection does not open this one.
#[test]
fn an_old_timestamp_opens_nothing() {
    let (mut net, mut peer) = (listening(), Peer::new(5000));
    net.recv(&peer, "S 0 <mss 1000,TS 500 0>");
    net.sends(&mut peer, ["S. 0 ack 1 <mss 1460>"]);
    net.recv(&peer, "P. 1:11 ack 1 <TS 499 0>");
    net.sends(&mut peer, [". 1 ack 1"]);
    assert_eq!(net.count(), 0);
    net.recv(&peer, "P. 1:11 ack 1 <TS 501 0>");
    assert_eq!(net.count(), 1);
}

/// The service is gone before the handshake is done; what is open goes on.
#[test]
fn a_port_that_was_closed_resets() {
    let (mut net, mut open, mut half) = (listening(), Peer::new(5000), Peer::new(5001));
    net.open(&mut open);
    net.recv(&half, "S 0 <mss 1000>");
    net.sends(&mut half, ["S. 0 ack 1 <mss 1460>"]);
    assert!(net.host.tower.unbind(80) && !net.host.tower.unbind(80));
    net.recv(&half, ". 1 ack 1");
    net.sends(&mut half, ["R 1"]);
    let mut late = Peer::new(5002);
    net.recv(&late, "S 0 <mss 1000>");
    net.sends(&mut late, ["R. 0 ack 1"]);
    net.recv(&open, "P. 1:11 ack 1");
    net.sends(&mut open, [". 1 ack 11"]);
    bind(&mut net, 80);
    net.open(&mut late);
}

/// MUST-57: what is not addressed to us alone is dropped without a word, and so is what has no port.
#[test]
fn broadcasts_and_port_0_are_dropped() {
    let mut net = listening();
    let peer = Peer::new(5000);
    let bytes: &'static [u8] = net.bytes(&peer, "S 0 <mss 1000>").leak();
    let mut packet = crate::host::packet(peer.address, crate::host::OURS, bytes);
    packet.broadcast = true;
    net.deliver(packet);
    net.turn();
    net.recv(&Peer::new(0), "S 0 <mss 1000>");
    net.recv(&Peer { ports: [0, 5000], ..peer }, "S 0 <mss 1000>");
    net.silent();
    assert_eq!(net.counter("not_one_peer"), 3);
}

/// MUST-3: what was damaged on its way is dropped.
#[test]
fn a_wrong_checksum_is_dropped() {
    let mut net = listening();
    let peer = Peer::new(5000);
    let mut bytes = net.bytes(&peer, "S 0 <mss 1000>");
    bytes[5] ^= 1;
    net.deliver(crate::host::packet(peer.address, crate::host::OURS, bytes.leak()));
    net.turn();
    net.silent();
    assert_eq!((net.counter("bad_checksum"), net.counter("segments_rx")), (1, 0));
}

/// MUST-50: options of IP are ignored.
#[test]
fn options_of_ip_are_ignored() {
    let (mut net, mut peer) = (listening(), Peer::new(5000));
    let bytes = net.bytes(&peer, "S 0 <mss 1000>");
    let mut packet = crate::host::packet(peer.address, crate::host::OURS, bytes.leak());
    // 20 bytes of header, then a timestamp, a route that is recorded, and something unknown.
    packet.header = &[
        0x4a, 0, 0, 60, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 68, 8, 5, 0, 0, 0, 0, 0,
        7, 7, 4, 0, 0, 0, 0, 99, 4, 1, 1, 0,
    ];
    net.deliver(packet);
    net.turn();
    net.sends(&mut peer, ["S. 0 ack 1 <mss 1460>"]);
}

/// Linux forgets a connection in SYN-RECEIVED that an ICMP error says is refused; so do we, if the error quotes our SYN.
#[test]
fn an_error_about_our_answer_ends_it() {
    let (mut net, mut peer) = (listening(), Peer::new(5000));
    net.recv(&peer, "S 0 <mss 1000>");
    net.sends(&mut peer, ["S. 0 ack 1 <mss 1460>"]);
    net.error(&peer, 1, Problem::PortUnreachable);
    net.error(&peer, 0, Problem::HostUnreachable);
    assert_eq!(net.counter("icmp_errors_unconfirmed"), 1);
    net.after(1_000);
    net.sends(&mut peer, ["S. 0 ack 1 <mss 1460>"]);
    net.error(&peer, 0, Problem::PortUnreachable);
    net.after(10_000);
    net.silent();
    net.recv(&peer, ". 1 ack 1");
    net.sends(&mut peer, ["R 1"]);
}

/// A connection of our own address with itself (the attack "land") ends by itself.
#[test]
fn a_syn_from_our_own_address_loops_nothing() {
    let mut net = listening();
    let mut us = Peer { address: crate::host::OURS, ports: [80, 80], ..Peer::new(0) };
    net.recv(&us, "S 0 <mss 1000>");
    let mut rounds = 0;
    while let Some(sent) = net.take(&mut us).pop() {
        // What we send comes back.
        let header = tcp::Header {
            ports: sent.segment.ports,
            seq: sent.segment.seq,
            ack: sent.segment.ack,
            flags: sent.segment.flags,
            window: sent.segment.window,
            urgent: 0,
            options: sent.segment.options,
        };
        let bytes = header.with_checksum([us.address; 2], &&[][..]).as_bytes().to_vec();
        net.deliver(crate::host::packet(us.address, us.address, bytes.leak()));
        net.turn();
        rounds += 1;
        assert!(rounds < 10);
    }
    net.after(70_000);
    assert_eq!(net.count(), 0);
}
