//! Datagrams that nobody asked for.

use layer::Offloads;
use network::completed;

use super::*;

/// A layer with a service on port 8080.
fn with_service(test: impl FnOnce(Udp<'_, FakeNetwork>, &Region<'_>)) {
    with_layer(|mut udp, region| {
        udp.bind(8080, |request, _region| Ok(request)).unwrap();
        test(udp, region);
    });
}

#[test]
fn a_datagram_is_sent() {
    with_service(|mut udp, _| {
        assert_eq!(udp.send(NOW, 8080, CLIENT, b"bye"), Ok(Sent::Queued));
        let bytes = [0x1f, 0x90, 0x13, 0x88, 0, 11, 0xf1, 0x43, b'b', b'y', b'e'].to_vec();
        assert_eq!(udp.network.sent, [(Outgoing::new(PEER, Protocol::UDP), bytes)]);
        assert_eq!(udp.stats().datagrams_tx, 1);
    });
}

#[test]
fn a_checksum_that_is_completed_below_is_left_partial() {
    with_service(|mut udp, _| {
        udp.network.offloads = Offloads { checksum: true, ..Offloads::NONE };
        assert_eq!(udp.send(NOW, 8080, CLIENT, b"bye"), Ok(Sent::Queued));
        let (outgoing, bytes) = udp.network.sent.pop().unwrap();
        // 10.0.0.2, 10.0.0.1, protocol 17, length 11.
        assert_eq!(bytes[..8], [0x1f, 0x90, 0x13, 0x88, 0, 11, 0x14, 0x1f]);
        let checksum = outgoing.checksum.unwrap();
        assert_eq!(checksum, PartialChecksum::UDP);
        let mut expected = vec![0; 11];
        completed(&bytes[..], checksum).copy_to(0, &mut expected);
        udp.network.offloads = Offloads::NONE;
        assert_eq!(udp.send(NOW, 8080, CLIENT, b"bye"), Ok(Sent::Queued));
        let (outgoing, bytes) = udp.network.sent.pop().unwrap();
        assert_eq!((outgoing.checksum, bytes), (None, expected));
    });
}

#[test]
fn a_datagram_in_pieces_is_sent_as_one() {
    with_service(|mut udp, _| {
        assert_eq!(udp.send(NOW, 8080, CLIENT, (b"in ", (b"three", b" pieces"))), Ok(Sent::Queued));
        assert_eq!(reply(&mut udp), b"in three pieces");
    });
}

#[test]
fn ttl_tos_and_fragments_can_be_chosen() {
    with_service(|mut udp, _| {
        let outgoing = Outgoing {
            ttl: Some(1),
            tos: 0x10,
            dont_fragment: true,
            ..Outgoing::new(PEER, Protocol(9))
        };
        assert_eq!(udp.send_with(NOW, 8080, 5000, outgoing, b"bye"), Ok(Sent::Queued));
        let (sent, bytes) = &udp.network.sent[0];
        assert_eq!(*sent, Outgoing { protocol: Protocol::UDP, ..outgoing });
        assert_eq!(bytes[..8], [0x1f, 0x90, 0x13, 0x88, 0, 11, 0xf1, 0x43]);
    });
}

#[test]
fn the_longest_is_sent_and_a_longer_one_is_refused() {
    static BYTES: [u8; 70_000] = [7; 70_000];
    with_service(|mut udp, _| {
        assert_eq!(udp.max_datagram(PEER), 65_507);
        assert_eq!(udp.send(NOW, 8080, CLIENT, &BYTES[..65_507]), Ok(Sent::Queued));
        assert_eq!(reply(&mut udp), &BYTES[..65_507]);
        for length in [65_508, 65_528, 70_000] {
            let refused = Sent::NotSent(SendError::TooLong { length, most: 65_507 });
            assert_eq!(udp.send(NOW, 8080, CLIENT, &BYTES[..length]), Ok(refused));
        }
        assert_eq!(udp.stats().not_sent, 3);
        // The length field ends before a network that carries more.
        udp.network.max_payload = 1 << 20;
        assert_eq!(udp.max_datagram(PEER), 65_527);
        assert_eq!(udp.send(NOW, 8080, CLIENT, &BYTES[..65_527]), Ok(Sent::Queued));
        assert_eq!(udp.network.sent[0].1[4..6], [0xff, 0xff]);
    });
}

#[test]
fn what_the_network_refuses_is_told() {
    with_service(|mut udp, _| {
        udp.network.unreachable = Some(PEER);
        let refused = Sent::NotSent(SendError::NoRoute(PEER));
        assert_eq!(udp.send(NOW, 8080, CLIENT, b"x"), Ok(refused));
        assert_eq!((udp.stats().not_sent, udp.stats().datagrams_tx), (1, 0));
    });
}

#[test]
fn an_address_that_the_network_does_not_carry_is_the_reason() {
    with_service(|mut udp, _| {
        let six: SocketAddr = "[fe80::1]:9".parse().unwrap();
        let refused = Ok(Sent::NotSent(SendError::BadAddress(six.ip())));
        assert_eq!(udp.send(NOW, 8080, six, b"x"), refused);
        let outgoing = Outgoing { source: Some(OURS), ..Outgoing::new(six.ip(), Protocol::UDP) };
        assert_eq!(udp.send_with(NOW, 8080, 9, outgoing, b"x"), refused);
        udp.network.ours.clear();
        assert_eq!(udp.send(NOW, 8080, six, b"x"), refused);
        assert_eq!(udp.stats().not_sent, 3);
    });
}

/// Nobody would confirm an error about what comes from there.
#[test]
fn routers_may_fragment_what_no_port_here_sends() {
    with_service(|mut udp, _| {
        udp.serve_counters(Some(9100), own()).unwrap();
        for (port, routers_fragment) in [(8080, false), (8081, true), (9100, false), (0, true)] {
            assert_eq!(udp.send(NOW, port, CLIENT, b"x"), Ok(Sent::Queued));
            let (outgoing, _) = udp.network.sent.pop().unwrap();
            let expected = Outgoing { routers_fragment, ..Outgoing::new(PEER, Protocol::UDP) };
            assert_eq!(outgoing, expected, "port {port}");
        }
        let outgoing = Outgoing { routers_fragment: true, ..Outgoing::new(PEER, Protocol::UDP) };
        assert_eq!(udp.send_with(NOW, 8080, 5000, outgoing, b"x"), Ok(Sent::Queued));
        assert_eq!(udp.network.sent[0].0, outgoing);
    });
}

/// What TCP needs to stand on this layer.
#[test]
fn other_transports_send_through_this_one() {
    with_layer(|mut udp, _| {
        let outgoing = Outgoing::new(PEER, Protocol::TCP);
        assert_eq!(Network::send(&mut udp, NOW, &outgoing, b"segment"), Ok(Sent::Queued));
        udp.send_error(NOW, &packet(&REQUEST), Problem::PortUnreachable).unwrap();
        udp.packet_too_big(NOW, PEER, Protocol::UDP, 1400);
        assert_eq!(
            (udp.source_for(PEER), udp.max_payload(PEER), udp.event()),
            (Some(OURS), 65_515, 7)
        );
        assert_eq!(udp.next_deadline(), Some(Instant::from_millis(9)));
        let FakeNetwork { sent, errors, too_big, .. } = udp.network();
        assert_eq!(*sent, [(outgoing, b"segment".to_vec())]);
        assert_eq!(*errors, [(PEER, Problem::PortUnreachable)]);
        assert_eq!(*too_big, [(PEER, 1400)]);
        assert_eq!(*udp.stats(), Counters::default());
    });
}
